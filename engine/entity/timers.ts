// Timers of entities and of the game: one heap, one alarm at the clock for the earliest. An entity's timer names a
// method, never a closure, so that it can be saved with the entity.
import type { Clock, Scheduled } from '../base/clock.ts'
import { Heap } from '../base/heap.ts'

/** Names one timer of one entity. */
export type Timer = number & { readonly __timer?: true }

/** No timer repeats faster: a game that asks for less would do nothing else. */
export const INTERVAL_MIN_MS = 10

/** So many cancelled timers may stay in the heap, with their owners, before it is worth a look. */
const CANCELLED_KEPT = 256

export interface TimerOwner {
  /** Runs a timer's method; must not throw. */
  runTimer(method: string, args: readonly unknown[]): void
}

interface Entry {
  at: number
  order: number
  readonly owner: TimerOwner
  readonly timer: Timer
  readonly method: string
  readonly args: readonly unknown[]
  /** Between two runs, or 0 for a timer that runs once. */
  readonly intervalMs: number
  cancelled: boolean
}

export class Timers {
  readonly #clock: Clock
  /** The earliest first; those that were cancelled stay in it until they come up or are too many. */
  #heap = new Heap<Entry>()
  readonly #entries = new Map<Timer, Entry>()
  readonly #byOwner = new Map<TimerOwner, Set<Timer>>()
  #alarm: Scheduled | undefined
  #alarmAt = 0
  #last = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  /** How many are kept, those that were cancelled among them. */
  get held(): number {
    return this.#heap.size
  }

  add(owner: TimerOwner, delayMs: number, intervalMs: number, method: string, args: readonly unknown[]): Timer {
    if (!Number.isFinite(delayMs) || delayMs < 0) throw new RangeError(`a timer cannot wait ${delayMs} ms`)
    const timer = ++this.#last as Timer
    const entry: Entry = {
      at: this.#clock.now() + delayMs,
      order: timer,
      owner,
      timer,
      method,
      args,
      intervalMs: intervalMs > 0 ? Math.max(intervalMs, INTERVAL_MIN_MS) : 0,
      cancelled: false,
    }
    this.#entries.set(timer, entry)
    let owned = this.#byOwner.get(owner)
    if (!owned) {
      owned = new Set()
      this.#byOwner.set(owner, owned)
    }
    owned.add(timer)
    this.#heap.push(entry)
    this.#setAlarm()
    return timer
  }

  /** Whether it was still to run. A timer of somebody else is left alone. */
  cancel(owner: TimerOwner, timer: Timer): boolean {
    const entry = this.#entries.get(timer)
    if (!entry || entry.owner !== owner) return false
    this.#forget(entry)
    this.#sweep()
    return true
  }

  cancelAll(owner: TimerOwner): void {
    for (const timer of this.#byOwner.get(owner) ?? []) this.#forget(this.#entries.get(timer)!)
    this.#sweep()
  }

  /** Stops for good: the process ends. */
  stop(): void {
    this.#alarm?.cancel()
    this.#entries.clear()
    this.#byOwner.clear()
    while (this.#heap.pop());
  }

  #forget(entry: Entry): void {
    entry.cancelled = true
    this.#entries.delete(entry.timer)
    const owned = this.#byOwner.get(entry.owner)
    owned?.delete(entry.timer)
    if (owned?.size === 0) this.#byOwner.delete(entry.owner)
  }

  /** Makes the heap anew when most of it is cancelled: each cancel has paid for a part of that. */
  #sweep(): void {
    const cancelled = this.#heap.size - this.#entries.size
    if (cancelled <= CANCELLED_KEPT || cancelled * 2 <= this.#heap.size) return
    this.#heap = new Heap()
    for (const entry of this.#entries.values()) this.#heap.push(entry)
  }

  #setAlarm(): void {
    const next = this.#heap.peek()
    if (!next || (this.#alarm && this.#alarmAt <= next.at)) return
    this.#alarm?.cancel()
    this.#alarmAt = next.at
    this.#alarm = this.#clock.after(next.at - this.#clock.now(), () => this.#fire())
  }

  #fire(): void {
    this.#alarm = undefined
    const now = this.#clock.now()
    for (let entry = this.#heap.peek(); entry && (entry.cancelled || entry.at <= now); entry = this.#heap.peek()) {
      this.#heap.pop()
      if (entry.cancelled) continue
      if (entry.intervalMs > 0) {
        // From when it was due, so that it keeps its beat; beats that were missed are not made up for.
        entry.at += entry.intervalMs
        if (entry.at <= now) entry.at = now + entry.intervalMs
        this.#heap.push(entry)
      } else this.#forget(entry)
      entry.owner.runTimer(entry.method, entry.args)
    }
    this.#setAlarm()
  }
}
