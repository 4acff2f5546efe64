// The eye of who does not play yet: looks at one after the other who fights, from far enough to see why.
import type { ArenaMap } from '../shared/maps.ts'
import type { Camera } from './camera.ts'
import type { Net } from './net.ts'

const LOOK_MS = 7000
/** The panel of the title covers so much of a wide screen. */
const COVERED_PART = 0.2

export class Spectator {
  #watched = ''
  #untilMs = 0

  update(camera: Camera, net: Net, map: ArenaMap, seconds: number, nowMs: number): void {
    const isWide = camera.width > 720
    const aside = isWide ? (camera.width * COVERED_PART) / camera.scale : 0
    let watched = net.players.get(this.#watched)
    if (!watched || watched.attrs.hp <= 0 || nowMs > this.#untilMs) {
      watched = undefined
      for (const view of net.players.values()) {
        if (view.attrs.hp <= 0 || view.mirror.id === this.#watched) continue
        if (!watched || view.attrs.score + Math.abs(view.x) / 9 > watched.attrs.score) watched = view
      }
      this.#watched = watched?.mirror.id ?? ''
      this.#untilMs = nowMs + LOOK_MS
    }
    const x = watched ? watched.x : Math.sin(nowMs / 9000) * map.halfWidth * 0.4
    const z = watched ? watched.z : Math.cos(nowMs / 7000) * map.halfDepth * 0.4
    camera.follow(map, x - aside, z, seconds, 1.1)
  }
}
