// Timers of entities: one heap, one alarm at the clock for the earliest. A timer names a method, never a closure, so that
// it can be saved with its entity, when the game freezes or the entity moves to another game.
//
//     after: once      every: again and again, on its beat      cron: whenever its pattern is due, by the clock on the wall
import type { Clock, Scheduled } from '../base/clock.ts'
import { Heap } from '../base/heap.ts'
import { CronPattern } from './cron.ts'

/** Names one timer of one entity, for as long as that lives, wherever it goes. */
export type Timer = number & { readonly __timer?: true }

/** No timer repeats faster: a game that asks for less would do nothing else. */
export const INTERVAL_MIN_MS = 10

/** So many cancelled timers may stay in the heap, with their owners, before it is worth a look. */
const CANCELLED_KEPT = 256
/** The clock on the wall may be set while an alarm for it waits: it is looked at as often as this. */
const WALL_CHECK_MS = 60_000

export interface TimerOwner {
  /** The number of the timer that it was given last. */
  lastTimer: number
  /** Those that are still to run, in the order in which they were set; undefined without any. Timers keeps it. */
  timers: PendingTimer[] | undefined
  /** Runs a timer's method; must not throw. */
  runTimer(method: string, args: readonly unknown[]): void
}

/** A timer as it is saved. `leftMs` until it is due; less than 0 when it should have run. */
export interface SavedTimer {
  readonly timer: number
  readonly method: string
  readonly args: readonly unknown[]
  readonly leftMs: number
  readonly intervalMs: number
  readonly cron: string
}

export interface PendingTimer {
  at: number
  /** Those that are due at the same time run in the order in which they were set. */
  order: number
  readonly owner: TimerOwner
  readonly timer: Timer
  readonly method: string
  readonly args: readonly unknown[]
  /** Between two runs, or 0 for a timer that runs once. */
  readonly intervalMs: number
  readonly cron: CronPattern | undefined
  /** When the pattern is due, by the clock on the wall. */
  cronMs: number
  cancelled: boolean
}

/** Most have none: they share this. */
const NO_ARGS: readonly unknown[] = []

