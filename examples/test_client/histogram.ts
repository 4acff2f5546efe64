// How long things took: counts by duration, each a few percent exact, in memory that does not grow. Those of several
// threads add up.
//
//     0 … 63 µs: one place each | 64 … 127: 32 places | 128 … 255: 32 places | … | 2^30 … 2^31 µs: 32 places
const EXACT = 64
const STEPS = 32
const PLACES = EXACT + (31 - 6) * STEPS

/** What travels between threads. */
export interface Durations {
  readonly counts: Uint32Array
  count: number
  maxMs: number
}

export const newDurations = (): Durations => ({ counts: new Uint32Array(PLACES), count: 0, maxMs: 0 })

export function addDuration(durations: Durations, ms: number): void {
  const place = placeOf(ms * 1000)
  durations.counts[place] = durations.counts[place]! + 1
  durations.count++
  if (ms > durations.maxMs) durations.maxMs = ms
}

export function addDurations(to: Durations, from: Durations): void {
  for (let place = 0; place < PLACES; place++) to.counts[place] = to.counts[place]! + from.counts[place]!
  to.count += from.count
  to.maxMs = Math.max(to.maxMs, from.maxMs)
}

/** The duration that `share` (0 … 1) of all did not exceed; 0 when there are none. */
export function percentileMs({ counts, count, maxMs }: Durations, share: number): number {
  let left = Math.ceil(count * share)
  if (left <= 0) return 0
  for (let place = 0; place < PLACES; place++) {
    left -= counts[place]!
    if (left <= 0) return Math.min(maxMs, middleUs(place) / 1000)
  }
  return maxMs
}

function placeOf(us: number): number {
  const whole = us < 0 ? 0 : us > 0x7fffffff ? 0x7fffffff : Math.floor(us)
  if (whole < EXACT) return whole
  const power = 31 - Math.clz32(whole)
  return EXACT + (power - 6) * STEPS + ((whole >>> (power - 5)) & (STEPS - 1))
}

function middleUs(place: number): number {
  if (place < EXACT) return place + 0.5
  const power = 6 + Math.floor((place - EXACT) / STEPS)
  const step = (place - EXACT) % STEPS
  return 2 ** power * (1 + (step + 0.5) / STEPS)
}
