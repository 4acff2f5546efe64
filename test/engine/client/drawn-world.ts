// A game, a network and a page, for tests of what is drawn: somebody walks in the game, flushes tell of it in the game's time,
// come over a network that jitters and loses, and a page draws sixty frames a second.
import { type Clock, VirtualClock } from '../../../engine/base/clock.ts'
import type { Place } from '../../../engine/base/place.ts'
import { type Random, seededRandom } from '../../../engine/base/random.ts'
import { RenderTime } from '../../../engine/client/render-time.ts'
import { Shown, type SmoothOptions, smoothingOf } from '../../../engine/client/shown.ts'

export const INTERVAL_MS = 100
export const FRAME_MS = 1000 / 60

export interface Distance {
  /** There and back. */
  readonly rttMs: number
  readonly jitterMs: number
  /** The part of all chunks that is lost, comes a retransmission later, and holds up what is behind it. */
  readonly loss: number
}

export const FAR: Distance = { rttMs: 200, jitterMs: 50, loss: 0.02 }

export interface Frame {
  readonly nowMs: number
  /** Which time of the game is drawn, and what is known of it. */
  readonly renderMs: number
  readonly x: number
  readonly z: number
  readonly yaw: number
}

export interface Scene {
  readonly ms: number
  readonly seed?: number
  readonly distance?: Distance
  readonly smooth?: SmoothOptions
  /** Where it is at a time of the game. */
  at(gameMs: number): Partial<Place>
  /** Somebody else moves all the time: each flush is told of. */
  readonly crowd?: boolean
  /** Without a crowd: that it has stopped is not told. */
  readonly isSilent?: boolean
  /** Others come first: the entity enters view then. */
  readonly entersMs?: number
  readonly frameMs?: number
  /** From `atMs` on the network is another. */
  readonly later?: { readonly atMs: number; readonly distance: Distance }
  /** No frame is drawn for so long. */
  readonly asleep?: { readonly atMs: number; readonly ms: number }
  /** The game's clock is set. */
  readonly clockSet?: { readonly atMs: number; readonly byMs: number }
}

export interface Drawn {
  readonly frames: Frame[]
  readonly told: { readonly gameMs: number; readonly comesMs: number; readonly x: number; readonly z: number }[]
  readonly time: RenderTime
}

/** One direction: answers when what is sent now arrives. */
function lane(clock: Clock, random: Random, distance: Distance, later: Scene['later']): () => number {
  let lastMs = 0
  return () => {
    const { rttMs, jitterMs, loss } = later && clock.now() >= later.atMs ? later.distance : distance
    const wayMs = rttMs / 2 + (jitterMs / 2) * (2 * random() - 1)
    const lostMs = random() < loss ? Math.max(200, rttMs) : 0
    lastMs = Math.max(lastMs, clock.now() + wayMs + lostMs)
    return lastMs
  }
}

/** What the game's clock shows when the page's shows 0. */
export const GAME_MS = 1_800_000_000_000

/** Plays a scene. */
export async function drawn(scene: Scene): Promise<Drawn> {
  const { ms, seed = 1, distance = FAR, at, crowd = true, entersMs = 0, frameMs = FRAME_MS } = scene
  const { later, asleep, clockSet, isSilent = false } = scene
  const clock = new VirtualClock()
  const arrival = lane(clock, seededRandom(seed), distance, later)
  const time = new RenderTime(clock)
  const smoothing = smoothingOf(scene.smooth)
  const frames: Frame[] = []
  const told: { gameMs: number; comesMs: number; x: number; z: number }[] = []
  const placeAt = (gameMs: number): Place => ({ x: 0, y: 0, z: 0, yaw: 0, ...at(gameMs - GAME_MS) })
  let shown: Shown | undefined
  let before = placeAt(GAME_MS)
  let wasTold = false

  const flush = () => {
    const place = placeAt(GAME_MS + clock.now())
    const gameMs = GAME_MS + clock.now() + (clockSet && clock.now() >= clockSet.atMs ? clockSet.byMs : 0)
    const moved = place.x !== before.x || place.z !== before.z || place.yaw !== before.yaw
    before = place
    const comesMs = arrival()
    const isStill = wasTold && !moved && !isSilent
    wasTold = moved
    if (moved) told.push({ gameMs, comesMs, x: place.x, z: place.z })
    clock.after(comesMs - clock.now(), () => {
      if (!moved && !crowd) return isStill ? time.stood(gameMs) : undefined
      const timeMs = time.flushed(gameMs)
      if (moved) shown?.put(place.x, place.y, place.z, place.yaw, timeMs)
    })
    clock.after(INTERVAL_MS, flush)
  }
  clock.after(INTERVAL_MS, flush)
  clock.after(entersMs, () => {
    const place = placeAt(GAME_MS + clock.now())
    clock.after(arrival() - clock.now(), () => {
      shown = new Shown(time, smoothing, undefined, place, time.newestMs)
    })
  })
  for (let passed = 0; passed < ms; passed += frameMs) {
    const sleepsMs = asleep && passed <= asleep.atMs && asleep.atMs < passed + frameMs ? asleep.ms : 0
    await clock.advance(frameMs + sleepsMs)
    time.frame()
    if (!shown) continue
    shown.update()
    const { x, z, yaw } = shown.place
    frames.push({ nowMs: clock.now(), renderMs: time.renderMs - GAME_MS, x, z, yaw })
  }
  return { frames, told, time }
}

/** The fastest from one frame to the next, in units a second. */
export function fastest(frames: readonly Frame[]): number {
  let speed = 0
  for (let n = 1; n < frames.length; n++) {
    const from = frames[n - 1]!
    const to = frames[n]!
    speed = Math.max(speed, (Math.hypot(to.x - from.x, to.z - from.z) * 1000) / (to.nowMs - from.nowMs))
  }
  return speed
}

/** Walks from corner to corner at `speed` units a second, and stands at each for a while. */
export function patrol(speed: number, corners: readonly (readonly [x: number, z: number])[], standMs = 0) {
  return (gameMs: number): Partial<Place> => {
    let left = gameMs
    for (let n = 0; ; n++) {
      const [fromX, fromZ] = corners[n % corners.length]!
      const [toX, toZ] = corners[(n + 1) % corners.length]!
      if (left < standMs) return { x: fromX, z: fromZ }
      left -= standMs
      const ms = (Math.hypot(toX - fromX, toZ - fromZ) / speed) * 1000
      if (left < ms) return { x: fromX + ((toX - fromX) * left) / ms, z: fromZ + ((toZ - fromZ) * left) / ms }
      left -= ms
    }
  }
}
