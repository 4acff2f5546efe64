// Clients and the entities that they play: how one is given to another, here or on another game, and what becomes of players
// whose gate is gone.
import { EntityGone, GameFrozen, messageOf, Unanswered } from '../base/errors.ts'
import { isId, makerOf, sameMaker } from '../base/id.ts'
import { HANDED_MAX, type Values } from '../wire/messages.ts'
import type { Client, EntityCore, Released } from './core.ts'
import type { PacketSink } from './outbound.ts'
import { restoreClient } from './saved-entity.ts'
import type { World } from './world.ts'

/** The new player of a client is asked again when it has not said for so long that it has it, */
const GIVE_LIMIT_MS = 10_000
/** and so many times: its game may be frozen. */
const GIVE_TRIES_MAX = 15
/** Nobody plays by more clients than this in the time that an offer may take. */
const RELEASED_KEPT = 4
/** Nor do more gates than this end in that time. */
const DEAD_GATES_KEPT = 1000

/** A client on its way to a player that may live anywhere. */
export interface Offer {
  readonly what: string
  /** As its former player had it. */
  readonly client: Client
  readonly entityId: string
}

export class Players {
  readonly #world: World
  /** Those that nobody has taken yet, with the numbers of the requests: 0 before the first. */
  readonly #offers = new Map<Offer, number>()

  /** Gates to which we may have said what they never heard: they have yet to be shown everything anew. */
  readonly #unheard = new Set<number>()
  /** Gates that are gone, the oldest first: some of their clients may be on their way to a player still. */
  readonly #deadGates = new Set<string>()

  constructor(world: World) {
    this.#world = world
  }

