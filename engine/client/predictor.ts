// The client's own player, ahead of the server: each input runs here at once and is sent; when the server says how far it
// has come and where that led, the inputs after it run again from there.
//
//     input 7 ──> step ──> state ─────────────────────────────> drawn
//        └──sent──> server runs it … says: done up to 5, you are here
//                                               └──> truth ──6, 7 again──> state; what changed by that fades away
//
// The same step on the same numbers gives the same place: places are f32 on the wire, so both ends round theirs to f32
// after each input (`Math.fround`), and a player that nothing disturbs is never corrected.
import { go, lengthOf, newPlace, type Place, turnOf, way } from '../base/place.ts'
import { Fading } from './fading.ts'
import type { MirrorEntity } from './mirror.ts'
import type { RenderTime } from './render-time.ts'

export interface PredictOptions<S extends object, I, M = MirrorEntity> {
  /** The own player's method on the server that takes an input. */
  readonly method: string
  /** What one input is worth. */
  readonly stepMs: number
  /**
   * Runs one input on `state`, which it changes, or answers another in its place. The server's method runs the same function:
   * it may go by nothing but what it is given.
   */
  step(state: S, input: I, stepMs: number): S | void
  /** The state as the server has told it: `mirror` has the place and the attributes after the last input that was done. */
  state(mirror: M): S
  /** What the method gets; the input unless told. */
  args?(input: I): unknown[]
  /** Where a state is drawn; at its own x, y, z and yaw unless told, the mirror's where it has none. */
  place?(state: S, place: Place): void
  /** What `yaw` is in: Unity's degrees unless told. */
  readonly yaw?: 'degrees' | 'radians'
  /** So fast a correction fades away, about; 100 unless told. */
  readonly correctionMs?: number
  /** A larger correction is gone to at once. Unless told: farther than it walks in a second. */
  readonly snapDistance?: number
  /** While the server has said nothing for so long, nothing is predicted; 1000 unless told. */
  readonly silentMs?: number
  /** Hears when that begins and ends. */
  stalled?(isStalled: boolean): void
}

/** What a predictor needs of its session. */
export interface PredictorOwner {
  readonly time: RenderTime
  /** The client's player, if it is of this class. */
  playerOf(type: string): MirrorEntity | undefined
  /** Counts the inputs of this client: a number belongs to one input, whoever is its player. */
  nextInputNo(): number
  /** Sends an input. Answers whether that was possible. */
  sendInput(entityId: string, no: number, method: string, args: readonly unknown[]): boolean
}

interface Waiting<I> {
  readonly no: number
  readonly input: I
  readonly sentMs: number
}

/** More time than this does not pass in one frame: the page was asleep. */
const FRAME_MAX_MS = 250
/** The last input is said again so often while the server is silent: it, or the answer, may be lost. */
const AGAIN_MS = 500
const RTT_KEPT = 0.9

/** Serve all. */
const fresh = newPlace()
const change = newPlace()

export class Predictor<S extends object = object, I = unknown, M = MirrorEntity> {
  readonly type: string
  /** Where the player is to be drawn now: the same object each time. */
  readonly #drawn = newPlace()
  readonly #owner: PredictorOwner
  readonly #options: PredictOptions<S, I, M>
  readonly #turn: number
  readonly #waitingMax: number
  #mirror: MirrorEntity | undefined
  #state: S | undefined
  #waiting: Waiting<I>[] = []
  /** Before the last step, and after it: what is drawn lies between. */
  readonly #before = newPlace()
  readonly #after = newPlace()
  readonly #fading: Fading
  #fadedMs = 0
  /** The server has told something that the state does not know yet. */
  #isDirty = false
  #updatedMs = 0
  #restMs = 0
  /** How much of the last step is drawn. */
  #part = 1
  #fastestStep = 0
  #isStalled = false
  #againMs = 0
  /** The number of the last input, and up to which the server has run them. */
  lastNo = 0
  doneNo = 0
  rttMs = Number.NaN
  /** How far the last correction moved the player, and the farthest so far; how many there were. */
  correction = 0
  correctionMax = 0
  corrections = 0

