// What a game says to the gates: who is whose player, who sees what, what changed, what is called. Each thing is said
// once per gate; the gate says it to each client. Bodies are the client's own messages behind the client's id.
import { ID_BYTES } from '../base/id.ts'
import { clientMessages, SPACE_KIND, SPACE_TYPE } from '../wire/client-wire.ts'
import { encodeArgs, writeData } from '../wire/codec.ts'
import { AUDIENCE_ALL, messages } from '../wire/messages.ts'
import { getU16, getU32, PacketWriter } from '../wire/packet.ts'
import { type AttrChange, Attrs } from './attrs.ts'
import type { Awaited } from './awaiting.ts'
import { Callees } from './callees.ts'
import { type FilteredTarget, filteredBody } from './calls.ts'
import type { Client, EntityCore } from './core.ts'
import type { PacketSink } from './outbound.ts'
import { SpaceCore } from './space-core.ts'
import type { World } from './world.ts'

const body = new PacketWriter(4096)
const attrsWriter = new PacketWriter(4096)

export class Views {
  readonly #world: World
  /** Calls to a client that was not there. */
  droppedCalls = 0
  readonly #callees = new Callees()
  /** The body of the last call. When the next says the same of another entity, only the id is written. */
  readonly #call = new PacketWriter(1024)
  #method = ''
  /** Undefined when they may change. */
  #args: readonly unknown[] | undefined
  #bytes = 0
  /** Counts the calls that did not say the same as the one before; modulo 2^32. */
  #run = 0

  constructor(world: World) {
    this.#world = world
  }

  // --- players -------------------------------------------------------------------------------------------------------

  /** Makes `core` the player of a client: it hears of the player, its space, what it sees. */
  bind(core: EntityCore, client: Client): void {
    // For those who see it already; the create says it to its own client.
    core.flushAttrs()
    core.client = client
    this.sayPlayer(core, client)
    this.#world.movement.toldOwn(core)
    const { space } = core
    if (!space) return
    space.addViewer(client)
    space.forEachSeen(core, (subject) => {
      subject.flushAttrs()
      subject.watch(client.gateId, 1)
      this.show(subject, [client])
    })
  }

  /** Tells the gate whose player it is, and nothing of what that sees. */
  sayPlayer(core: EntityCore, client: Client): void {
    const link = this.#link(client)
    body.at = 0
    writeCreate(body, core, true, this.#ownAttrs(core))
    link.send('bindPlayer', {
      ...client,
      entityId: core.id,
      epoch: core.epoch,
      gameId: this.#world.gameId,
      syncing: core.clientSyncing,
      body: body.written(),
    })
    for (const [key, value] of core.filters ?? []) link.send('setFilter', { ...client, key, value })
  }

  /** Its player goes to another game: neither this one's end nor that one's is yet the player's. */
  sayLeaving(core: EntityCore, client: Client, gameId: number): void {
    this.#link(client).send('playerLeaving', { ...client, entityId: core.id, epoch: core.epoch, gameId })
  }

  /** It has arrived, as far as its dispatcher knows: whoever has the player there says so, or nobody does. */
  sayLeft(core: EntityCore, client: Client): void {
    this.#link(client).send('playerLeft', { ...client, entityId: core.id, epoch: core.epoch })
  }

  /** Takes the client from `core`. Tells the gate unless the client is gone there already. */
  unbind(core: EntityCore, tell: boolean): void {
    const { client, space } = core
    if (!client) return
    core.flushAttrs()
    if (space) {
      space.forEachSeen(core, (subject) => {
        subject.flushAttrs()
        subject.watch(client.gateId, -1)
        if (tell) this.hide(subject, [client])
      })
      space.removeViewer(client, tell)
    }
    core.client = undefined
    if (tell) this.sayUnbound(core, client)
  }

  sayUnbound(core: EntityCore, client: Client): void {
    const { id: entityId, epoch } = core
    body.at = 0
    writeDestroy(body, core)
    this.#link(client).send('unbindPlayer', { ...client, entityId, epoch, body: body.written() })
  }

  /** Closes the client of a player, unless that is another or elsewhere by now. */
  closePlayer(core: EntityCore, client: Client, reason: string): void {
    const { id: entityId, epoch } = core
    this.#link(client).send('closePlayer', { ...client, entityId, epoch, reason })
  }

  /** Closes a client that is ours to close: whoever has been handed it since keeps it. */
  closeClient(client: Client, reason: string): void {
    this.#link(client).send('closeClient', { ...client, reason })
  }

  setSyncing(core: EntityCore, syncing: boolean): void {
    core.clientSyncing = syncing
    if (syncing) this.#world.movement.awaitHearing(core)
    if (core.client) this.#link(core.client).send('setSyncing', { ...core.client, syncing })
  }

  setFilter(core: EntityCore, key: string, value: string): void {
    core.filters ??= new Map()
    core.filters.set(key, value)
    if (core.client) this.#link(core.client).send('setFilter', { ...core.client, key, value })
  }

  clearFilters(core: EntityCore): void {
    core.filters = undefined
    if (core.client) this.#link(core.client).send('clearFilters', { ...core.client })
  }

  /** The client goes on by another connection. */
  sayMoved({ gateId, clientId }: Client): void {
    this.#world.cluster.toGate(gateId).send('sessionMoved', { gateId, clientId })
  }

  /** To a client that has come again: that was all that it is to know. */
  sayRestated({ gateId, clientId }: Client, missed: boolean): void {
    this.#world.cluster.toGate(gateId).send('playerRestated', { gateId, clientId, missed })
  }

  /** A call that has waited. */
  sayCall(client: Client, call: Uint8Array): void {
    this.#link(client).send('callClient', { ...client, body: call })
  }

  // --- who sees what ---------------------------------------------------------------------------------------------------

  show(subject: EntityCore, clients: readonly Client[]): void {
    const attrs = this.#publicAttrs(subject)
    for (const some of byGate(clients)) {
      const link = this.#beginChange(messages.showEntity.code, subject, some[0]!.gateId)
      const { out } = link
      out.u16(this.#world.gameId)
      this.#writeClients(out, some)
      writeCreate(out, subject, false, attrs)
      link.end()
    }
  }

  hide(subject: EntityCore, clients: readonly Client[]): void {
    for (const some of byGate(clients)) {
      const link = this.#beginChange(messages.hideEntity.code, subject, some[0]!.gateId)
      this.#writeClients(link.out, some)
      writeDestroy(link.out, subject)
      link.end()
    }
  }

  // But for positions these two are the most that games say: so they are written field by field, in the order of the table.

  #beginChange(code: number, { id, epoch }: EntityCore, gateId: number): PacketSink {
    const link = this.#world.cluster.toGate(gateId)
    link.begin(code)
    link.out.u16(gateId)
    link.out.id(id)
    link.out.u32(epoch)
    return link
  }

  #writeClients(out: PacketWriter, clients: readonly Client[]): void {
    out.bool(this.#isCalm(clients[0]!.gateId))
    out.u16(clients.length)
    for (const { clientId } of clients) out.id(clientId)
  }

  /** Whether it is early enough with the next positions: then the gate is told when there are no more. */
  #isCalm(gateId: number): boolean {
    const { movement } = this.#world
    if (movement.isSettling) movement.awaitsFlush(gateId)
    return movement.isSettling
  }

