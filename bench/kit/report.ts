// How a benchmark says what it has measured: a line each for people, or with JSON=1 an object a line for programs. A
// target that is missed makes the exit code 1.
import { cpus } from 'node:os'

export interface Figure {
  readonly scenario: string
  readonly metric: string
  readonly value: number
  readonly unit: string
  /** The least and the most of several measurements, of which `value` is the median. */
  readonly low?: number
  readonly high?: number
  /** GoWorld's, measured on a machine of this kind (2 cores, loopback TCP, one dispatcher, game and gate, no database). */
  readonly goworld?: number
  /** What it must reach, or must not exceed. */
  readonly atLeast?: number
  readonly atMost?: number
}

/** A figure as programs read it. */
export interface Reported {
  readonly scenario: string
  readonly metric: string
  readonly value: number
  readonly unit: string
  readonly low: number | null
  readonly high: number | null
  readonly goworld: number | null
  readonly target: number | null
  /** Whether the target is an upper bound. */
  readonly atMost: boolean
  readonly ok: boolean
}

export interface Machine {
  readonly node: string
  readonly cores: number
  readonly cpu: string
}

const json = process.env['JSON'] === '1'
let printer: Printer | undefined

/** Says a figure of this process. */
export function report(figure: Figure): void {
  const reported = asReported(figure)
  if (!reported.ok) process.exitCode = 1
  if (!printer) {
    printer = new Printer()
    if (json) console.log(JSON.stringify(thisMachine()))
    else printer.machine(thisMachine())
  }
  if (json) console.log(JSON.stringify(reported))
  else printer.figure(reported)
}

/** Says what a figure is worth: the load generator was late, say. */
export function remark(text: string): void {
  if (json) console.error(text)
  else console.log(`  ! ${text}`)
}

function asReported({ scenario, metric, value, unit, low, high, goworld, atLeast, atMost }: Figure): Reported {
  const short = (number: number | undefined) => (number === undefined ? null : Number(number.toPrecision(4)))
  return {
    scenario,
    metric,
    value: Number(value.toPrecision(4)),
    unit,
    low: short(low),
    high: short(high),
    goworld: goworld ?? null,
    target: atLeast ?? atMost ?? null,
    atMost: atMost !== undefined,
    ok: value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY),
  }
}

/** Lines for people; `before` is the same figure of an earlier run. */
export class Printer {
  #scenario: string | undefined

  machine({ node, cores, cpu }: Machine): void {
    console.log(`Node.js ${node}, ${cores} × ${cpu}`)
  }

  figure(figure: Reported, before?: number): void {
    const { scenario, metric, value, unit, low, high, goworld, target, atMost, ok } = figure
    if (scenario !== this.#scenario) console.log(`\n${scenario}`)
    this.#scenario = scenario
    const columns = [
      `  ${metric.padEnd(44)} ${`${short(value)} ${unit}`.padEnd(16)}`,
      (low === null || high === null ? '' : `${short(low)} – ${short(high)}`).padEnd(16),
      (goworld === null ? '' : `GoWorld ${short(goworld)}`).padEnd(18),
      (target === null ? '' : `${atMost ? '≤' : '≥'} ${short(target)}: ${ok ? 'ok' : 'MISSED'}`).padEnd(18),
      before === undefined ? '' : `${(value / before).toFixed(2)} × before`,
    ]
    console.log(columns.join(' ').trimEnd())
  }
}

/** Under which all figures of a run stand. */
function thisMachine(): Machine {
  const [cpu] = cpus()
  return { node: process.version, cores: cpus().length, cpu: cpu?.model ?? '?' }
}

/** Four digits at the most. */
export function short(value: number): string {
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  if (Math.abs(value) >= 1000) return value.toFixed(0)
  return String(Number(value.toPrecision(3)))
}

/** Several measurements of one figure: their median, the least and the most. */
export const spread = (values: readonly number[]): Pick<Figure, 'value' | 'low' | 'high'> => ({
  value: median(values),
  low: Math.min(...values),
  high: Math.max(...values),
})

/** The median of some measurements. */
export const median = (values: readonly number[]): number => percentile(values, 0.5)

/** `share` from 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
