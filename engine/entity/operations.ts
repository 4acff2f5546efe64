// What the methods and hooks of each class cost: how often they ran, how long in all, how long at most. Time is that of
// the call itself: what a method does after an `await` is not in it.
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'

/** The game does nothing else meanwhile: its players notice. */
const SLOW_MS = 100
/** How long a slow operation is not logged again. */
const QUIET_MS = 10_000
/** So many are shown. */
const SHOWN = 20

export interface Operation {
  readonly name: string
  count: number
  totalMs: number
  maxMs: number
  loggedMs: number
}

export class Operations {
  readonly #clock: Clock
  readonly #log: Log
  readonly #kinds = new Map<string, Map<string, Operation>>()
  /** When the last one did. */
  #endedMs = 0
  /** Whether one has, since `goOn` was asked last. */
  #hasEnded = false
  #goesOn = false

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** The account of one method or hook of a class. */
  of(kind: string, method: string): Operation {
    let operations = this.#kinds.get(kind)
    if (!operations) {
      operations = new Map()
      this.#kinds.set(kind, operations)
    }
    let operation = operations.get(method)
    if (!operation) {
      operation = { name: `${kind}.${method}`, count: 0, totalMs: 0, maxMs: 0, loggedMs: Number.NEGATIVE_INFINITY }
      operations.set(method, operation)
    }
    return operation
  }

  /** Whether the next one begins where the last has ended, if one has just now: nothing but the engine has run between them. */
  goOn(goesOn: boolean): void {
    this.#goesOn = goesOn && this.#hasEnded
    this.#hasEnded = false
  }

  start(): number {
    if (!this.#goesOn) return this.#clock.now()
    this.#goesOn = false
    return this.#endedMs
  }

  end(operation: Operation, startMs: number): void {
    const nowMs = this.#clock.now()
    this.#endedMs = nowMs
    this.#hasEnded = true
    const ms = nowMs - startMs
    operation.count++
    operation.totalMs += ms
    if (ms > operation.maxMs) operation.maxMs = ms
    if (ms < SLOW_MS || nowMs - operation.loggedMs < QUIET_MS) return
    operation.loggedMs = nowMs
    this.#log.warn(`${operation.name} took ${Math.round(ms)} ms: the whole game waited for it`)
  }

  /** Those that took most of the time, the costliest first. */
  status(): readonly { name: string; count: number; totalMs: number; meanMs: number; maxMs: number }[] {
    const all = [...this.#kinds.values()].flatMap((operations) => [...operations.values()])
    return all
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.totalMs - a.totalMs)
      .slice(0, SHOWN)
      .map(({ name, count, totalMs, maxMs }) => ({
        name,
        count,
        totalMs: rounded(totalMs),
        meanMs: rounded(totalMs / count),
        maxMs: rounded(maxMs),
      }))
  }
}

const rounded = (ms: number) => Math.round(ms * 1000) / 1000