  // --- what changes and what is called -----------------------------------------------------------------------------------

  changeAttr(core: EntityCore, { audience, type, body: change }: AttrChange): void {
    const { gameId } = this.#world
    this.#forEachAudience(core, audience === AUDIENCE_ALL, (gateId) =>
      this.#world.cluster.toGate(gateId).send('changeAttr', { gateId, gameId, audience, type, body: change }),
    )
  }

  callClient(core: EntityCore, method: string, args: unknown[]): void {
    const { client, awaited } = core
    if (awaited && !core.gone) return this.#keepCall(awaited, this.#callBody(core, method, args))
    if (!client || core.gone) {
      this.droppedCalls++
      return
    }
    core.flushAttrs()
    if (this.#isSaid(method, args)) this.#callAgain(core, client)
    else this.#link(client).send('callClient', { ...client, body: this.#newCallBody(core, method, args) })
  }

  /**
   * What was said of the last one is said of another: whoever says it to a thousand says it once, and to whom. Those on
   * gates of one dispatcher are told one after the other, or it is said each time that the gate is another.
   */
  #callAgain(core: EntityCore, client: Client): void {
    const gateId = this.#callees.gateOf(core, client)
    const link = this.#world.cluster.toGate(gateId)
    const { out } = link
    const at = out.fieldsOf(link.lastFrame, messages.callClients.code)
    const goesOn = at >= 0 && getU16(out.bytes, at) === gateId && getU32(out.bytes, at + 2) === this.#run
    if (!goesOn) {
      link.begin(messages.callClients.code)
      out.u16(gateId)
      out.u32(this.#run)
      out.varbytes(this.#call.bytes.subarray(ID_BYTES, this.#bytes))
    }
    this.#callees.write(out, core)
    link.end()
  }

  /** The slot is for another entity. */
  forgetSlot(slot: number): void {
    this.#callees.forget(slot)
  }

  callAllClients(core: EntityCore, method: string, args: unknown[]): void {
    this.#world.movement.settle()
    if (core.gone) {
      this.droppedCalls++
      return
    }
    core.flushAttrs()
    const said = this.#callBody(core, method, args)
    const { gameId } = this.#world
    if (core.awaited) this.#keepCall(core.awaited, said)
    this.#forEachAudience(core, true, (gateId) =>
      this.#world.cluster.toGate(gateId).send('callAllClients', { gateId, gameId, body: said }),
    )
  }

  #keepCall(awaited: Awaited, call: Uint8Array): void {
    if (!this.#world.returns.keep(awaited, call)) this.droppedCalls++
  }

  callFiltered(target: FilteredTarget, method: string, args: unknown[]): void {
    body.at = 0
    const { fields } = clientMessages.callFiltered
    const values = filteredBody(target, method, args)
    for (const [name, field] of Object.entries(fields)) field.write(body, values[name] as never)
    const said = body.copy()
    for (const gateId of this.#world.gates) {
      this.#world.cluster.toGate(gateId).send('callFilteredClients', { gateId, body: said })
    }
  }

  /** Calls `visit` for each gate with clients that see `core` (`all`), its own client's gate among them. */
  #forEachAudience(core: EntityCore, all: boolean, visit: (gateId: number) => void): void {
    const own = core.client?.gateId ?? -1
    if (own >= 0) visit(own)
    if (!all) return
    const { watchers } = core
    for (let gateId = 0; gateId < watchers.length; gateId++) if (watchers[gateId]! > 0 && gateId !== own) visit(gateId)
  }

  #link(client: Client) {
    return this.#world.cluster.toGate(client.gateId)
  }

  /** Whether the last call said the same, maybe of another entity. */
  #isSaid(method: string, args: unknown[]): boolean {
    return this.#args !== undefined && method === this.#method && isSame(this.#args, args)
  }

  #callBody(core: EntityCore, method: string, args: unknown[]): Uint8Array {
    if (!this.#isSaid(method, args)) return this.#newCallBody(core, method, args)
    const call = this.#call
    call.at = 0
    call.id(core.id)
    call.at = this.#bytes
    return call.written()
  }

  #newCallBody(core: EntityCore, method: string, args: unknown[]): Uint8Array {
    const call = this.#call
    const said = encodeArgs(args)
    call.at = 0
    call.id(core.id)
    call.varstr(method)
    call.raw(said.bytes, 0, said.at)
    this.#method = method
    this.#args = args.some(mayChange) ? undefined : args
    this.#bytes = call.at
    this.#run = (this.#run + 1) >>> 0
    return call.written()
  }

  #ownAttrs(core: EntityCore): Uint8Array {
    const { audience } = core.kind.layout
    return encodeMap(Attrs.plain(core.attrs, (index) => audience[index]! >= 0))
  }

  #publicAttrs(core: EntityCore): Uint8Array {
    if (core.publicAttrs) return core.publicAttrs
    const { audience } = core.kind.layout
    const seen = Attrs.plain(core.attrs, (index) => audience[index] === AUDIENCE_ALL)
    if (core instanceof SpaceCore) seen[SPACE_KIND] = core.spaceKind
    core.publicAttrs = encodeMap(seen)
    return core.publicAttrs
  }
}

