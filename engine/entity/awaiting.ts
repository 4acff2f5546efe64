// Players whose client's gate is gone, and who wait for it to come by another: for how long, and what is said to it meanwhile.
import type { Scheduled } from '../base/clock.ts'
import type { Client, EntityCore } from './core.ts'
import type { World } from './world.ts'

/** What waits for one client; beyond, calls to it are dropped. */
const CALLS_MAX = 256
const CALL_BYTES_MAX = 64 * 1024
/** How late the end of a wait may be. */
const LOOK_MS = 500

export interface Awaited {
  readonly client: Client
  readonly untilMs: number
  /** Bodies of 1009, in their order. */
  readonly calls: Uint8Array[]
  callBytes: number
}

/** As a part of a saved entity. */
export interface SavedAwaited {
  readonly client: Client
  readonly leftMs: number
  readonly calls: readonly Uint8Array[]
}

export class Awaiting {
  readonly #world: World
  readonly #over: (core: EntityCore) => void
  readonly #cores = new Set<EntityCore>()
  #next: Scheduled | undefined

  /** `over` is told of each whose client has not come in time. */
  constructor(world: World, over: (core: EntityCore) => void) {
    this.#world = world
    this.#over = over
  }

  get size(): number {
    return this.#cores.size
  }

  begin(core: EntityCore, { client, leftMs, calls }: SavedAwaited): void {
    const callBytes = calls.reduce((sum, { length }) => sum + length, 0)
    core.awaited = { client, untilMs: this.#world.clock.now() + leftMs, calls: [...calls], callBytes }
    this.#cores.add(core)
    if (!this.#world.isStill) this.#lookLater()
  }

  /** Nobody is waited for any more; answers what there was. */
  end(core: EntityCore): Awaited | undefined {
    const { awaited } = core
    core.awaited = undefined
    this.#cores.delete(core)
    return awaited
  }

  /** Keeps a call; answers false when there is no room. */
  keep(awaited: Awaited, body: Uint8Array): boolean {
    if (awaited.calls.length >= CALLS_MAX || awaited.callBytes + body.length > CALL_BYTES_MAX) return false
    awaited.calls.push(body.slice())
    awaited.callBytes += body.length
    return true
  }

  save({ client, untilMs, calls }: Awaited): SavedAwaited {
    return { client, leftMs: Math.max(0, untilMs - this.#world.clock.now()), calls }
  }

  /** Nobody's time is over until it goes on. */
  pause(): void {
    this.#next?.cancel()
    this.#next = undefined
  }

  resume(): void {
    if (this.#cores.size > 0) this.#lookLater()
  }

  #lookLater(): void {
    this.#next ??= this.#world.clock.after(LOOK_MS, () => {
      this.#next = undefined
      const nowMs = this.#world.clock.now()
      for (const core of [...this.#cores]) if (core.awaited && core.awaited.untilMs <= nowMs) this.#over(core)
      this.resume()
    })
  }
}
