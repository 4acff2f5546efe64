// The time of the world that is drawn: so far behind the newest that it knows that the next places have come before they
// are needed. It goes as evenly as the clock on the wall, a tenth faster or slower at most, and never back.
//
//     game:    t0────────t1────────t2────────t3          flushes, an interval apart
//     here:      ·──────────·─────────·──────────·       come with their latency, which jitters
//     drawn:                  t0────────t1────────t2     = here - quickest latency - interval - allowance
//
// Times are those of the game where the server says them (docs/design.md, section 5), else those at which its words came.
import type { Clock } from '../base/clock.ts'
import { Lateness } from './lateness.ts'

/** Until more is known, the interval is what a game has unless told. */
const INTERVAL_MS = 100
const INTERVAL_MAX_MS = 1000
const GAPS_KEPT = 16
/** The allowance covers so many of all flushes; what is still later is gone on with for a moment. */
const COVERED = 0.9
const ALLOWANCE_MIN_MS = 4
const ALLOWANCE_MAX_MS = 500
/** How much faster or slower time may go, and how far off it goes so. */
const SLEW = 0.1
const SLEW_FULL_MS = 300
/** Farther off it does not slew: it leaps ahead, or stands. */
const LEAP_MS = 1000
/** Time that goes back by more, or comes earlier than it ever could by more, is another clock's: it was set. */
const OTHER_CLOCK_MS = 1000
const WRAP = 2 ** 32
/** The part of an interval after which the next flush is another one, however unevenly the game flushes. */
const STANDS = 0.75

