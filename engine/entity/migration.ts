// Entities that go from this game to another, and those that come. See `docs/order.md`, Migration.
//
//     enterSpace ─> asking ──the space is there──> holding ──held──> packed ──marked──> sent ──moved──> forgotten
//                      └──no──> rejected            └──no──> rejected                    └──not moved──> back here
//                                                                                               │            ^
//                                                    it may have lived there, and been saved ──> in doubt ────┘ or dead
//
// Until it is packed the entity lives here as ever; from then on its dispatcher alone says where it lives. What was packed
// is kept until then, so that it is never lost.
import type { Scheduled } from '../base/clock.ts'
import { EntityGone, GameFrozen, messageOf, TimedOut } from '../base/errors.ts'
import { encode } from '../wire/codec.ts'
import type { Values } from '../wire/messages.ts'
import { decodeOwn } from '../wire/own-codec.ts'
import type { Client, EntityCore } from './core.ts'
import type { Vector3 } from './entity.ts'
import type { PacketSink } from './outbound.ts'
import { Retelling } from './retelling.ts'
import { restoreClient, type SavedEntity, saveEntity } from './saved-entity.ts'
import { SpaceCore } from './space-core.ts'
import type { World } from './world.ts'

/** How long it may take until an entity is packed. */
const PACKED_WITHIN_MS = 10_000
const ASK_WITHIN_MS = 5_000
/** What is in doubt is read again after so long, when the store has failed. */
const LOOK_AGAIN_MS = 1_000

/** What goes over the wire. */
interface Luggage {
  readonly entity: SavedEntity
  readonly spaceId: string
  readonly at: readonly [x: number, y: number, z: number]
  /** Where services lived as far as it was told, if it wants to be told. */
  readonly services?: Readonly<Record<string, string>>
  /** What was said to its client may be lost: its player is created anew. */
  readonly isUnheard?: true
  /** What its client was told of its class. */
  readonly shown?: string
}

interface Departure {
  readonly core: EntityCore
  readonly spaceId: string
  readonly at: Vector3
  readonly rejected: PromiseWithResolvers<void>
  /** By when it has to be packed. */
  readonly limitMs: number
  /** An entity that changes its mind has several, one after the other. */
  readonly no: number
  gameId: number
  state: 'asking' | 'holding' | 'packed' | 'sent' | 'in doubt'
  /** The dispatcher keeps what is for it, and all before that has come. */
  isHeld: boolean
  /** `onMigratedOut` has run. */
  isTold: boolean
  /** From the moment that it is packed: what brings it back, whence it came, and whose player it is. */
  kept: Kept | undefined
  /** How often it has been in doubt. */
  doubts: number
}

interface Kept {
  readonly data: Uint8Array
  readonly spaceId: string | undefined
  readonly client: Client | undefined
  /** Its gate was told once more that it is on its way, when it may have arrived, and may have lost its client there. */
  shownAnew: boolean
}

export class Migration {
  readonly #world: World
  readonly #departures = new Map<string, Departure>()
  #last = 0
  /** Why nobody sets out any more. */
  #closedFor: 'a freeze' | 'its end' | undefined
  #alarm: Scheduled | undefined
  #idle: (() => void) | undefined
  /** Those that have come and wait for what was said to them on their way. */
  readonly #catchingUp = new Set<EntityCore>()
  arrived = 0
  departed = 0
  /** Came back because they could not live where they went. */
  returned = 0

  constructor(world: World) {
    this.#world = world
  }

  /** How many are on their way from here. */
  get size(): number {
    return this.#departures.size
  }

  // --- going -----------------------------------------------------------------------------------------------------------

