// How a benchmark says what it has measured: a line each for people, or with JSON=1 an object a line for programs. A
// target that is missed makes the exit code 1.
import { cpus } from 'node:os'

export interface Figure {
  readonly scenario: string
  readonly metric: string
  readonly value: number
  readonly unit: string
  /** What it must reach, or must not exceed. */
  readonly atLeast?: number
  readonly atMost?: number
}

const json = process.env['JSON'] === '1'
let lastScenario: string | undefined

export function report({ scenario, metric, value, unit, atLeast, atMost }: Figure): void {
  const target = atLeast ?? atMost ?? null
  const ok = value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY)
  if (!ok) process.exitCode = 1
  if (lastScenario === undefined) sayMachine()
  if (json) console.log(JSON.stringify({ scenario, metric, value: Number(value.toPrecision(4)), unit, target, ok }))
  else {
    if (scenario !== lastScenario) console.log(`\n${scenario}`)
    const wanted =
      target === null ? '' : `  ${atLeast === undefined ? '≤' : '≥'} ${short(target)}: ${ok ? 'ok' : 'MISSED'}`
    console.log(`  ${metric.padEnd(52)} ${`${short(value)} ${unit}`.padEnd(18)}${wanted}`.trimEnd())
  }
  lastScenario = scenario
}

/** Under which all figures of a run stand. */
function sayMachine(): void {
  const [cpu] = cpus()
  const machine = { node: process.version, cores: cpus().length, cpu: cpu?.model ?? '?' }
  console.log(json ? JSON.stringify(machine) : `Node.js ${machine.node}, ${machine.cores} × ${machine.cpu}`)
}

function short(value: number): string {
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  if (Math.abs(value) >= 1000) return value.toFixed(0)
  return String(Number(value.toPrecision(3)))
}

/** The median of some measurements. */
export const median = (values: readonly number[]): number => percentile(values, 0.5)

/** `share` from 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
