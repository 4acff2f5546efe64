// One entity of the server as the client has it: what it looks like and where it is, kept up to date by the session.
import type { Place } from '../base/place.ts'
import { SPACE_KIND } from '../wire/client-wire.ts'
import type { AttrMap } from './attr-tree.ts'
import type { Motion } from './motion.ts'
import type { Shown } from './shown.ts'

export interface Position {
  x: number
  y: number
  z: number
}

/** What a mirror needs of its session. */
export interface MirrorOwner {
  readonly space: SpaceMirror | undefined
  /** Who says where mirrors are drawn; without it, where they are. */
  readonly motion: Motion | undefined
  call(entityId: string, method: string, ...args: unknown[]): void
}

export type ServerMethods = { readonly [method: string]: (...args: unknown[]) => void }

export class MirrorEntity {
  readonly id: string
  readonly type: string
  /** Whether it is this client's player. */
  readonly isOwn: boolean
  attrs: AttrMap
  /** The same object for as long as the mirror lives; its numbers change. */
  readonly position: Position = { x: 0, y: 0, z: 0 }
  yaw = 0
  /** The game's time when it was at `position`, in milliseconds since 1970; NaN: nobody has said. */
  placedMs = Number.NaN
  readonly #owner: MirrorOwner
  #server: ServerMethods | undefined
  /** What the motion keeps of it: how it is drawn, the time of its place, and when it came. */
  drawn: Shown | undefined
  drawnMs = Number.NaN
  readonly createdMs: number
  /** Where its own client has moved it, until the server does. */
  steered: Place | undefined

  constructor(owner: MirrorOwner, id: string, type: string, isOwn: boolean, attrs: AttrMap) {
    this.#owner = owner
    this.id = id
    this.type = type
    this.isOwn = isOwn
    this.attrs = attrs
    this.createdMs = owner.motion?.time.nowMs ?? 0
  }

  /** The space that the client's player is in, and so all that it sees. */
  get space(): SpaceMirror | undefined {
    return this.#owner.space
  }

  /** Its methods on the server: each call is one message; there is no answer to wait for. */
  get server(): ServerMethods {
    this.#server ??= serverMethods(this.#owner, this.id)
    return this.#server
  }

  /**
   * Where it is to be drawn now: between the places that are known, or as it is predicted (docs/prediction.md). The same
   * object each time, if there is a motion.
   */
  get shown(): Readonly<Place> {
    return this.#owner.motion?.shownOf(this) ?? { ...this.position, yaw: this.yaw }
  }

  /** How long it has been there to be drawn, in milliseconds: what has just come into view may fade in. */
  get shownForMs(): number {
    return Math.max(0, (this.#owner.motion?.time.nowMs ?? 0) - this.createdMs)
  }

  /** Draws it from there on, and over to its own place: where something that stood for it was drawn until now. */
  showFrom(x: number, y: number, z: number, yaw = this.yaw): void {
    this.#owner.motion?.showFrom(this, { x, y, z, yaw })
  }

  /** The server has told where it is. `timeMs`: the game's when it was there, in milliseconds since 1970, where that is told. */
  place(x: number, y: number, z: number, yaw: number, timeMs = Number.NaN): void {
    this.#owner.motion?.placed(this, x, y, z, yaw)
    this.placedMs = timeMs
    this.steered = undefined
    this.#put(x, y, z, yaw)
  }

  /** Its own client moves it. */
  steer(x: number, y: number, z: number, yaw: number): void {
    this.#put(x, y, z, yaw)
    this.steered ??= { x, y, z, yaw }
    const { steered } = this
    steered.x = x
    steered.y = y
    steered.z = z
    steered.yaw = yaw
  }

  #put(x: number, y: number, z: number, yaw: number): void {
    const { position } = this
    position.x = x
    position.y = y
    position.z = z
    this.yaw = yaw
  }

  toString(): string {
    return `${this.type}<${this.id}>`
  }
}

/** A space: an entity that its players know the kind of. */
export class SpaceMirror extends MirrorEntity {
  get kind(): number {
    return Number(this.attrs[SPACE_KIND] ?? 0)
  }
}

function serverMethods(owner: MirrorOwner, id: string): ServerMethods {
  const made: Record<string, (...args: unknown[]) => void> = Object.create(null)
  return new Proxy(made, {
    get(_target, method) {
      // Promises ask everything they are given for `then`; symbols are asked for by loggers.
      if (typeof method === 'symbol' || method === 'then') return undefined
      made[method] ??= (...args) => owner.call(id, method, ...args)
      return made[method]
    },
  })
}