  /** Brings an entity to a space of another game. Rejects when that fails; never resolves, as the object is gone by then. */
  depart(core: EntityCore, spaceId: string, at: Vector3): Promise<void> {
    const { clock } = this.#world
    if (this.#closedFor) return Promise.reject(this.#closedTo(core, spaceId))
    const departure: Departure = {
      core,
      spaceId,
      at,
      rejected: Promise.withResolvers(),
      limitMs: clock.now() + PACKED_WITHIN_MS,
      no: ++this.#last,
      gameId: 0,
      state: 'asking',
      isHeld: false,
      isTold: false,
      kept: undefined,
      doubts: 0,
    }
    this.#departures.set(core.id, departure)
    this.#alarm ??= clock.after(PACKED_WITHIN_MS, () => this.#timeOver())
    this.#ask(departure)
    return departure.rejected.promise
  }

  /** The entity does not want to go any more, or will not: it is destroyed, goes elsewhere, or the game freezes. */
  cancel(core: EntityCore, why: string): void {
    const departure = this.#departures.get(core.id)
    if (departure?.core === core)
      this.#stay(departure, new Error(`${core} did not leave for ${departure.spaceId}: ${why}`))
  }

  /** Nobody leaves any more: the game is being frozen, or ends. Those who have left go on. */
  close(why: 'a freeze' | 'its end'): void {
    this.#closedFor = why
    for (const departure of [...this.#departures.values()])
      this.#stay(departure, this.#closedTo(departure.core, departure.spaceId))
  }

  open(): void {
    this.#closedFor = undefined
  }

  #closedTo(core: EntityCore, spaceId: string): Error {
    const what = `${core} cannot leave for ${spaceId}`
    return this.#closedFor === 'its end'
      ? new Error(`${what}: the game ends`)
      : new GameFrozen(`${what}: the game is being frozen`)
  }

  #ask(departure: Departure): void {
    const { core, spaceId } = departure
    const { requests, cluster, gameId } = this.#world
    const what = `${core} asks for the space ${spaceId}`
    const link = cluster.toEntity(spaceId)
    const send = (no: number) => {
      link.send('askSpace', { entityId: spaceId, gameId, no })
      return link
    }
    requests.open(what, ASK_WITHIN_MS, send).then(
      (answer) => this.#spaceFound(departure, Number(answer)),
      (error) => this.#stay(departure, new Error(`there is no space ${spaceId}: ${messageOf(error)}`)),
    )
  }

  #spaceFound(departure: Departure, gameId: number): void {
    const { spaceId } = departure
    if (!this.#isUnderWay(departure)) return
    if (gameId === this.#world.gameId) return this.#stay(departure, new Error(`there is no space ${spaceId} any more`))
    departure.gameId = gameId
    departure.state = 'holding'
    this.#hold(departure)
  }

  #hold({ core, gameId, no }: Departure): void {
    const { id: entityId, epoch } = core
    this.#world.cluster.toEntity(entityId).send('holdEntity', { entityId, epoch, gameId, no })
  }

  /** The dispatcher keeps what is for the entity, or will not. */
  held({ entityId, no, held, reason }: Values<'entityHeld'>): void {
    const departure = this.#departures.get(entityId)
    // An older answer: what came between it and the next is still to arrive.
    if (departure?.state !== 'holding' || departure.no !== no) return
    departure.isHeld = held
    if (held) this.#pack(departure)
    else this.#stay(departure, new Error(`${departure.core} did not leave for ${departure.spaceId}: ${reason}`))
  }

  /** Takes the entity apart. */
  #pack(departure: Departure): void {
    const { core, spaceId, at } = departure
    const world = this.#world
    // A write of this game must not come behind one of the next.
    const written = world.saves.settled(core.kind.name, core.id)
    if (written) return void written.then(() => this.#packOnce(departure))
    if (!departure.isTold) {
      departure.isTold = true
      world.hook(core, 'onMigratedOut')
      if (!this.#isUnderWay(departure)) return
      // What the hook has saved is written before it lives elsewhere, too.
      if (world.saves.settled(core.kind.name, core.id)) return this.#pack(departure)
    }
    let data: Uint8Array
    const { space: from, x, y, z } = core
    from?.leave(core)
    if (!this.#isUnderWay(departure)) return
    try {
      core.flushAttrs()
      // `onLeftSpace` has saved it: should that come too late, it is saved where it goes.
      if (world.saves.settled(core.kind.name, core.id)) core.attrsUnsaved()
      const services = core.kind.hearsServices ? Object.fromEntries(world.services.known()) : undefined
      const luggage: Luggage = {
        entity: saveEntity(core),
        spaceId,
        at: [at.x, at.y, at.z],
        ...(services && { services }),
        ...(core.client && { shown: core.kind.shown }),
      }
      data = encode(luggage)
      if (data.length > world.luggageBytesMax)
        throw new RangeError(`${core} is too large to leave: ${data.length} bytes`)
    } catch (error) {
      this.#stay(departure, error)
      world.movement.settle()
      if (from && !from.isLeaving && !core.isLeaving && !core.space) from.enter(core, x, y, z)
      return
    }
    const { client } = core
    departure.state = 'packed'
    departure.kept = { data, spaceId: from?.id, client, shownAnew: false }
    world.discard(core)
    // Calls of this game that wait for the end of the turn, in front of those that follow.
    world.calling.postpone(core.id)
    const link = world.cluster.toEntity(core.id)
    if (client) world.views.sayLeaving(core, client, departure.gameId)
    // What was said of it to those that it has given away is to be ahead of the next placement, too.
    const gates = [...(client ? [client] : []), ...(core.released ?? [])].map(({ gateId }) => gateId)
    world.marks.behindGates(gates, link, () => this.#send(departure, link))
  }

  /** Unless it stays, is packed by now, or has to be held anew by another dispatcher. */
  #packOnce(departure: Departure): void {
    if (this.#isUnderWay(departure) && departure.state === 'holding' && departure.isHeld) this.#pack(departure)
  }

  #send(departure: Departure, link: PacketSink): void {
    if (departure.state !== 'packed' || !this.#isUnderWay(departure)) return
    const { core, gameId, kept } = departure
    departure.state = 'sent'
    const { client, data } = kept!
    const isHeard = client === undefined || this.#world.players.isHeard(client.gateId)
    link.send('moveEntity', { entityId: core.id, epoch: core.epoch, gameId, data: isHeard ? data : unheard(data) })
  }

  /** The dispatcher knows how it ended. */
  moved({ entityId, epoch, moved, certain, reason }: Values<'entityMoved'>): void {
    const departure = this.#departures.get(entityId)
    if (!departure?.kept || departure.core.epoch !== epoch) return
    const { core, gameId } = departure
    if (!moved && !certain && core.kind.persistent) {
      this.#world.log.warn(
        `${core} may have lived on game ${gameId}: it is back when its journal and storage are known`,
        {
          reason,
        },
      )
      return this.#askStorage(departure)
    }
    if (moved) this.#hasMoved(departure)
    else this.#return(departure, epoch + 2, reason)
  }

  #hasMoved(departure: Departure): void {
    const { core, kept, state } = departure
    const { client, shownAnew } = kept!
    this.#end(departure)
    this.departed++
    if (!client) return
    // It has died, or was loaded since.
    if (state === 'in doubt') this.#world.views.closeClient(client, 'its player was on its way to a game that died')
    else if (shownAnew) this.#world.views.sayLeft(core, client)
  }

  #return(departure: Departure, epoch: number, reason: string): void {
    const { core, gameId, kept, rejected } = departure
    this.#end(departure)
    this.returned++
    this.#world.log.warn(`${core} is back from its way to game ${gameId}: ${reason}`)
    rejected.reject(new Error(`${core} could not live on game ${gameId}: ${reason}`))
    this.#comeBack(kept!, epoch)
  }

  // --- in doubt --------------------------------------------------------------------------------------------------------

  /** Its dispatcher lets it be loaded when all is in the store that games which are dead have saved of it. */
  #askStorage(departure: Departure): void {
    const { id: entityId, kind } = departure.core
    departure.state = 'in doubt'
    departure.doubts++
    const { cluster, gameId } = this.#world
    cluster.toEntity(entityId).send('loadEntity', { entityId, gameId, type: kind.name })
  }

