// The end of a turn of the event loop, when a process sends what the turn has gathered.
//
//     packets arrive ─> calls run ─> … ─> end of turn: stage 1 (flush attributes), stage 2 (flush links), …
//
// Whoever gathers something asks for the end of the turn; the stages then run once each, in order. What may wait asks for
// later: it leaves with whatever leaves next, and at once when nothing has left for as long as it may wait.
//
// A write costs more than most of what it writes, and wakes somebody. Who writes very often may therefore gather for a
// millisecond, or for two where one brings few together, as long as it brings several:
//
//     at once ──more than RUNS_MAX a millisecond──> gathering ──less than GATHERED_MIN each time──> at once, RETRY_MS at least
import type { Clock } from './clock.ts'

/** How long what may wait does, at the most. Each time it leaves it wakes a dispatcher and a game. */
const LATER_MS = 16
const GATHER_MS = 1
/** Where fewer than FEW are asked for in a millisecond. */
const GATHER_FEW_MS = 2
const FEW = 24
const RUNS_MAX = 1.5
const GATHERED_MIN = 4
/** Over so much time is counted. */
const WINDOW_MS = 4
const RETRY_MS = 500

export interface TurnOptions {
  /** Whether it may gather. */
  readonly gathers?: boolean
}

export class Turn {
  readonly #clock: Clock
  readonly #stages: (() => void)[] = []
  #requested = false
  #waits = false
  #waitedMs = Number.NEGATIVE_INFINITY
  readonly #mayGather: boolean
  #gathering = false
  #gatherMs = GATHER_MS
  /** Since the window began: what was asked for, and how often the stages ran. */
  #asked = 0
  #runs = 0
  #windowMs = Number.NEGATIVE_INFINITY
  #retryMs = Number.NEGATIVE_INFINITY
  readonly #run = () => {
    this.#requested = false
    for (const stage of this.#stages) stage()
    if (this.#mayGather) this.#count()
  }

  constructor(clock: Clock, { gathers = false }: TurnOptions = {}) {
    this.#clock = clock
    this.#mayGather = gathers
  }

  /** Adds a stage after those that are there. */
  stage(run: () => void): void {
    this.#stages.push(run)
  }

  /** Asks for the stages to run at the end of this turn, or a millisecond or two later. Cheap when already asked. */
  request(): void {
    this.#asked++
    if (this.#requested) return
    this.#requested = true
    if (this.#gathering) this.#clock.after(this.#gatherMs, this.#run)
    else this.#clock.defer(this.#run)
  }

  /** Runs the stages now: somebody waits for what they send. */
  end(): void {
    for (const stage of this.#stages) stage()
  }

  /** Asks for the stages to run within some milliseconds, at once when nobody has asked for that lately. Cheap when already asked. */
  requestLater(): void {
    if (this.#requested || this.#waits) return
    const nowMs = this.#clock.now()
    const leftMs = this.#waitedMs + LATER_MS - nowMs
    this.#waitedMs = Math.max(nowMs, nowMs + leftMs)
    if (leftMs <= 0) return this.request()
    this.#waits = true
    this.#clock.after(leftMs, () => {
      this.#waits = false
      this.request()
    })
  }

  #count(): void {
    this.#runs++
    const nowMs = this.#clock.now()
    const passedMs = nowMs - this.#windowMs
    if (passedMs < WINDOW_MS) return
    if (!this.#gathering) this.#gathering = nowMs >= this.#retryMs && this.#runs > RUNS_MAX * passedMs
    else if (this.#asked < GATHERED_MIN * this.#runs) {
      this.#gathering = false
      this.#retryMs = nowMs + RETRY_MS
    }
    this.#gatherMs = this.#asked < FEW * passedMs ? GATHER_FEW_MS : GATHER_MS
    this.#windowMs = nowMs
    this.#asked = 0
    this.#runs = 0
  }
}
