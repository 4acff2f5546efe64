// How what the server says becomes what is drawn (docs/prediction.md): the time of the drawn world, how each class is smoothed,
// who predicts the player, and what is expected of the server. A door of its own, 'goworld/client/motion', so that only
// whoever draws has to load it; one for each session, which costs nothing until somebody asks where something is shown.
//
//     const game = connect<typeof server>('/ws', { motion })
import type { Clock } from '../base/clock.ts'
import type { Place } from '../base/place.ts'
import type { PacketReader } from '../wire/packet.ts'
import type { CallArguments } from './call-arguments.ts'
import { Expectations, type Expected, type Expecting } from './expectations.ts'
import type { MirrorEntity } from './mirror.ts'
import { type PredictOptions, Predictor, type PredictorOwner } from './predictor.ts'
import { RenderTime } from './render-time.ts'
import { Shown, type Smoothing, type SmoothOptions, smoothingOf } from './shown.ts'

/** What a motion needs of its session and its world. */
export interface MotionOwner {
  readonly clock: Clock
  readonly player: MirrorEntity | undefined
  /** By type: who takes messages that are not about entities alone. */
  readonly handlers: Map<number, (reader: PacketReader) => void>
  /** The mirror of the entity whose id is next; throws for one that is not there. */
  known(reader: PacketReader, what: string): MirrorEntity
  /** Sends a call of the own player that is numbered: `head` is its number, and what was seen. Answers whether it could. */
  sendInput(entityId: string, head: readonly number[], method: string, args: readonly unknown[]): boolean
  hookFailed(where: string, error: unknown): void
}

/** How well it goes, in numbers. */
export interface MotionFigures {
  /** From an input to the word that it is done; NaN before the first. */
  readonly rttMs: number
  /** How uneven flushes come. */
  readonly jitterMs: number
  /** How far behind the newest others are drawn, of which so much is for jitter. */
  readonly delayMs: number
  readonly allowanceMs: number
  /** From one flush to the next. */
  readonly intervalMs: number
  /** Of the own player: how far it was corrected last and at most, how often at all. */
  readonly correction: number
  /** What of it is still to fade away. */
  readonly correctionNow: number
  readonly correctionMax: number
  readonly corrections: number
  /** Inputs that have not been answered. */
  readonly waitingInputs: number
  readonly isStalled: boolean
  /** Guesses that are open. */
  readonly expected: number
}

export type MotionMaker = (owner: MotionOwner) => Motion

/** For `connect`. */
export const motion: MotionMaker = (owner) => new Motion(owner)

/** `sessionMessages.inputDone` of client-wire.ts, without the whole of that table. */
const INPUT_DONE = 3107
const USUAL = smoothingOf()

export class Motion implements PredictorOwner {
  readonly time: RenderTime
  readonly expectations: Expectations
  readonly #owner: MotionOwner
  readonly #smoothings = new Map<string, Smoothing>()
  readonly #predictors: Predictor[] = []
  #inputNo = 0
  #doneNo = 0
  #isChanged = false