const mayChange = (arg: unknown) => typeof arg === 'object' && arg !== null

/** Whether they are encoded the same to the bit. */
function isSame(before: readonly unknown[], args: readonly unknown[]): boolean {
  if (before.length !== args.length) return false
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]
    // Of text this finds out sooner, and there is nothing else to tell apart.
    if (typeof arg === 'string' ? before[at] !== arg : !Object.is(before[at], arg)) return false
  }
  return true
}

/** Their count is 16 bits on the wire. */
const CLIENTS_A_MESSAGE = 50_000

const typeOnWire = (core: EntityCore) => (core instanceof SpaceCore ? SPACE_TYPE : core.kind.name)

function encodeMap(map: Record<string, unknown>): Uint8Array {
  attrsWriter.at = 0
  writeData(attrsWriter, map)
  // Without the length, which the create message writes itself.
  return attrsWriter.bytes.slice(4, attrsWriter.at)
}

/** Those of one gate each time, and as many as one message may name. */
function byGate(clients: readonly Client[]): readonly (readonly Client[])[] {
  // Whoever moves about tells one at a time, mostly.
  if (clients.length === 1) return [clients]
  const lists: Client[][] = []
  const open = new Map<number, Client[]>()
  for (const client of clients) {
    const list = open.get(client.gateId)
    if (list && list.length < CLIENTS_A_MESSAGE) {
      list.push(client)
    } else {
      const next = [client]
      lists.push(next)
      open.set(client.gateId, next)
    }
  }
  return lists
}

/** The body of a 1002. */
function writeCreate(out: PacketWriter, core: EntityCore, isPlayer: boolean, attrs: Uint8Array): void {
  out.bool(isPlayer)
  out.id(core.id)
  out.varstr(typeOnWire(core))
  out.f32(core.x)
  out.f32(core.y)
  out.f32(core.z)
  out.f32(core.yaw)
  out.varbytes(attrs)
}

/** The body of a 1003. */
function writeDestroy(out: PacketWriter, core: EntityCore): void {
  out.varstr(typeOnWire(core))
  out.id(core.id)
}