  /** Throws RangeError for times that cannot be. */
  constructor(owner: PredictorOwner, type: string, options: PredictOptions<S, I, M>) {
    const { stepMs, silentMs = 1000, correctionMs = 100 } = options
    if (!(stepMs > 0) || !(silentMs >= stepMs) || !(correctionMs >= 0))
      throw new RangeError(`predict: stepMs = ${stepMs}, silentMs = ${silentMs}, correctionMs = ${correctionMs}`)
    this.#owner = owner
    this.type = type
    this.#options = options
    this.#turn = turnOf(options.yaw)
    this.#fading = new Fading(this.#turn)
    this.#waitingMax = Math.ceil(silentMs / stepMs)
  }

  /** The player, while it is of this class. */
  get mirror(): M | undefined {
    this.#attach()
    return this.#mirror as M | undefined
  }

  /** As predicted, exactly; undefined while there is no player. Not to be changed. */
  get state(): S | undefined {
    this.#attach()
    this.#reconcile()
    return this.#state
  }

  /** Inputs that the server has not answered. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** The server has been silent for too long: inputs are not run until it speaks. */
  get isStalled(): boolean {
    return this.#isStalled
  }

  /** How far from its own place it is drawn, because of corrections. */
  get correctionNow(): number {
    return lengthOf(this.#fading.off)
  }

  /** Where to draw the player now; `mirror.shown` says the same. */
  get shown(): Readonly<Place> {
    this.#attach()
    this.#reconcile()
    this.#fade()
    const drawn = this.#drawn
    way(this.#before, this.#after, this.#turn, change)
    Object.assign(drawn, this.#before)
    go(drawn, change, this.#part)
    go(drawn, this.#fading.off, 1)
    return drawn
  }

  /** To be called once a frame: makes as many steps with `input` as are due. Answers how many. */
  update(input: I, nowMs: number = this.#owner.time.nowMs): number {
    this.#attach()
    const passedMs = nowMs - this.#updatedMs
    if (!this.#mirror || !(passedMs > 0)) return 0
    this.#updatedMs = nowMs
    const { stepMs } = this.#options
    let steps = 0
    this.#restMs += Math.min(passedMs, FRAME_MAX_MS)
    while (this.#restMs >= stepMs) {
      this.#restMs -= stepMs
      if (this.input(input) === 0) {
        // It stands: there is nothing to draw between.
        Object.assign(this.#before, this.#after)
        this.#restMs = 0
        return steps
      }
      steps++
    }
    this.#part = this.#restMs / stepMs
    return steps
  }

  /** Runs one input now and sends it. Answers its number, or 0 when there is no player or the server is silent. */
  input(input: I): number {
    this.#attach()
    this.#reconcile()
    const mirror = this.#mirror
    if (!mirror || !this.#state || this.#stall()) return 0
    // The author may use one object for all.
    const kept = (typeof input === 'object' && input !== null && !Array.isArray(input) ? { ...input } : input) as I
    const no = this.#owner.nextInputNo()
    if (!this.#send(mirror, no, kept)) return 0
    this.#waiting.push({ no, input: kept, sentMs: this.#owner.time.hereMs })
    this.lastNo = no
    const before = this.#before
    Object.assign(before, this.#after)
    this.#run(kept)
    this.#placeOf(this.#state, this.#after)
    way(before, this.#after, this.#turn, change)
    this.#fastestStep = Math.max(this.#fastestStep, lengthOf(change))
    this.#part = 1
    return no
  }

  /** The server has told of the player: its place, maybe its attributes; and that it has run the inputs up to `no`. */
  told(no?: number): void {
    this.#isDirty = true
    if (no === undefined) return
    this.#stalls(false)
    if (no > this.doneNo) this.doneNo = no
    const waiting = this.#waiting
    let done = 0
    while (done < waiting.length && waiting[done]!.no <= no) done++
    if (done === 0) return
    const last = waiting[done - 1]!
    if (last.no === no) {
      const rttMs = this.#owner.time.hereMs - last.sentMs
      this.rttMs = Number.isNaN(this.rttMs) ? rttMs : this.rttMs * RTT_KEPT + rttMs * (1 - RTT_KEPT)
    }
    waiting.splice(0, done)
  }

  /** What was not answered never will be: it may be lost. */
  forget(): void {
    this.#waiting = []
    this.#stalls(false)
    this.told()
  }

  /** The player is another. */
  restart(): void {
    this.#mirror = undefined
    this.#attach()
  }

  #attach(): void {
    const mirror = this.#owner.playerOf(this.type)
    if (mirror === this.#mirror) return
    this.#mirror = mirror
    this.#waiting = []
    this.#isDirty = false
    this.#stalls(false)
    this.#fading.clear()
    this.#restMs = 0
    this.#updatedMs = this.#owner.time.nowMs
    this.#part = 1
    this.#state = mirror && this.#truth(mirror)
    if (!this.#state) return
    this.#placeOf(this.#state, this.#after)
    Object.assign(this.#before, this.#after)
  }

  /** Goes on from what the server has said last, with what it had not run by then. */
  #reconcile(): void {
    if (!this.#isDirty || !this.#mirror) return
    this.#isDirty = false
    this.#state = this.#truth(this.#mirror)
    for (const { input } of this.#waiting) this.#run(input)
    this.#placeOf(this.#state, fresh)
    const after = this.#after
    way(after, fresh, this.#turn, change)
    const corrected = lengthOf(change)
    if (corrected === 0 && change.yaw === 0) return
    this.#fade()
    go(this.#before, change, 1)
    Object.assign(after, fresh)
    const fading = this.#fading
    const { snapDistance = (this.#fastestStep * 1000) / this.#options.stepMs } = this.#options
    fading.add(change, -1)
    // It is somewhere else: that is no correction of its way.
    if (lengthOf(fading.off) > snapDistance) return fading.clear()
    this.corrections++
    this.correction = corrected
    this.correctionMax = Math.max(this.correctionMax, corrected)
  }

  #truth(mirror: MirrorEntity): S {
    return rounded(this.#options.state(mirror as M))
  }

  #run(input: I): void {
    const state = this.#state!
    this.#state = rounded(this.#options.step(state, input, this.#options.stepMs) ?? state)
  }

  #placeOf(state: S, place: Place): void {
    const mirror = this.#mirror!
    const { x, y, z } = mirror.position
    Object.assign(place, { x, y, z, yaw: mirror.yaw })
    if (this.#options.place) return this.#options.place(state, place)
    const own = state as Partial<Place>
    for (const axis of AXES) if (typeof own[axis] === 'number') place[axis] = own[axis]
  }

  #send(mirror: MirrorEntity, no: number, input: I): boolean {
    const { method, args } = this.#options
    return this.#owner.sendInput(mirror.id, no, method, args ? args(input) : [input])
  }

  /** Whether the server is silent: then what it was told last is said again now and then. */
  #stall(): boolean {
    if (this.#waiting.length < this.#waitingMax) return false
    const { nowMs } = this.#owner.time
    if (!this.#isStalled) this.#againMs = nowMs
    this.#stalls(true)
    if (nowMs - this.#againMs < AGAIN_MS) return true
    this.#againMs = nowMs
    const last = this.#waiting.at(-1)!
    this.#send(this.#mirror!, last.no, last.input)
    return true
  }

  #stalls(isStalled: boolean): void {
    if (isStalled === this.#isStalled) return
    this.#isStalled = isStalled
    this.#options.stalled?.(isStalled)
  }

  #fade(): void {
    const { nowMs } = this.#owner.time
    if (nowMs > this.#fadedMs) this.#fading.pass(nowMs - this.#fadedMs, this.#options.correctionMs ?? 100)
    this.#fadedMs = nowMs
  }
}

const AXES = ['x', 'y', 'z', 'yaw'] as const

/** As the wire has it, in place. */
function rounded<S extends object>(state: S): S {
  const own = state as Partial<Place>
  for (const axis of AXES) if (typeof own[axis] === 'number') own[axis] = Math.fround(own[axis])
  return state
}
