// Which seeds a test runs: as many as it is told, from 1 on, or the one that is to be repeated.

/** `GOWORLD_SEED=n` is that one alone, `GOWORLD_SEEDS=n` so many; else `count`. */
export function seeds(count: number, env: NodeJS.ProcessEnv = process.env): number[] {
  const { GOWORLD_SEED: one, GOWORLD_SEEDS: many } = env
  if (one) return [Number(one)]
  return Array.from({ length: many ? Number(many) : count }, (_, n) => n + 1)
}
