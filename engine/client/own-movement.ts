// Where the client's own player goes: `move()` may be called in every frame, what is sent is the newest place, at the
// agreed rate. A call takes the place along that it was made at; what cannot be sent now is sent when it can.
import type { Clock, Scheduled } from '../base/clock.ts'
import type { MirrorEntity } from './mirror.ts'

/** Where sending at once is wanted and impossible, it is tried again after this long. */
const AGAIN_MS = 100

export interface MovementOwner {
  readonly player: MirrorEntity | undefined
  /** Whether a place can be sent now. */
  readonly takesMoves: boolean
  sendPlace(player: MirrorEntity, x: number, y: number, z: number, yaw: number): void
}

export class OwnMovement {
  readonly #owner: MovementOwner
  readonly #clock: Clock
  readonly #intervalMs: number
  #waits: MirrorEntity | undefined
  #x = 0
  #y = 0
  #z = 0
  #yaw = 0
  #sentMs = Number.NEGATIVE_INFINITY
  #timer: Scheduled | undefined

  /** `intervalMs` is between two places that are sent; 0 = each is, at once. */
  constructor(owner: MovementOwner, clock: Clock, intervalMs: number) {
    this.#owner = owner
    this.#clock = clock
    this.#intervalMs = intervalMs
  }

  /** Answers false when the place cannot be sent as things are: a later one may take its place meanwhile. */
  move(player: MirrorEntity, x: number, y: number, z: number, yaw: number): boolean {
    this.#waits = player
    this.#x = x
    this.#y = y
    this.#z = z
    this.#yaw = yaw
    const can = this.#owner.takesMoves
    const dueMs = this.#intervalMs > 0 ? this.#sentMs + this.#intervalMs - this.#clock.now() : 0
    if (can && dueMs <= 0) this.flush()
    else this.#later(can ? dueMs : Math.max(this.#intervalMs, AGAIN_MS))
    return can
  }

  /** Sends what waits, if it can be. */
  flush(): void {
    const player = this.#waits
    if (!player) return
    if (player === this.#owner.player && !this.#owner.takesMoves) return
    this.forget()
    if (player !== this.#owner.player) return
    this.#sentMs = this.#clock.now()
    this.#owner.sendPlace(player, this.#x, this.#y, this.#z, this.#yaw)
  }

  forget(): void {
    this.#waits = undefined
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #later(ms: number): void {
    this.#timer ??= this.#clock.after(ms, () => {
      this.#timer = undefined
      this.flush()
      if (this.#waits) this.#later(Math.max(this.#intervalMs, AGAIN_MS))
    })
  }
}
