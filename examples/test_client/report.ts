// What a run came to: as one object for programs, as a table for people, as a line while it goes on.
import { addDurations, newDurations, percentileMs } from './histogram.ts'
import { type Tally, totalOf } from './tally.ts'

export interface Summary {
  readonly bots: number
  /** That played when the run ended. */
  readonly connected: number
  readonly seconds: number
  readonly errors: number
  readonly timeouts: number
  /** By kind, and by thing. */
  readonly errorKinds: Readonly<Record<string, number>>
  readonly timeoutsOf: Readonly<Record<string, number>>
  readonly things: Readonly<Record<string, ThingSummary>>
  readonly sync: { readonly recordsPerSecond: number; readonly p50Ms: number; readonly p99Ms: number }
  /** How late the bots themselves were: figures below it are theirs, not the server's. */
  readonly botLag: { readonly p99Ms: number; readonly maxMs: number }
}

export interface ThingSummary {
  readonly count: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** Follows the rates of a run: of the last second, and since all bots have been playing. */
export class Rates {
  readonly #bots: number
  #settled: { at: number; positions: number } | undefined
  #last = { at: 0, things: 0 }

  constructor(bots: number, now: number) {
    this.#bots = bots
    this.#last.at = now
  }

  /** To be called about once a second. Answers things done a second since the last time. */
  follow(tally: Tally, now: number): number {
    const things = doneIn(tally)
    const rate = (things - this.#last.things) / Math.max(0.001, (now - this.#last.at) / 1000)
    this.#last = { at: now, things }
    if (tally.playing === this.#bots) this.#settled ??= { at: now, positions: tally.positions }
    return rate
  }

  /** Position records a second since all were there, or over the whole run when they never were. */
  positionsPerSecond(tally: Tally, startedAt: number, now: number): number {
    const { at, positions } = this.#settled ?? { at: startedAt, positions: 0 }
    // A second is the least that makes a rate.
    if (now - at < 1000) return (tally.positions * 1000) / Math.max(1, now - startedAt)
    return ((tally.positions - positions) * 1000) / (now - at)
  }
}

export function summarize(tally: Tally, bots: number, seconds: number, recordsPerSecond: number): Summary {
  const things = Object.entries(tally.things).sort(([left], [right]) => (left < right ? -1 : 1))
  return {
    bots,
    connected: tally.playing,
    seconds: rounded(seconds),
    errors: totalOf(tally.errors),
    timeouts: totalOf(tally.timeouts),
    errorKinds: tally.errors,
    timeoutsOf: tally.timeouts,
    things: Object.fromEntries(
      things.map(([name, durations]) => [
        name,
        {
          count: durations.count,
          p50Ms: rounded(percentileMs(durations, 0.5)),
          p95Ms: rounded(percentileMs(durations, 0.95)),
          p99Ms: rounded(percentileMs(durations, 0.99)),
          maxMs: rounded(durations.maxMs),
        },
      ]),
    ),
    sync: {
      recordsPerSecond: Math.round(recordsPerSecond),
      p50Ms: rounded(percentileMs(tally.sync, 0.5)),
      p99Ms: rounded(percentileMs(tally.sync, 0.99)),
    },
    botLag: { p99Ms: rounded(percentileMs(tally.lag, 0.99)), maxMs: rounded(tally.lag.maxMs) },
  }
}

/** A run fails when nobody got in; a strict one at the first error or timeout. */
export const exitCodeOf = (tally: Tally, strict: boolean): number =>
  tally.playing === 0 || (strict && totalOf(tally.errors) + totalOf(tally.timeouts) > 0) ? 1 : 0

export function progressLine(tally: Tally, bots: number, thingsPerSecond: number): string {
  const all = newDurations()
  for (const [name, durations] of Object.entries(tally.things)) if (name !== 'Login') addDurations(all, durations)
  const parts = [
    `${tally.playing}/${bots} bots`,
    `${Math.round(thingsPerSecond)} things/s`,
    `p50 ${percentileMs(all, 0.5).toFixed(1)} ms`,
    `${totalOf(tally.errors)} errors`,
    `${totalOf(tally.timeouts)} timeouts`,
  ]
  return parts.join('   ')
}

export function table(summary: Summary): string {
  const { bots, connected, seconds, errors, timeouts, sync, botLag } = summary
  const rows = [['', 'count', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms', 'timeouts']]
  const names = new Set([...Object.keys(summary.things), ...Object.keys(summary.timeoutsOf)])
  for (const name of names) {
    const { count = 0, ...times } = summary.things[name] ?? {}
    const { p50Ms = 0, p95Ms = 0, p99Ms = 0, maxMs = 0 } = times as Partial<ThingSummary>
    const late = summary.timeoutsOf[name] ?? 0
    rows.push([name, `${count}`, ...[p50Ms, p95Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1)), late > 0 ? `${late}` : ''])
  }
  const widths = rows[0]!.map((_head, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  )
  const kinds = Object.entries(summary.errorKinds).map(([kind, count]) => `${count} × ${kind}`)
  return [
    `${connected} of ${bots} bots played at the end of ${seconds.toFixed(1)} s`,
    '',
    ...lines,
    '',
    `positions: ${sync.recordsPerSecond} records/s, p50 ${sync.p50Ms.toFixed(1)} ms, p99 ${sync.p99Ms.toFixed(1)} ms`,
    `the bots themselves were up to ${botLag.maxMs.toFixed(1)} ms late (p99 ${botLag.p99Ms.toFixed(1)} ms)`,
    `${errors} errors${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}, ${timeouts} timeouts`,
  ].join('\n')
}

const doneIn = (tally: Tally): number =>
  Object.entries(tally.things).reduce((sum, [name, { count }]) => (name === 'Login' ? sum : sum + count), 0)

const rounded = (value: number): number => Math.round(value * 100) / 100