  connect(core: EntityCore, client: Client): void {
    core.clientLost = false
    this.#world.views.bind(core, client)
    this.#world.hook(core, 'onClientConnected')
    if (core.client === client && this.#isGone(client)) this.#gateGone(core, client)
  }

  /** `from`'s client gets `to` as its player. */
  give(from: EntityCore, to: EntityCore): void {
    const world = this.#world
    const { client } = from
    if (from === to || (!client && !from.awaited)) return
    if (to.isLeaving) throw new EntityGone(`${to} is gone: it cannot get a client`)
    if (!canPlay(to)) throw new TypeError(`${to} cannot be a client's player`)
    if (!client) return world.returns.give(from, to)
    this.release(from, client)
    world.views.unbind(from, true)
    world.hook(from, 'onClientDisconnected')
    // That hook may have done anything.
    if (to.isLeaving) return world.views.closeClient(client, 'its player was destroyed')
    this.#takeOver(to, handedOn(client))
  }

  /** The same, for an entity that may live anywhere. */
  giveAway(from: EntityCore, targetId: string): void {
    const world = this.#world
    if (!isId(targetId)) throw new TypeError(`'${targetId}' is no entity id`)
    const here = world.find(targetId)
    if (here) return this.give(from, here)
    const { client } = from
    // One that is waited for would not find its way there.
    if (!client) return world.returns.end(from)
    this.release(from, client)
    world.views.unbind(from, true)
    world.hook(from, 'onClientDisconnected')
    const offer = { what: `${from} gives its client to ${targetId}`, client, entityId: targetId }
    this.#offers.set(offer, 0)
    world.marks.behindGate(client.gateId, world.cluster.toEntity(targetId), () => this.#make(offer, 1))
  }

  /** Those that are still open: a restored game makes them once more. */
  get offers(): readonly Offer[] {
    return [...this.#offers.keys()]
  }

  restoreOffers(offers: readonly Offer[]): void {
    for (const offer of offers) this.#offers.set({ ...offer, client: restoreClient(offer.client) }, 0)
  }

  /** Time goes on: what was rejected when it stood still is offered once more. */
  offerAgain(): void {
    for (const offer of this.#offers.keys()) this.#make(offer, 1)
  }

  /** A dispatcher is there that knows nothing of what was said to the one before. */
  tellAgain(link: PacketSink): void {
    for (const [offer, no] of this.#offers)
      if (no !== 0 && this.#world.cluster.toEntity(offer.entityId) === link) this.#send(offer, no)
  }

  #make(offer: Offer, tries: number): void {
    // It is gone with its gate.
    if (!this.#offers.has(offer)) return
    const { what, client } = offer
    const { requests, openWork, log, views } = this.#world
    const give = (no: number) => {
      this.#offers.set(offer, no)
      return this.#send(offer, no)
    }
    openWork.track(requests.open(what, GIVE_LIMIT_MS, give)).then(
      () => {
        this.#offers.delete(offer)
        this.#world.cluster.toGate(client.gateId).send('clientOffered', { ...client, gameId: 0 })
      },
      (error) => {
        if (error instanceof GameFrozen) return
        if (error instanceof Unanswered && tries < GIVE_TRIES_MAX) return this.#make(offer, tries + 1)
        this.#offers.delete(offer)
        log.warn(messageOf(error))
        views.closeClient(client, 'its player was not there')
      },
    )
  }

  #send({ client, entityId }: Offer, no: number): PacketSink {
    const { cluster, gameId } = this.#world
    const link = cluster.toEntity(entityId)
    link.send('takeClient', { entityId, gameId, no, ...handedOn(client) })
    return link
  }

  /** Another game gives a client to an entity. */
  take({ entityId, gameId, no, gateId, clientId, handed, session }: Values<'takeClient'>): void {
    const { calling } = this.#world
    const core = this.#world.find(entityId)
    if (!core || core.isLeaving) return calling.answerUndelivered(gameId, no, 'there is no such entity')
    if (!canPlay(core)) return calling.answerUndelivered(gameId, no, `${core} cannot be a client's player`)
    calling.answer(gameId, no, true)
    // Offered once more, as the answer was lost: it has it, or has given it on since.
    if (hasHad(core, clientId, handed)) return
    const client = { gateId, clientId, handed, session }
    if (!this.#isGone(client)) this.#takeOver(core, client)
  }

  /** The gate says that a client is gone, or plays somebody else since it was handed over for the `handed`-th time. */
  clientGone(core: EntityCore, clientId: string, handed = HANDED_MAX): void {
    const { client, awaited } = core
    if (awaited?.client.clientId === clientId && awaited.client.handed <= handed) return this.#world.returns.end(core)
    if (client?.clientId !== clientId || client.handed > handed) return
    this.release(core, client)
    this.#world.views.unbind(core, false)
    this.#world.hook(core, 'onClientDisconnected')
  }

  /** The entity has this client no more: a late offer of it is known for what it is. */
  release(core: EntityCore, { gateId, clientId, handed }: Client): void {
    const others = core.released?.filter((one) => one.clientId !== clientId) ?? []
    core.released = [...others.slice(1 - RELEASED_KEPT), { gateId, clientId, handed }]
  }

  /** Ends the connection of a player's client. */
  close(core: EntityCore, reason: string): void {
    if (core.client) this.#world.views.closeClient(core.client, reason)
    else this.#world.returns.end(core)
  }

  // --- gates ---------------------------------------------------------------------------------------------------------

  /**
   * A gate is there: `process` is its name. It is shown what it may see. Whoever has a client of one that was there before was
   * given it too late.
   */
  gateUp(gateId: number, process: string): void {
    this.#world.gates.add(gateId)
    // It was cut off, and lives.
    this.#deadGates.delete(gateName(gateId, process))
    for (const core of this.#world.all()) {
      const { client } = core
      if (client?.gateId === gateId && !sameMaker(client.clientId, process)) this.#gateGone(core, client)
    }
    this.showAnew(gateId)
  }

  /** What was on its way to the gates that `isIts` picks is lost. */
  dispatcherDown(isIts: (gateId: number) => boolean): void {
    for (const gateId of this.#world.gates) if (isIts(gateId)) this.#unheard.add(gateId)
  }

  /** Whether the gate has heard, or will hear, all that was said to it. */
  isHeard(gateId: number): boolean {
    return this.#world.cluster.toGate(gateId).up && !this.#unheard.has(gateId)
  }

  /** All gates that are there have been named, of those that `isIts` picks: another has come and gone out of our hearing. */
  gatesNamed(isIts: (gateId: number) => boolean): void {
    for (const core of this.#world.all()) {
      const { client } = core
      if (client && isIts(client.gateId) && !this.#world.gates.has(client.gateId)) this.#gateGone(core, client)
    }
  }

  /** A gate is gone with all its connections. The clients of a new process in its place are not meant. */
  gateDown(gateId: number, process: string): void {
    for (const offer of this.#offers.keys())
      if (offer.client.gateId === gateId && sameMaker(offer.client.clientId, process)) this.#offers.delete(offer)
    this.#deadGates.add(gateName(gateId, process))
    if (this.#deadGates.size > DEAD_GATES_KEPT) this.#deadGates.delete(this.#deadGates.keys().next().value!)
    this.#unheard.delete(gateId)
    if (!this.#world.gates.delete(gateId)) return
    const { views } = this.#world
    for (const { core, client } of this.#leaveGate(gateId)) {
      if (sameMaker(client.clientId, process)) this.#world.returns.gateGone(core, client)
      else views.bind(core, client)
    }
  }

  /** Its gate is gone, as far as is known here. */
  #isGone({ gateId, clientId }: Client): boolean {
    return this.#deadGates.size > 0 && this.#deadGates.has(gateName(gateId, clientId))
  }

  #gateGone(core: EntityCore, client: Client): void {
    this.release(core, client)
    this.#world.views.unbind(core, false)
    this.#world.returns.gateGone(core, client)
  }

  /** What was on its way to a gate may be lost: it is told everything once more. */
  showAnew(gateId: number): void {
    const { cluster, gameId, views, migration } = this.#world
    const link = cluster.toGate(gateId)
    const players = this.#leaveGate(gateId)
    this.#unheard.delete(gateId)
    link.send('showAnew', { gateId, gameId })
    for (const { core, client } of players) views.bind(core, client)
    migration.showAnew(gateId)
    for (const { client } of this.#offers.keys())
      if (client.gateId === gateId) link.send('clientOffered', { ...client, gameId })
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
    const before = core.client
    if (before) {
      if (before.clientId !== client.clientId) views.closeClient(before, 'another client took over its player')
      views.unbind(core, false)
    }
    this.#world.returns.forget(core)
    this.connect(core, client)
  }
}

/** The process of a gate, by an id that it has made. */
const gateName = (gateId: number, made: string) => `${gateId} ${makerOf(made)}`

const handedOn = (client: Client): Client => ({ ...client, handed: client.handed + 1 })

/** Whether this hand-over is one that the entity has taken already, or one before that. */
function hasHad({ client, released }: EntityCore, clientId: string, handed: number): boolean {
  const isIt = (one: Released) => one.clientId === clientId && handed <= one.handed
  return (client !== undefined && isIt(client)) || (released?.some(isIt) ?? false)
}

const canPlay = ({ kind }: EntityCore) => !kind.isSpace && !kind.isService
