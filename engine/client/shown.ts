// Where one entity of the server is to be drawn: its places come a few times a second and unevenly, frames are drawn sixty
// times. Made for a mirror the first time that somebody asks, so that whoever draws nothing pays nothing.
//
//     lerp     between two places that are known, a little in the past                            (walkers: the default)
//     damp     after the newest place, as on a spring that never swings over                      (what turns often)
//     reckon   ahead of the newest place, as fast as it was last, or by a function of the game's  (vehicles, bullets)
//
// When what comes changes what was drawn already, the difference is kept and goes away by and by: nothing jumps but what
// was teleported.
import { around, go, lengthOf, newPlace, type Place, turnOf, way } from '../base/place.ts'
import { Track } from '../base/track.ts'
import { Fading } from './fading.ts'
import type { RenderTime } from './render-time.ts'

/** How entities of a class are drawn. */
export interface SmoothOptions<M = unknown> {
  readonly mode?: 'lerp' | 'damp' | 'reckon'
  /** Without news it goes on for so long; 0: it stands at once. 250 unless told. */
  readonly extrapolateMs?: number
  /** A place farther from the one before is gone to at once. Unless told: four times as far as it could have walked. */
  readonly snapDistance?: number
  /** Of `damp`: how far behind it is, about. */
  readonly dampMs?: number
  /** So fast a correction fades away, about. */
  readonly correctionMs?: number
  /** What `yaw` is in: Unity's degrees unless told. */
  readonly yaw?: 'degrees' | 'radians'
  /** Of `reckon`: moves `place` on by `ms`. Without it, goes on as it went last. */
  readonly reckon?: (place: Place, ms: number, mirror: M) => void
}

export interface Smoothing {
  readonly mode: 'lerp' | 'damp' | 'reckon'
  readonly extrapolateMs: number
  readonly snapDistance: number
  readonly dampMs: number
  readonly correctionMs: number
  readonly turn: number
  readonly reckon: ((place: Place, ms: number, mirror: unknown) => void) | undefined
}

/** What is asked of the past no more than so long after it. */
const KEPT_MS = 2000
/** A correction of what is drawn between places adds so much to how fast it goes, at the most, */
const CATCH_UP = 0.2
/** while it is no farther than what it walks in so long. What is more than that fades in so long. */
const BEHIND_MS = 400
const FAR_BEHIND_MS = 300
/** What was not drawn for so long is drawn where it is: nobody remembers where it was. */
const UNDRAWN_MS = 1000

/** Throws RangeError for what cannot be meant. */
export function smoothingOf<M>(options: SmoothOptions<M> = {}): Smoothing {
  const { mode = 'lerp', extrapolateMs = 250, snapDistance = 0, dampMs = 100, correctionMs = 100 } = options
  for (const [name, value] of Object.entries({ extrapolateMs, snapDistance, dampMs, correctionMs }))
    if (!(value >= 0)) throw new RangeError(`smooth: ${name} = ${value}; 0 or more is wanted`)
  if (!['lerp', 'damp', 'reckon'].includes(mode)) throw new RangeError(`smooth: there is no mode '${mode}'`)
  const turn = turnOf(options.yaw)
  return {
    mode,
    extrapolateMs,
    snapDistance,
    dampMs,
    correctionMs,
    turn,
    reckon: options.reckon as Smoothing['reckon'],
  }
}

/** Serve all. */
const target = newPlace()
const other = newPlace()

export class Shown {
  readonly place: Place
  readonly #time: RenderTime
  readonly #smoothing: Smoothing
  readonly #mirror: unknown
  readonly #track: Track
  readonly #fading: Fading
  /** Where it should have been when it was drawn last, and when that was: here, and in the world. */
  readonly #last: Place
  #lastNowMs = Number.NaN
  #lastMs = 0
  /** Something has come since. */
  #isDirty = false
  #knownMs = Number.NaN
  #snaps = false
  /** Of `damp`. */
  readonly #speed = newPlace()

  /** `timeMs`: since when it is there; NaN when that is not known. */
  constructor(time: RenderTime, smoothing: Smoothing, mirror: unknown, { x, y, z, yaw }: Place, timeMs: number) {
    this.#time = time
    this.#smoothing = smoothing
    this.#mirror = mirror
    this.place = { x, y, z, yaw }
    this.#last = { x, y, z, yaw }
    this.#track = new Track(smoothing.snapDistance)
    this.#fading = new Fading(smoothing.turn)
    if (!Number.isNaN(timeMs)) this.#track.push(timeMs, x, y, z, yaw, timeMs, Number.NEGATIVE_INFINITY)
  }

