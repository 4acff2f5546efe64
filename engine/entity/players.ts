// Clients and the entities that they play: how one is given to another, here or on another game, and what becomes of players
// whose gate is gone.
import { EntityGone, GameFrozen, messageOf } from '../base/errors.ts'
import { isId, sameMaker } from '../base/id.ts'
import type { Values } from '../wire/messages.ts'
import type { Client, EntityCore } from './core.ts'
import type { World } from './world.ts'

/** How long the new player of a client may take to say that it has it: its game may be frozen. */
const GIVE_LIMIT_MS = 150_000

export class Players {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  connect(core: EntityCore, client: Client): void {
    this.#world.views.bind(core, client)
    this.#world.hook(core, 'onClientConnected')
  }

  /** `from`'s client gets `to` as its player. */
  give(from: EntityCore, to: EntityCore): void {
    const world = this.#world
    const { client } = from
    if (from === to || !client) return
    if (to.isLeaving) throw new EntityGone(`${to} is gone: it cannot get a client`)
    if (!canPlay(to)) throw new TypeError(`${to} cannot be a client's player`)
    world.views.unbind(from, true)
    world.hook(from, 'onClientDisconnected')
    // That hook may have done anything.
    if (to.isLeaving) return world.views.closeClient(client, 'its player was destroyed')
    this.#takeOver(to, client)
  }

  /** The same, for an entity that may live anywhere. */
  giveAway(from: EntityCore, targetId: string): void {
    const world = this.#world
    if (!isId(targetId)) throw new TypeError(`'${targetId}' is no entity id`)
    const here = world.find(targetId)
    if (here) return this.give(from, here)
    const { client } = from
    if (!client) return
    world.views.unbind(from, true)
    world.hook(from, 'onClientDisconnected')
    const link = world.cluster.toEntity(targetId)
    const give = (no: number) => link.send('takeClient', { entityId: targetId, gameId: world.gameId, no, ...client })
    world.marks.behindGate(client.gateId, link, () => {
      const taken = world.requests.open(`${from} gives its client to ${targetId}`, GIVE_LIMIT_MS, give)
      world.openWork.track(taken).catch((error) => {
        // It is on its way, and this game hears no more of it.
        if (error instanceof GameFrozen) return
        world.log.warn(messageOf(error))
        world.views.closeClient(client, 'its player was not there')
      })
    })
  }

  /** Another game gives a client to an entity. */
  take({ entityId, gameId, no, gateId, clientId }: Values<'takeClient'>): void {
    const { calling } = this.#world
    const core = this.#world.find(entityId)
    if (!core || core.isLeaving) return calling.answerUndelivered(gameId, no, 'there is no such entity')
    if (!canPlay(core)) return calling.answerUndelivered(gameId, no, `${core} cannot be a client's player`)
    calling.answer(gameId, no, true)
    this.#takeOver(core, { gateId, clientId })
  }

  /** The gate says that a client is gone. */
  clientGone(core: EntityCore, clientId: string): void {
    if (core.client?.clientId !== clientId) return
    this.#world.views.unbind(core, false)
    this.#world.hook(core, 'onClientDisconnected')
  }

  // --- gates ---------------------------------------------------------------------------------------------------------

  gateUp(gateId: number): void {
    this.#world.gates.add(gateId)
  }

  /** A gate is gone with all its clients. Those of a new process in its place are not meant. */
  gateDown(gateId: number, process: string): void {
    if (!this.#world.gates.delete(gateId)) return
    const { views } = this.#world
    for (const { core, client } of this.#leaveGate(gateId)) {
      if (sameMaker(client.clientId, process)) this.#world.hook(core, 'onClientDisconnected')
      else views.bind(core, client)
    }
  }

  /** What was on its way to a gate may be lost: it is told everything once more. */
  showAnew(gateId: number): void {
    const { cluster, gameId, views, migration } = this.#world
    const link = cluster.toGate(gateId)
    const players = this.#leaveGate(gateId)
    link.send('showAnew', { gateId, gameId })
    for (const { core, client } of players) views.bind(core, client)
    migration.showAnew(gateId)
    link.send('shownAnew', { gateId, gameId })
  }

  /** Nobody plays or watches by this gate. Answers who did play, with its client. */
  #leaveGate(gateId: number): { readonly core: EntityCore; readonly client: Client }[] {
    const { views } = this.#world
    const players: { core: EntityCore; client: Client }[] = []
    for (const core of this.#world.all())
      if (core.client?.gateId === gateId) players.push({ core, client: core.client })
    for (const { core } of players) views.unbind(core, false)
    for (const core of this.#world.all()) if (core.watchers[gateId]) core.watchers[gateId] = 0
    return players
  }

  /** The newer connection wins; the older one is told so by its end. */
  #takeOver(core: EntityCore, client: Client): void {
    const { views } = this.#world
    if (core.client) {
      views.closeClient(core.client, 'another client took over its player')
      views.unbind(core, false)
    }
    this.connect(core, client)
  }
}

const canPlay = ({ kind }: EntityCore) => !kind.isSpace && !kind.isService
