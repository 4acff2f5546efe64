// When each client hears of what moves: at its own point in the interval. So the gate writes to a few all the time and never to
// all at once, and whoever waits for something else waits behind a few.
//
//     interval:   |0        |20       |40       |60       |80       |100 ms
//     clients:     a   c      e  b       f    h     d         g   i    a …
//
// The point of a client that says where its player is comes to lie a little behind what it says. Who says so shortly before its
// point is told in the same turn: what the kernel keeps of a connection is in the processor's cache then, and what is written
// acknowledges what was read.
//
// Only those for whom there is something are looked after; what comes in the meantime goes along. Who hears in compact form
// hears when the game says that an interval is over; in case that it does not, a whole interval later at the latest.
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import { larger } from '../../engine/base/larger.ts'

/** Clients are looked after so often. */
const TICK_MS = 4
/** A power of two. What is due after more than this is passed over until then. */
const TICKS = 64
/** Spreads numbers that follow each other evenly, wherever they end: the golden ratio. */
const SPREAD = 0.618_033_988_749_895

/** A client that has just spoken is told so much before its point at the most, in parts of the interval. */
const EARLY = 1 / 5
/** A point moves by so much in an interval at the most. So nothing that happens once, like a pause of the process, moves it far. */
const FOLLOW_MS = 2

/**
 * What comes so shortly after a point for which there was nothing is told for that one. Or else what moves once in an interval, at
 * about that point, would be told in every other: late, and then overtaken by the next.
 */
const LATE_MS = 2 * TICK_MS

/** Of the states: the client will be told; */
const DUE = 1
/** it is told when an interval of its game is over. */
const FLUSHED = 2
/** it has spoken since it was told. */
const HEARD = 4
/** Until a game has said otherwise. */
const INTERVAL_MS = 100

export class Phases {
  /** By the client's slot: none or some of DUE, FLUSHED and HEARD. */
  #states = new Uint8Array(64)
  /** By the game. */
  readonly #intervals = new Map<number, number>()
  readonly #clock: Clock
  readonly #tell: (slot: number) => void
  /** By the tick in which they are due, modulo TICKS: that tick, slot, tick, slot, … */
  readonly #due: number[][] = Array.from({ length: TICKS }, () => [])
  /** By the client's slot. */
  #dueTicks = new Float64Array(64)
  /** By the client's slot: its point, in parts of the interval; */
  #points = new Float64Array(64)
  /** how long that was when it was asked for last; */
  #spansMs = new Float64Array(64)
  /** when it was to be told for the last time that it was; */
  #toldMs = new Float64Array(64)
  /** when it spoke. */
  #heardMs = new Float64Array(64)
  #count = 0
  /** By the game: slots of those who are told when its interval is over, and for whom there is something else. */
  readonly #changed = new Map<number, number[]>()
  /** The last tick whose clients were told. */
  #tick = 0
  #timer: Scheduled | undefined