  /** A dispatcher lets an entity be loaded. Answers whether it is one of those that were packed here. */
  loadHere(entityId: string, epoch: number): boolean {
    const departure = this.#departures.get(entityId)
    if (!departure?.kept) return false
    // If not, another dispatcher has been told of it meanwhile, and has yet to answer.
    if (departure.state === 'in doubt') void this.#clearUp(departure, departure.doubts, epoch)
    return true
  }

  /**
   * All that was ever saved of one that is in doubt is in the store. If the placement that has left was the last to save it, it is
   * back, in its `epoch`-th; else it has lived where it went, and died there.
   */
  async #clearUp(departure: Departure, doubt: number, epoch: number): Promise<void> {
    const { core, gameId, rejected } = departure
    const { saves, clock, log, cluster } = this.#world
    const isAnswered = () =>
      departure.doubts !== doubt || departure.state !== 'in doubt' || !this.#isUnderWay(departure)
    if (isAnswered()) return
    let savedEpoch = 0
    try {
      savedEpoch = (await saves.read(core.kind.name, core.id))?.epoch ?? 0
    } catch (error) {
      log.error(`${core} is in doubt, and cannot be looked for: ${messageOf(error)}`)
      clock.after(LOOK_AGAIN_MS, () => void this.#clearUp(departure, doubt, epoch))
      return
    }
    if (isAnswered()) return
    if (savedEpoch <= core.epoch) return this.#return(departure, epoch, 'it did not arrive')
    log.warn(`${core} has died with game ${gameId}, which had saved it`)
    rejected.reject(new EntityGone(`${core} has died with game ${gameId}`))
    this.#hasMoved(departure)
    cluster.toEntity(core.id).send('entityGone', { entityId: core.id, epoch })
  }

