// Clients with a session that lose their connection, and come again. See docs/order.md, Sessions of our own clients.
//
//     connected ──clientLost──> lost ──clientBack──> connected        its gate keeps what is said to it
//         │                      │
//         └────── its gate is gone ──────> awaited ──resumePlayer──> connected        calls to it wait here
//                                             └──── time over: disconnected
import { timingSafeEqual } from 'node:crypto'
import type { Values } from '../wire/messages.ts'
import { type Awaited, Awaiting, type SavedAwaited } from './awaiting.ts'
import type { Client, EntityCore } from './core.ts'
import type { World } from './world.ts'

export class Returns {
  /** Clients that came by another gate, or by another name, and those that named no player that was theirs. */
  resumed = 0
  refused = 0
  /** Among them: a token that is not that of the player's client. */
  wrongTokens = 0
  readonly #world: World
  readonly #graceMs: number
  readonly #awaiting: Awaiting

  /** Without `graceMs` nobody is waited for. */
  constructor(world: World, graceMs: number) {
    this.#world = world
    this.#graceMs = graceMs
    this.#awaiting = new Awaiting(world, (core) => this.end(core))
  }

  /** Players whose client may come again by another gate. */
  get awaited(): number {
    return this.#awaiting.size
  }

  // --- in the words of its gate --------------------------------------------------------------------------------------

  /** The client has said hello after its player was made. */
  sessionBegun(core: EntityCore, { clientId, session }: Values<'sessionBegun'>): void {
    if (core.client?.clientId === clientId) core.client = { ...core.client, session }
  }

  lost(core: EntityCore, clientId: string): void {
    if (core.client?.clientId !== clientId || core.clientLost) return
    core.clientLost = true
    this.#world.hook(core, 'onClientLost')
  }

  /** Told twice is told once. */
  back(core: EntityCore, clientId: string): void {
    if (core.client?.clientId !== clientId || !core.clientLost) return
    core.clientLost = false
    this.#world.hook(core, 'onClientReconnected', { missed: false })
  }

  /** It says that it plays an entity: if it is so, it does from now on, and hears all there is. */
  resume({ entityId, gateId, clientId, token }: Values<'resumePlayer'>): void {
    const world = this.#world
    const core = world.find(entityId)
    const before = core?.client ?? core?.awaited?.client
    const reason = this.#refusal(core, before, token)
    if (!core || !before || reason !== undefined) {
      this.refused++
      return world.cluster.toGate(gateId).send('resumeRefused', { gateId, clientId, reason: reason ?? '' })
    }
    // Asked once more, as the first answer took its time.
    if (core.client?.clientId === clientId) return
    // Its gate did not know yet.
    if (!this.isLost(core)) {
      core.clientLost = true
      world.hook(core, 'onClientLost')
      if (core.isLeaving || core.client !== before)
        return world.cluster.toGate(gateId).send('resumeRefused', { gateId, clientId, reason: 'it has just gone' })
    }
    const calls = this.#awaiting.end(core)?.calls ?? []
    if (core.client) {
      world.views.sayMoved(core.client)
      world.views.unbind(core, false)
    }
    // Whoever offers it by its former name comes too late.
    world.players.release(core, before)
    this.#bind(core, { gateId, clientId, handed: 0, session: token }, calls)
  }

  #bind(core: EntityCore, client: Client, calls: readonly Uint8Array[]): void {
    const { views } = this.#world
    this.resumed++
    core.clientLost = false
    views.bind(core, client)
    for (const call of calls) views.sayCall(client, call)
    // What was said to the client before may not have come.
    views.sayRestated(client, true)
    this.#world.hook(core, 'onClientReconnected', { missed: true })
  }

  /** Why the client does not get the player. */
  #refusal(core: EntityCore | undefined, before: Client | undefined, token: string): string | undefined {
    if (!core || core.isLeaving) return 'there is no such entity'
    if (!before?.session) return 'nobody is waited for'
    if (sameToken(before.session, token)) return undefined
    if (this.wrongTokens++ === 0)
      this.#world.log.warn(`a client wanted to play ${core} with a token that is not its own (more are only counted)`)
    return 'it is the player of another client'
  }

  // --- its gate is gone ----------------------------------------------------------------------------------------------

  isLost(core: EntityCore): boolean {
    return (core.client !== undefined && core.clientLost) || core.awaited !== undefined
  }

  /** The gate of a client is gone, and nobody plays the entity. */
  gateGone(core: EntityCore, client: Client): void {
    const { clientLost } = core
    core.clientLost = false
    if (client.session === '' || this.#graceMs === 0) return this.#world.hook(core, 'onClientDisconnected')
    this.#awaiting.begin(core, { client, leftMs: this.#graceMs, calls: [] })
    if (!clientLost) this.#world.hook(core, 'onClientLost')
  }

  /** A call to a client that is waited for. Answers whether it is kept. */
  keep(awaited: Awaited, call: Uint8Array): boolean {
    return this.#awaiting.keep(awaited, call)
  }

  /** Nobody is waited for any more. Answers whether somebody was. */
  forget(core: EntityCore): boolean {
    return this.#awaiting.end(core) !== undefined
  }

  /** The same, and the entity hears so. */
  end(core: EntityCore): void {
    if (this.forget(core)) this.#world.hook(core, 'onClientDisconnected')
  }

  /** `to` waits for the client in place of `from`. */
  give(from: EntityCore, to: EntityCore): void {
    const world = this.#world
    const awaited = this.#awaiting.end(from)
    if (!awaited) return
    world.players.release(from, awaited.client)
    world.hook(from, 'onClientDisconnected')
    if (to.isLeaving) return
    if (to.client) {
      world.views.closeClient(to.client, 'another client took over its player')
      world.views.unbind(to, false)
    }
    this.#awaiting.begin(to, { ...this.#awaiting.save(awaited), calls: [] })
    world.hook(to, 'onClientConnected')
    if (to.awaited) world.hook(to, 'onClientLost')
  }

  // --- freeze and migration ------------------------------------------------------------------------------------------

  save(awaited: Awaited): SavedAwaited {
    return this.#awaiting.save(awaited)
  }

  restore(core: EntityCore, saved: SavedAwaited): void {
    this.#awaiting.begin(core, saved)
  }

  pause(): void {
    this.#awaiting.pause()
  }

  goOn(): void {
    this.#awaiting.resume()
  }
}

/** Whether they are the same, in a time that tells nothing of where they are not. */
function sameToken(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