  constructor(owner: MotionOwner) {
    this.#owner = owner
    owner.handlers.set(INPUT_DONE, (reader) => this.#inputDone(reader))
    this.time = new RenderTime(owner.clock)
    this.expectations = new Expectations(owner.clock, (where, error) => owner.hookFailed(where, error))
  }

  // --- asked for by the author -------------------------------------------------------------------------------------------

  smooth(type: string, options: SmoothOptions): void {
    this.#smoothings.set(type, smoothingOf(options))
  }

  predict<S extends object, I>(type: string, options: PredictOptions<S, I>): Predictor<S, I> {
    const predictor = new Predictor(this, type, options)
    this.#predictors.unshift(predictor as unknown as Predictor)
    return predictor
  }

  expect(type: string, method: string | undefined, expecting: Expecting<never[]>): Expected {
    return this.expectations.add(type, method, expecting, this.#doneNo)
  }

  /** Where a mirror is to be drawn now. */
  shownOf(mirror: MirrorEntity): Readonly<Place> {
    const predictor = mirror.isOwn ? this.predictorOf(mirror) : undefined
    if (predictor) return predictor.shown
    if (mirror.steered) return mirror.steered
    const drawn = this.#drawn(mirror)
    drawn.update()
    return drawn.place
  }

  showFrom(mirror: MirrorEntity, from: Readonly<Place>): void {
    this.#drawn(mirror).showFrom(from)
  }

  #drawn(mirror: MirrorEntity): Shown {
    const { x, y, z } = mirror.position
    mirror.drawn ??= new Shown(
      this.time,
      this.#smoothings.get(mirror.type) ?? USUAL,
      mirror,
      { x, y, z, yaw: mirror.yaw },
      mirror.drawnMs,
    )
    return mirror.drawn
  }

  /** Who predicts the player, if anybody does. */
  predictorOf(mirror: MirrorEntity): Predictor | undefined {
    if (this.#predictors.length === 0 || mirror !== this.#owner.player) return undefined
    for (const predictor of this.#predictors) if (predictor.type === mirror.type) return predictor
    return undefined
  }

  get figures(): MotionFigures {
    const { time } = this
    const { player } = this.#owner
    const predictor = player && this.predictorOf(player)
    return {
      rttMs: predictor?.rttMs ?? Number.NaN,
      jitterMs: time.jitterMs,
      delayMs: time.delayMs,
      allowanceMs: time.allowanceMs,
      intervalMs: time.intervalMs,
      correction: predictor?.correction ?? 0,
      correctionNow: predictor?.correctionNow ?? 0,
      correctionMax: predictor?.correctionMax ?? 0,
      corrections: predictor?.corrections ?? 0,
      waitingInputs: predictor?.waiting ?? 0,
      isStalled: predictor?.isStalled ?? false,
      expected: this.expectations.size,
    }
  }

  // --- told by the world ---------------------------------------------------------------------------------------------------

  /** A mirror is somewhere, as the newest flush has it. */
  placed(mirror: MirrorEntity, x: number, y: number, z: number, yaw: number): void {
    const timeMs = this.time.newestMs
    mirror.drawnMs = timeMs
    if (Number.isNaN(timeMs)) mirror.drawn = undefined
    else mirror.drawn?.put(x, y, z, yaw, timeMs)
  }

  created(mirror: MirrorEntity): void {
    if (mirror.isOwn) this.predictorOf(mirror)?.restart()
    this.expectations.created(mirror)
  }

  called(mirror: MirrorEntity, method: string, args: CallArguments): void {
    this.expectations.called(mirror, method, args)
  }

  /** The player has been said anew: what was sent before may be lost. */
  saidAgain(mirror: MirrorEntity): void {
    this.predictorOf(mirror)?.forget()
  }

  /**
   * The server has told where the player is, or an attribute of it. What came of inputs comes in front of the word that they
   * are done: a hook that asks in between where the player is must not see them twice.
   */
  ownChanged(mirror: MirrorEntity): void {
    if (this.#isChanged || !this.predictorOf(mirror)) return
    this.#isChanged = true
    this.#owner.clock.defer(() => {
      this.#isChanged = false
      const { player } = this.#owner
      if (player) this.predictorOf(player)?.told()
    })
  }

  /** The server has run the player's inputs up to this one, at that time; and where it is because of them. */
  #inputDone(reader: PacketReader): void {
    const mirror = this.#owner.known(reader, 'an input')
    const no = reader.u32()
    const timeMs = reader.u32()
    const x = reader.f32()
    const y = reader.f32()
    const z = reader.f32()
    const yaw = reader.f32()
    reader.finish()
    mirror.place(x, y, z, yaw)
    this.time.heard(this.time.unwrap(timeMs))
    this.#doneNo = no
    this.predictorOf(mirror)?.told(no)
    this.expectations.inputDone(no)
  }

  // --- for predictors --------------------------------------------------------------------------------------------------------

  playerOf(type: string): MirrorEntity | undefined {
    const { player } = this.#owner
    return player?.type === type ? player : undefined
  }

  nextInputNo(): number {
    return ++this.#inputNo
  }

  sendInput(entityId: string, no: number, method: string, args: readonly unknown[]): boolean {
    return this.#owner.sendInput(entityId, [no, this.time.seenMs], method, args)
  }
}