  #comeBack({ data, spaceId }: Kept, epoch: number): void {
    const { entity, services } = decodeOwn(data) as unknown as Luggage
    const [x, y, z] = entity.parts['place'] as readonly number[]
    try {
      this.#settle(entity, epoch, spaceId ?? '', { x: x!, y: y!, z: z! })
      if (services) this.#world.services.tellMissed(entity.id, services)
    } catch (error) {
      const { id: entityId } = entity
      this.#world.loseEntity(entity, error)
      this.#world.cluster.toEntity(entityId).send('entityGone', { entityId, epoch })
    }
  }

  /** The gate is told everything anew: those on their way have a player still. */
  showAnew(gateId: number): void {
    const { views } = this.#world
    for (const { core, kept, gameId } of this.#departures.values()) {
      if (kept?.client?.gateId !== gateId) continue
      kept.shownAnew = true
      views.sayPlayer(core, kept.client)
      views.sayLeaving(core, kept.client, gameId)
    }
  }

  /** What a dispatcher kept for those who have just come is lost. */
  nothingKept(link: PacketSink): void {
    for (const core of this.#catchingUp) if (this.#world.cluster.toEntity(core.id) === link) this.gone(core)
  }

  /** A dispatcher is there that may know nothing of what was said to the one before. */
  tellAgain(link: PacketSink): void {
    const { cluster } = this.#world
    for (const departure of this.#departures.values()) {
      const { core, gameId, state } = departure
      if (cluster.toEntity(core.id) !== link) continue
      if (state === 'holding') {
        departure.isHeld = false
        this.#hold(departure)
      }
      if (!departure.kept) continue
      departure.state = 'sent'
      link.send('entityLeaving', { entityId: core.id, epoch: core.epoch, gameId })
    }
  }

  /** A restored game goes on waiting: the mark is among what was held for it. */
  goOnCatchingUp(core: EntityCore, detoured: number): void {
    core.detoured = detoured
    this.#catchingUp.add(core)
  }

  /** It waits for nothing any more. */
  gone(core: EntityCore): void {
    core.detoured = -1
    this.#catchingUp.delete(core)
  }

  /** The game ends without having heard: what has left is taken back, so that it is saved. */
  takeBack(): void {
    for (const departure of [...this.#departures.values()]) {
      this.#end(departure)
      if (departure.kept) this.#comeBack(departure.kept, departure.core.epoch)
    }
  }

  #isUnderWay(departure: Departure): boolean {
    return this.#departures.get(departure.core.id) === departure
  }

  /** It stays where it is. */
  #stay(departure: Departure, error: unknown): void {
    const { core, state, kept } = departure
    if (!this.#isUnderWay(departure) || kept) return
    this.#end(departure)
    const { id: entityId, epoch } = core
    if (state === 'holding' && !core.gone)
      this.#world.cluster.toEntity(entityId).send('entityPlaced', { entityId, epoch })
    departure.rejected.reject(error)
  }

  #end(departure: Departure): void {
    this.#departures.delete(departure.core.id)
    if (this.#departures.size === 0) this.#idle?.()
  }

  /** Resolves when nobody is on the way, or when `limitMs` are over. */
  async idle(limitMs: number): Promise<void> {
    if (this.#departures.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const limit = this.#world.clock.after(limitMs, resolve)
    this.#idle = resolve
    await promise
    limit.cancel()
  }

  /** Those that set out first come to their limit first. */
  #timeOver(): void {
    this.#alarm = undefined
    const { clock } = this.#world
    const nowMs = clock.now()
    for (const departure of [...this.#departures.values()]) {
      const { core, spaceId, limitMs } = departure
      if (limitMs > nowMs) {
        this.#alarm = clock.after(limitMs - nowMs, () => this.#timeOver())
        return
      }
      this.#stay(departure, new TimedOut(`${core} could not leave for ${spaceId} in ${PACKED_WITHIN_MS} ms`))
    }
  }

  // --- coming ----------------------------------------------------------------------------------------------------------

  /** Somebody wants to enter a space here: who answers at all has it. */
  spaceAsked({ entityId, gameId: asker, no }: Values<'askSpace'>): void {
    const space = this.#world.find(entityId)
    if (space instanceof SpaceCore && !space.isLeaving) this.#world.calling.answer(asker, no, this.#world.gameId)
    else this.#world.calling.answerUndelivered(asker, no, 'there is no such space')
  }

  arrive({ entityId, epoch, data }: Values<'arriveHere'>): void {
    const world = this.#world
    try {
      const { entity, spaceId, at, services, ...told } = decodeOwn(data) as unknown as Luggage
      const here = world.find(entityId)
      if (here && here.epoch >= epoch) throw new EntityGone(`a later placement of it is here`)
      if (here) world.discard(here)
      const [x, y, z] = at
      this.#settle(entity, epoch, spaceId, { x, y, z }, told)
      this.arrived++
      if (services) world.services.tellMissed(entityId, services)
    } catch (error) {
      const reason = messageOf(error)
      world.log.warn(`an entity ${entityId} cannot come to live here: ${reason}`)
      world.cluster.toEntity(entityId).send('refuseEntity', { entityId, epoch, reason })
    }
  }

  /**
   * What was said to it on its way comes by its dispatcher. Until it has, calls of this game go that way too, so that none
   * overtakes an earlier one of the same caller.
   */
  catchUp(core: EntityCore): void {
    core.detoured = 0
    this.#catchingUp.add(core)
    this.#world.cluster.toEntity(core.id).send('caughtUp', { entityId: core.id, no: 0 })
  }

  caughtUp({ entityId, no }: Values<'caughtUp'>): void {
    const core = this.#world.find(entityId)
    if (!core || !this.#catchingUp.has(core)) return
    if (core.detoured === no) {
      core.detoured = -1
      this.#catchingUp.delete(core)
    } else this.#world.cluster.toEntity(entityId).send('caughtUp', { entityId, no: core.detoured })
  }

  /** It lives here from now on: said, with its client, in its space, and its author told. Throws when it cannot be made. */
  #settle(
    saved: SavedEntity,
    epoch: number,
    spaceId: string,
    { x, y, z }: Vector3,
    { isUnheard, shown }: Partial<Pick<Luggage, 'isUnheard' | 'shown'>> = {},
  ): void {
    const world = this.#world
    const core = world.revive(saved, epoch, 0)
    world.cluster.toEntity(core.id).send('entityPlaced', { entityId: core.id, epoch })
    this.catchUp(core)
    const client: Client | undefined = saved.client && restoreClient(saved.client)
    const isThere = client && world.gates.has(client.gateId)
    if (isThere && isUnheard) world.views.sayUnbound(core, client)
    if (isThere) world.views.bind(core, client)
    if (isThere && !isUnheard && shown !== undefined && shown !== core.kind.shown) {
      const retelling = new Retelling(world, { [saved.type]: shown })
      retelling.add(core, saved)
      retelling.tell()
    }
    world.hook(core, 'onMigratedIn')
    // Before it is looked at what hooks have left.
    world.movement.settle()
    const space = world.find(spaceId)
    const enters = space instanceof SpaceCore && !space.isNil && !space.isLeaving
    if (enters && !core.isLeaving && !core.space) space.enter(core, x, y, z)
    else if (!enters && core.space === undefined) Object.assign(core, { x, y, z })
    if (!client || isThere) return
    // One with a session may come again.
    if (client.session !== '') world.views.sayMoved(client)
    else world.views.closeClient(client, 'its gate is not known where its player went')
    world.returns.gateGone(core, client)
  }
}

const unheard = (data: Uint8Array): Uint8Array =>
  encode({ ...(decodeOwn(data) as unknown as Luggage), isUnheard: true })