export class Timers {
  readonly #clock: Clock
  /** The earliest first; those that were cancelled stay in it until they come up or are too many. */
  #heap = new Heap<PendingTimer>()
  #size = 0
  #order = 0
  #alarm: Scheduled | undefined
  #alarmAt = 0
  #paused = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#size
  }

  /** How many are kept, those that were cancelled among them. */
  get held(): number {
    return this.#heap.size
  }

  add(owner: TimerOwner, delayMs: number, intervalMs: number, method: string, args: readonly unknown[]): Timer {
    if (!Number.isFinite(delayMs) || delayMs < 0) throw new RangeError(`a timer cannot wait ${delayMs} ms`)
    const at = this.#clock.now() + delayMs
    const beatMs = intervalMs > 0 ? Math.max(intervalMs, INTERVAL_MIN_MS) : 0
    return this.#add(owner, ++owner.lastTimer, method, args, at, beatMs, undefined, 0)
  }

  /** Throws a TypeError for what is no crontab pattern. */
  addCron(owner: TimerOwner, pattern: string, method: string, args: readonly unknown[]): Timer {
    const cron = new CronPattern(pattern)
    return this.#add(owner, ++owner.lastTimer, method, args, 0, 0, cron, cron.nextMs(this.#clock.wallMs()))
  }

  /** Whether it was still to run. A timer of somebody else is left alone. */
  cancel(owner: TimerOwner, timer: Timer): boolean {
    const entry = owner.timers?.[placeOf(owner.timers, timer)]
    if (entry?.timer !== timer) return false
    this.#forget(entry)
    this.#sweep()
    return true
  }

  cancelAll(owner: TimerOwner): void {
    if (!owner.timers) return
    for (const entry of owner.timers) entry.cancelled = true
    this.#size -= owner.timers.length
    owner.timers = undefined
    this.#sweep()
  }

  /** Those of one owner, in the order in which they were set. */
  saved(owner: TimerOwner): SavedTimer[] {
    const nowMs = this.#clock.now()
    const entries = owner.timers ?? []
    return entries.map(({ timer, method, args, at, intervalMs, cron, cronMs }) => ({
      timer,
      method,
      args,
      leftMs: cron ? cronMs - this.#clock.wallMs() : at - nowMs,
      intervalMs,
      cron: cron?.text ?? '',
    }))
  }

  /**
   * Sets a timer that was saved `elapsedMs` ago; those of one owner in the order in which they were set. What should have
   * run meanwhile runs once.
   */
  restore(owner: TimerOwner, saved: Omit<SavedTimer, 'args'>, args: readonly unknown[], elapsedMs: number): void {
    const { timer, method, leftMs, intervalMs, cron } = saved
    // Less than 0 when it should have run: so those run in the order in which they were due.
    const dueInMs = leftMs - elapsedMs
    const pattern = cron === '' ? undefined : new CronPattern(cron)
    const cronMs = pattern ? this.#clock.wallMs() + dueInMs : 0
    this.#add(owner, timer, method, args, this.#clock.now() + dueInMs, intervalMs, pattern, cronMs)
  }

  /** None runs until `resume`. */
  pause(): void {
    this.#paused = true
    this.#alarm?.cancel()
    this.#alarm = undefined
  }

  resume(): void {
    this.#paused = false
    this.#setAlarm()
  }

  /** Stops for good: the process ends. */
  stop(): void {
    this.pause()
    for (let entry = this.#heap.pop(); entry; entry = this.#heap.pop()) entry.owner.timers = undefined
    this.#size = 0
  }

  #add(
    owner: TimerOwner,
    timer: Timer,
    method: string,
    given: readonly unknown[],
    at: number,
    intervalMs: number,
    cron: CronPattern | undefined,
    cronMs: number,
  ): Timer {
    const order = ++this.#order
    const args = given.length > 0 ? given : NO_ARGS
    const entry: PendingTimer = {
      at,
      order,
      owner,
      timer,
      method,
      args,
      intervalMs,
      cron,
      cronMs,
      cancelled: false,
    }
    if (cron) entry.at = this.#alarmFor(entry)
    if (owner.timers) owner.timers.push(entry)
    else owner.timers = [entry]
    this.#size++
    this.#heap.push(entry)
    this.#setAlarm()
    return timer
  }

  #forget(entry: PendingTimer): void {
    const { owner } = entry
    entry.cancelled = true
    this.#size--
    if (owner.timers!.length === 1) owner.timers = undefined
    else owner.timers!.splice(placeOf(owner.timers!, entry.timer), 1)
  }

  /** Makes the heap anew when most of it is cancelled: each cancel has paid for a part of that. */
  #sweep(): void {
    const cancelled = this.#heap.size - this.#size
    if (cancelled <= CANCELLED_KEPT || cancelled * 2 <= this.#heap.size) return
    const swept = new Heap<PendingTimer>()
    for (let entry = this.#heap.pop(); entry; entry = this.#heap.pop()) if (!entry.cancelled) swept.push(entry)
    this.#heap = swept
  }

  #setAlarm(): void {
    const next = this.#heap.peek()
    if (this.#paused || !next || (this.#alarm && this.#alarmAt <= next.at)) return
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
      if (this.#isDue(entry, now)) entry.owner.runTimer(entry.method, entry.args)
      if (this.#paused) return
    }
    this.#setAlarm()
  }

  /** Whether it runs now; whatever comes after that is set. */
  #isDue(entry: PendingTimer, now: number): boolean {
    if (entry.cron) {
      const wallMs = this.#clock.wallMs()
      const due = wallMs >= entry.cronMs
      if (due) entry.cronMs = entry.cron.nextMs(wallMs)
      entry.at = this.#alarmFor(entry)
      if (entry.cronMs === Number.POSITIVE_INFINITY) this.#forget(entry)
      else this.#heap.push(entry)
      return due
    }
    if (entry.intervalMs === 0) {
      this.#forget(entry)
      return true
    }
    // From when it was due, so that it keeps its beat; beats that were missed are not made up for.
    entry.at += entry.intervalMs
    if (entry.at <= now) entry.at = now + entry.intervalMs
    this.#heap.push(entry)
    return true
  }

  /** When to look whether the pattern is due: then, or before, lest the clock on the wall was set. */
  #alarmFor({ cronMs }: PendingTimer): number {
    const leftMs = cronMs - this.#clock.wallMs()
    return this.#clock.now() + Math.max(0, Math.min(leftMs, WALL_CHECK_MS))
  }
}

/** Where a timer is in the list, or would be: numbers grow in the order in which timers were set. */
function placeOf(timers: readonly PendingTimer[], timer: number): number {
  let low = 0
  let high = timers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (timers[middle]!.timer < timer) low = middle + 1
    else high = middle
  }
  return low
}