export class RenderTime {
  /** Whether times are the game's. */
  isGameTime = false
  /** Of the last flush; NaN before the first. */
  newestMs = Number.NaN
  /** Whatever has moved until then has been told. */
  knownMs = Number.NEGATIVE_INFINITY
  readonly #clock: Clock
  readonly #flushes = new Lateness()
  /** Of what says its time besides. */
  readonly #words = new Lateness()
  readonly #gaps = new Float64Array(GAPS_KEPT)
  #gapCount = 0
  #previousMs = Number.NaN
  #intervalMs = INTERVAL_MS
  #allowanceMs = ALLOWANCE_MIN_MS
  #isDirty = false
  #frameMs = Number.NaN
  #renderMs = Number.NaN
  #renderedAtMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Here, now: the same during a frame. */
  get nowMs(): number {
    return Number.isNaN(this.#frameMs) ? this.#clock.now() : this.#frameMs
  }

  /** Here, now, also between frames: for what is measured. */
  get hereMs(): number {
    return this.#clock.now()
  }

  /** A frame is about to be drawn. */
  frame(nowMs: number = this.#clock.now()): void {
    this.#frameMs = nowMs
  }

  /** Positions have come: answers the time that they are of. */
  flushed(gameMs: number | undefined): number {
    const nowMs = this.#clock.now()
    if ((gameMs !== undefined) !== this.isGameTime) {
      this.reset()
      this.isGameTime = gameMs !== undefined
    } else if (gameMs !== undefined && this.#isOtherClock(nowMs, gameMs)) this.reset()
    const newestMs = this.newestMs
    // What was held up comes in one piece: its parts were not said at once.
    const timeMs = gameMs ?? (newestMs > nowMs - 0.5 * this.#intervalMs ? newestMs + 0.5 * this.#intervalMs : nowMs)
    if (timeMs > newestMs || Number.isNaN(newestMs)) {
      if (timeMs > newestMs) this.#gaps[this.#gapCount++ % GAPS_KEPT] = timeMs - newestMs
      this.#previousMs = newestMs
      this.newestMs = timeMs
    }
    this.knownMs = Math.max(this.knownMs, timeMs)
    this.#flushes.add(nowMs, timeMs)
    this.#isDirty = true
    return timeMs
  }

  /** Nothing has moved until then since the last flush. It is none itself: the intervals are those of what moves. */
  stood(gameMs: number): void {
    if (this.isGameTime && gameMs > this.newestMs) this.knownMs = Math.max(this.knownMs, gameMs)
  }

  /** Something else has come that says of which game time it is. */
  heard(gameMs: number): void {
    const nowMs = this.#clock.now()
    this.#words.add(nowMs, gameMs)
    // What moved is told within an interval, and nothing overtakes.
    const saidMs = this.isGameTime ? gameMs - this.intervalMs : nowMs - 2 * this.intervalMs
    this.knownMs = Math.max(this.knownMs, saidMs)
  }

  /** A time of which 32 bits are told, near what is known. */
  unwrap(ms: number): number {
    const near = this.isGameTime && !Number.isNaN(this.newestMs) ? this.newestMs : this.#clock.wallMs()
    return ms + Math.round((near - ms) / WRAP) * WRAP
  }

  /** Whether what was told of at `timeMs`, and not since, is known to stand there: it would have been told of again by now. */
  stands(timeMs: number): boolean {
    return this.knownMs > timeMs + STANDS * this.intervalMs
  }

  /** How long whoever was not told of in the flush of `timeMs` is known to have stood: until the one before. */
  heldMs(timeMs: number): number {
    const beforeMs = timeMs > this.newestMs || Number.isNaN(this.#previousMs) ? this.newestMs : this.#previousMs
    const fromMs = timeMs - this.intervalMs
    return beforeMs > fromMs && beforeMs < timeMs ? beforeMs : fromMs
  }

  /** From one flush to the next. */
  get intervalMs(): number {
    this.#learn()
    return this.#intervalMs
  }

  /** How much later than the quickest a flush may come and still be in time. */
  get allowanceMs(): number {
    this.#learn()
    return this.#allowanceMs
  }

  /** How late flushes are in the middle, after the quickest. */
  get jitterMs(): number {
    return this.#flushes.isKnown ? this.#flushes.quantile(0.5) - this.#flushes.lowest : 0
  }

  /** How far behind the newest that may have come the drawn world is. */
  get delayMs(): number {
    return this.#flushes.isKnown ? this.latestMs - this.renderMs : 0
  }

  /** What is newest by now in what the quickest words say. */
  get latestMs(): number {
    return this.nowMs - (this.#flushes.isKnown ? this.#flushes.lowest : 0)
  }

  /** The time that is drawn now. */
  get renderMs(): number {
    if (!this.#flushes.isKnown) return Number.NEGATIVE_INFINITY
    const nowMs = this.nowMs
    const targetMs = this.latestMs - this.intervalMs - this.allowanceMs
    if (Number.isNaN(this.#renderMs)) this.#renderMs = targetMs
    else if (nowMs > this.#renderedAtMs) {
      const passedMs = nowMs - this.#renderedAtMs
      const offMs = targetMs - (this.#renderMs + passedMs)
      if (offMs > LEAP_MS) this.#renderMs = targetMs
      else if (offMs > -LEAP_MS)
        this.#renderMs += passedMs * (1 + SLEW * Math.min(1, Math.max(-1, offMs / SLEW_FULL_MS)))
    } else return this.#renderMs
    this.#renderedAtMs = nowMs
    return this.#renderMs
  }

  /** What is drawn now in the game's time, as an input says it; 0 when that is not known. */
  get seenMs(): number {
    const renderMs = this.renderMs
    if (!Number.isFinite(renderMs) || (!this.isGameTime && !this.#words.isKnown)) return 0
    const gameMs = this.isGameTime ? renderMs : renderMs - this.#words.quantile(0.5)
    const wrapped = Math.floor(gameMs) % WRAP
    return wrapped < 0 ? wrapped + WRAP : wrapped || 1
  }

  /** Another game, maybe: its clock may be another. */
  reset(): void {
    this.#flushes.clear()
    this.#words.clear()
    this.newestMs = Number.NaN
    this.#previousMs = Number.NaN
    this.knownMs = Number.NEGATIVE_INFINITY
    this.#renderMs = Number.NaN
    this.#isDirty = false
  }

  #isOtherClock(nowMs: number, gameMs: number): boolean {
    if (!this.#flushes.isKnown) return false
    return gameMs < this.newestMs - OTHER_CLOCK_MS || nowMs - gameMs < this.#flushes.lowest - OTHER_CLOCK_MS
  }

  #learn(): void {
    if (!this.#isDirty) return
    this.#isDirty = false
    const gaps = this.#gaps.slice(0, Math.min(this.#gapCount, GAPS_KEPT)).sort()
    // The shorter ones: a flush in which nothing moved is not told.
    if (gaps.length > 0) this.#intervalMs = Math.min(INTERVAL_MAX_MS, gaps[gaps.length >> 2]!)
    // Where flushes are known by their coming alone, the longest gap that is none of standing says how much they jitter.
    const coveredMs = this.isGameTime
      ? this.#flushes.quantile(COVERED) - this.#flushes.lowest
      : (gaps.findLast((gapMs) => gapMs < 2.5 * this.#intervalMs) ?? 0) - this.#intervalMs
    this.#allowanceMs = Math.min(ALLOWANCE_MAX_MS, Math.max(ALLOWANCE_MIN_MS, coveredMs))
  }
}
