// When each client hears of what moves: at its own point in the interval. So the gate writes to a few all the time and never to
// all at once, and whoever waits for something else waits behind a few.
//
//     interval:   |0        |20       |40       |60       |80       |100 ms
//     clients:     a   c      e  b       f    h     d         g   i    a …
//
// Only those for whom there is something are looked after; what comes in the meantime goes along. What leaves at once (an
// answer) takes along what waits, which would have been a write of its own; the client's next time is an interval later. From
// there its times go back to its own point, a little later each time: or whoever heard something together would stay together.
// Who hears in compact form hears when the game says that an interval is over; in case that it does not, a whole interval later at the latest.
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import { larger } from '../../engine/base/larger.ts'

/** Clients are looked after so often. */
const TICK_MS = 4
/** A power of two. What is due after more than this is passed over until then. */
const TICKS = 64
/** Spreads numbers that follow each other evenly, wherever they end: the golden ratio. */
const SPREAD = 0.618_033_988_749_895

/** Of the states: the client will be told; */
const DUE = 1
/** it is told when an interval of its game is over. */
const FLUSHED = 2
/** Until a game has said otherwise. */
const INTERVAL_MS = 100

/** So much of the interval may be left when a client is told early: twice in an interval at the most, for whoever hears answers all the time. */
const EARLY_MAX = 1 / 2
/** In a tick so many are told early, and a share of those who wait: a twenty-fifth has its time in it anyway. */
const EARLY_COUNT = 8
const EARLY_SHARE = 1 / 16
/** An interval of who goes back to its own point is so much longer. */
const BACK_MS = TICK_MS
const NEVER = Number.NEGATIVE_INFINITY

export class Phases {
  /** By the client's slot: none, one or both of DUE and FLUSHED. */
  #states = new Uint8Array(64)
  /** By the game. */
  readonly #intervals = new Map<number, number>()
  readonly #clock: Clock
  readonly #tell: (slot: number) => void
  /** By the tick in which they are due, modulo TICKS: that tick, slot, tick, slot, … */
  readonly #due: number[][] = Array.from({ length: TICKS }, () => [])
  /** By the client's slot. */
  #dueTicks = new Float64Array(64)
  /** By the client's slot: how long its interval is; */
  #waitsMs = new Float64Array(64)
  /** and from when its intervals are counted while it is on its way back to its own point. NEVER: it is not. */
  #backMs = new Float64Array(64)
  /** How many were told early in the tick `#earlyTick`. */
  #earlyCount = 0
  #earlyTick = 0
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
    this.#backMs[slot] = NEVER
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
    for (const slot of changed) if (this.#states[slot] === (FLUSHED | DUE)) this.#release(slot, this.#clock.now())
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

  /** Something leaves for the client now: what waits goes along, as a rule. */
  leaves(slot: number, nowMs: number): void {
    if ((this.#states[slot]! & (DUE | FLUSHED)) !== DUE) return
    const tick = Math.floor(nowMs / TICK_MS)
    if ((this.#dueTicks[slot]! - tick) * TICK_MS > this.#waitsMs[slot]! * EARLY_MAX) return
    if (tick !== this.#earlyTick) {
      this.#earlyTick = tick
      this.#earlyCount = 0
    }
    if (this.#earlyCount++ >= EARLY_COUNT + this.#count * EARLY_SHARE) return
    this.#backMs[slot] = nowMs
    this.#release(slot, nowMs)
  }

  #say(slot: number, intervalMs: number): boolean {
    const state = this.#states[slot]!
    // Nearly always, and then nobody looks at the clock.
    if (state & DUE && (this.#dueTicks[slot]! - this.#tick) * TICK_MS <= intervalMs) return false
    const nowMs = this.#clock.now()
    const dueMs = state & FLUSHED ? nowMs + intervalMs : this.#nextTime(slot, nowMs, intervalMs)
    if ((state & DUE) === 0 || Math.ceil(dueMs / TICK_MS) < this.#dueTicks[slot]!) {
      this.#waitsMs[slot] = intervalMs
      this.#await(slot, nowMs, dueMs)
    }
    return (state & DUE) === 0
  }

  /** The next point in an interval that is the client's. */
  #nextTime(slot: number, nowMs: number, intervalMs: number): number {
    const ownMs = nextPoint(((slot * SPREAD) % 1) * intervalMs, nowMs, intervalMs)
    const fromMs = this.#backMs[slot]!
    if (fromMs === NEVER) return ownMs
    const backMs = nextPoint(fromMs, Math.max(fromMs, nowMs), intervalMs)
    if (ownMs > backMs || ownMs <= backMs - BACK_MS) return backMs
    this.#backMs[slot] = NEVER
    return ownMs
  }

  #await(slot: number, nowMs: number, dueMs: number): void {
    this.#states[slot]! |= DUE
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
      if (this.#states[slot]! & DUE && this.#dueTicks[slot] === tick) this.#release(slot, last * TICK_MS)
    }
    due.length = left
  }

  #release(slot: number, nowMs: number): void {
    this.#states[slot]! &= ~DUE
    if (this.#backMs[slot]! !== NEVER) this.#backMs[slot] = nowMs + BACK_MS
    this.#tell(slot)
  }

  #grow(slot: number): void {
    const count = Math.max(slot + 1, this.#states.length * 2)
    this.#states = larger(this.#states, count)
    this.#dueTicks = larger(this.#dueTicks, count)
    this.#waitsMs = larger(this.#waitsMs, count)
    this.#backMs = larger(this.#backMs, count)
  }
}

/** The first of the points that lie whole intervals from `fromMs`, behind `nowMs`. */
const nextPoint = (fromMs: number, nowMs: number, intervalMs: number) =>
  fromMs + (Math.floor((nowMs - fromMs) / intervalMs) + 1) * intervalMs
