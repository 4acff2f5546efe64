// Randomness, handed in like time: seeded in tests and in the simulator, from the machine in production.

/** A number in [0, 1). */
export type Random = () => number

export const machineRandom: Random = () => Math.random()

/** Mulberry32: small, fast, the same on every machine. Not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