  /** It is there at `timeMs`. */
  put(x: number, y: number, z: number, yaw: number, timeMs: number): void {
    const track = this.#track
    const heldMs = this.#time.heldMs(timeMs)
    const last = this.#last
    if (track.count === 0) {
      track.push(heldMs, last.x, last.y, last.z, last.yaw, heldMs, heldMs)
      this.#lastMs = this.#worldMs
    }
    track.push(timeMs, x, y, z, yaw, heldMs, timeMs - KEPT_MS)
    this.#isDirty = true
    if (track.isCut && (this.#smoothing.mode !== 'lerp' || track.newestMs <= this.#lastMs)) this.#snaps = true
  }

  /** Draws it at a place from which it goes over to its own: where something that stood for it was drawn until now. */
  showFrom(from: Readonly<Place>): void {
    this.update()
    way(this.place, from, this.#smoothing.turn, other)
    this.#fading.add(other, 1)
    Object.assign(this.place, from)
  }

  /** Brings `place` to the time of now. */
  update(): void {
    const { nowMs, knownMs } = this.#time
    const { mode } = this.#smoothing
    if (knownMs !== this.#knownMs) this.#isDirty = true
    this.#knownMs = knownMs
    if (!this.#isDirty && nowMs <= this.#lastNowMs) return
    if (this.#track.count === 0) {
      this.#lastNowMs = nowMs
      return
    }
    const passedMs = nowMs > this.#lastNowMs ? nowMs - this.#lastNowMs : 0
    const isFirst = Number.isNaN(this.#lastNowMs)
    this.#lastNowMs = Math.max(nowMs, isFirst ? nowMs : this.#lastNowMs)
    if (mode === 'damp') return this.#follow(passedMs, isFirst)

    const timeMs = this.#worldMs
    const { place } = this
    const last = this.#last
    const fading = this.#fading
    const { turn, snapDistance, correctionMs } = this.#smoothing
    if (passedMs > UNDRAWN_MS) fading.clear()
    else if (this.#isDirty && !isFirst) {
      // What is known now of the moment that was drawn last: the difference must not be seen at once.
      this.#aim(this.#lastMs, other)
      way(other, last, turn, other)
      if (lengthOf(other) > 0 || other.yaw !== 0) fading.add(other, 1)
      if (snapDistance > 0 && lengthOf(fading.off) > snapDistance) fading.clear()
    }
    this.#isDirty = false
    if (this.#snaps) fading.clear()
    this.#snaps = false
    fading.pass(passedMs, correctionMs, mode === 'lerp' ? this.#leastKept(passedMs) : 0)
    this.#aim(timeMs, place)
    this.#lastMs = timeMs
    Object.assign(last, place)
    go(place, fading.off, 1)
  }

  /** Which part of a correction stays, so that it is not seen to run. */
  #leastKept(passedMs: number): number {
    const { fastest } = this.#track
    const far = lengthOf(this.#fading.off)
    if (fastest === 0 || far === 0) return 0
    const tooFar = Math.max(0, far - BEHIND_MS * fastest)
    return 1 - (CATCH_UP * fastest * passedMs + tooFar * Math.min(1, passedMs / FAR_BEHIND_MS)) / far
  }

  /** The time of the world that it is drawn at now. */
  get #worldMs(): number {
    return this.#smoothing.mode === 'lerp' ? this.#time.renderMs : this.#time.latestMs
  }

  /** Where it should be drawn at a time of the world. */
  #aim(timeMs: number, place: Place): void {
    const track = this.#track
    const { turn, extrapolateMs, mode, reckon } = this.#smoothing
    track.at(timeMs, turn, place)
    const { newestMs } = track
    const beyondMs = timeMs - newestMs
    // Others were told of since, and it was not: it stands.
    if (beyondMs <= 0 || this.#time.stands(newestMs) || extrapolateMs === 0) return
    if (mode === 'reckon' && reckon) return reckon(place, Math.min(beyondMs, extrapolateMs), this.#mirror)
    const ms = mode === 'reckon' ? Math.min(beyondMs, extrapolateMs) : goneOnMs(beyondMs, extrapolateMs)
    track.goOn(ms, turn, place)
  }

  /** A spring that is damped just so that it does not swing: solved for the time that has passed, so that frames do not matter. */
  #follow(passedMs: number, isFirst: boolean): void {
    const track = this.#track
    const { place } = this
    const { turn, dampMs } = this.#smoothing
    this.#isDirty = false
    track.at(track.newestMs, turn, target)
    if (isFirst || this.#snaps || dampMs === 0) {
      this.#snaps = false
      Object.assign(this.#speed, { x: 0, y: 0, z: 0, yaw: 0 })
      return void Object.assign(place, target)
    }
    const stiffness = 2 / dampMs
    const kept = Math.exp(-stiffness * passedMs)
    const speed = this.#speed
    for (const axis of ['x', 'y', 'z', 'yaw'] as const) {
      const off = axis === 'yaw' ? around(place.yaw - target.yaw, turn) : place[axis] - target[axis]
      const pulled = speed[axis] + stiffness * off
      speed[axis] = (speed[axis] - stiffness * pulled * passedMs) * kept
      place[axis] = target[axis] + (off + pulled * passedMs) * kept
    }
  }
}

/**
 * What comes late is gone on with for a moment, then it goes back to the last place that is known: it may have stood still.
 * Begins as fast as it was, and is over after twice `extrapolateMs`.
 */
function goneOnMs(beyondMs: number, extrapolateMs: number): number {
  const left = 1 - beyondMs / (2 * extrapolateMs)
  return left > 0 ? beyondMs * left * left : 0
}
