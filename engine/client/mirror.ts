// One entity of the server as the client has it: what it looks like and where it is, kept up to date by the session.
import { SPACE_KIND } from '../wire/client-wire.ts'
import type { AttrMap } from './attr-tree.ts'

export interface Position {
  x: number
  y: number
  z: number
}

/** What a mirror needs of its session. */
export interface MirrorOwner {
  readonly space: SpaceMirror | undefined
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

  constructor(owner: MirrorOwner, id: string, type: string, isOwn: boolean, attrs: AttrMap) {
    this.#owner = owner
    this.id = id
    this.type = type
    this.isOwn = isOwn
    this.attrs = attrs
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

  /** `timeMs`: the game's when it was there, in milliseconds since 1970, where the server says so. */
  place(x: number, y: number, z: number, yaw: number, timeMs = Number.NaN): void {
    const { position } = this
    this.placedMs = timeMs
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