  /** `tell`: the client's time has come. */
  constructor(clock: Clock, tell: (slot: number) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  /** A client has come into the slot. */
  add(slot: number): void {
    if (slot >= this.#states.length) this.#grow(slot)
    this.#states[slot] = 0
    this.#points[slot] = (slot * SPREAD) % 1
    this.#toldMs[slot] = Number.NEGATIVE_INFINITY
  }

  /** The client is told of positions when an interval is over. */
  addFlushed(slot: number): void {
    this.#states[slot] = FLUSHED
  }

  /** The client is gone. */
  remove(slot: number): void {
    this.#states[slot] = 0
  }

  /** So long is an interval of the game, in milliseconds. */
  learnInterval(gameId: number, intervalMs: number): void {
    this.#intervals.set(gameId, intervalMs)
  }

  intervalOf(gameId: number): number {
    return this.#intervals.get(gameId) ?? INTERVAL_MS
  }

  /** The client sees something of a game with such intervals, and it has moved. */
  moved(slot: number, intervalMs: number): void {
    if ((this.#states[slot]! & FLUSHED) === 0) this.#say(slot, intervalMs)
  }

  /** There is something else for it, of that game, that may go along with positions. */
  changed(slot: number, gameId: number): void {
    if (this.#states[slot]! & FLUSHED) {
      const changed = this.#changed.get(gameId)
      if (changed) changed.push(slot)
      else this.#changed.set(gameId, [slot])
    }
    this.#say(slot, this.intervalOf(gameId))
  }

  /** An interval of the game is over: tells those of whom only that was awaited. */
  flushed(gameId: number): void {
    const changed = this.#changed.get(gameId)
    if (changed === undefined) return
    this.#changed.delete(gameId)
    for (const slot of changed) if (this.#states[slot] === (FLUSHED | DUE)) this.#release(slot)
  }

  /** The game is gone: another one may have other intervals. */
  gameDown(gameId: number): void {
    this.flushed(gameId)
    this.#intervals.delete(gameId)
  }

  /** There is something for it that may wait as long as positions do, as a rule. Answers whether nothing else did until then. */
  told(slot: number): boolean {
    return this.#say(slot, INTERVAL_MS)
  }

  /** The client has said where its player is. */
  heard(slot: number): void {
    const state = this.#states[slot]!
    if (state & FLUSHED) return
    this.#states[slot] = state | HEARD
    const nowMs = this.#clock.now()
    this.#heardMs[slot] = nowMs
    if (state & DUE && this.#dueTicks[slot]! * TICK_MS - nowMs <= this.#earlyMs(slot)) this.#release(slot)
  }

  #say(slot: number, intervalMs: number): boolean {
    const state = this.#states[slot]!
    // Nearly always, and then nobody looks at the clock.
    if (state & DUE && (this.#dueTicks[slot]! - this.#tick) * TICK_MS <= intervalMs) return false
    const nowMs = this.#clock.now()
    const dueMs = state & FLUSHED ? nowMs + intervalMs : this.#pointAfter(slot, nowMs, intervalMs)
    if ((state & DUE) === 0 || Math.ceil(dueMs / TICK_MS) < this.#dueTicks[slot]!)
      this.#await(slot, nowMs, dueMs, intervalMs)
    return (state & DUE) === 0
  }

  /** The first of the client's points for which it was not told yet: it may have passed a moment ago. */
  #pointAfter(slot: number, nowMs: number, intervalMs: number): number {
    const pointMs = this.#points[slot]! * intervalMs
    const lastMs = pointMs + Math.floor((nowMs - pointMs) / intervalMs) * intervalMs
    // That one may have moved.
    const toldMs = this.#toldMs[slot]! + 1.5 * FOLLOW_MS
    if (lastMs > toldMs && nowMs - lastMs < LATE_MS) return nowMs
    const nextMs = lastMs + intervalMs
    return nextMs > toldMs ? nextMs : nextMs + intervalMs
  }

  #await(slot: number, nowMs: number, dueMs: number, intervalMs: number): void {
    this.#states[slot]! |= DUE
    this.#spansMs[slot] = intervalMs
    this.#count++
    if (this.#timer === undefined) {
      this.#tick = Math.floor(nowMs / TICK_MS)
      this.#timer = this.#clock.after(TICK_MS, this.#run)
    }
    const dueTick = Math.max(Math.ceil(dueMs / TICK_MS), this.#tick + 1)
    this.#dueTicks[slot] = dueTick
    this.#due[dueTick % TICKS]!.push(dueTick, slot)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  readonly #run = () => {
    const last = Math.floor(this.#clock.now() / TICK_MS)
    const ticks = Math.min(last - this.#tick, TICKS)
    this.#tick = last
    for (let tick = last - ticks + 1; tick <= last; tick++) this.#runTick(tick % TICKS, last)
    this.#timer = this.#count > 0 ? this.#clock.after(TICK_MS, this.#run) : undefined
  }

  #runTick(at: number, last: number): void {
    const due = this.#due[at]!
    let left = 0
    // What is told may ask for more, which is added behind.
    for (let one = 0; one < due.length; one += 2) {
      const tick = due[one]!
      const slot = due[one + 1]!
      if (tick > last) {
        due[left++] = tick
        due[left++] = slot
        continue
      }
      this.#count--
      // It may be due earlier by now, or have been; or it is gone.
      if (this.#states[slot]! & DUE && this.#dueTicks[slot] === tick) this.#release(slot)
    }
    due.length = left
  }

  #release(slot: number): void {
    const state = this.#states[slot]!
    if (state & HEARD) this.#follow(slot)
    this.#states[slot] = state & FLUSHED
    this.#toldMs[slot] = this.#dueTicks[slot]! * TICK_MS
    this.#tell(slot)
  }

  /** Moves the client's point to where it is heard shortly before it. */
  #follow(slot: number): void {
    const spanMs = this.#spansMs[slot]!
    const earlyMs = this.#earlyMs(slot)
    const aheadMs = this.#dueTicks[slot]! * TICK_MS - this.#heardMs[slot]!
    // Where it is heard in time the point stays, or who speaks often would draw it along; but for those who are nearly late.
    if (aheadMs <= earlyMs && aheadMs > earlyMs / 2) return
    // It may as well belong to the point before.
    const away = (earlyMs / 2 - aheadMs) / spanMs
    const awayMs = (away - Math.round(away)) * spanMs
    this.#points[slot]! += Math.max(-FOLLOW_MS, Math.min(FOLLOW_MS, awayMs)) / spanMs
  }

  #earlyMs(slot: number): number {
    return EARLY * this.#spansMs[slot]!
  }

  #grow(slot: number): void {
    const count = Math.max(slot + 1, this.#states.length * 2)
    this.#states = larger(this.#states, count)
    this.#dueTicks = larger(this.#dueTicks, count)
    this.#points = larger(this.#points, count)
    this.#spansMs = larger(this.#spansMs, count)
    this.#toldMs = larger(this.#toldMs, count)
    this.#heardMs = larger(this.#heardMs, count)
  }
}
