// What games say about who plays and who sees whom: taken into the views, and told to the clients concerned.
//
//     bindPlayer   ──> the client's player     1002, as player       unbindPlayer ──> none       1003
//     playerLeaving ──> it may be on either of two games, until one of them binds it, or says that it has left (playerLeft)
//     showEntity   ──> watchers                1002                  hideEntity   ──> not those  1003
//
// Each names the placement (epoch) that speaks. What an older one says late is ignored; see `views.ts`.
import { WireError } from '../../engine/base/errors.ts'
import { ID_BYTES } from '../../engine/base/id.ts'
import { clientMessages, sessionMessages } from '../../engine/wire/client-wire.ts'
import { HANDED_MAX, messages, type Values } from '../../engine/wire/messages.ts'
import { getU16, getU32, PacketReader, readLatin1 } from '../../engine/wire/packet.ts'
import type { Client } from './client.ts'
import type { Clients } from './clients.ts'
import type { Filters } from './filters.ts'
import { FrameCopy } from './frame-copy.ts'
import type { Output } from './output.ts'
import type { Phases } from './phases.ts'
import type { Unshown } from './unshown.ts'
import type { View, Views } from './views.ts'

/** In a message 1002 behind the client's id: whether it is the player, the entity's id, then its type. */
const CREATE_TYPE_AT = 1 + ID_BYTES
/** Behind it, where the entity is: four floats. */
const PLACE_BYTES = 16
const placeAt = (bytes: Uint8Array, body: number) => body + CREATE_TYPE_AT + 4 + getU32(bytes, body + CREATE_TYPE_AT)

export interface ViewChangesOwner {
  readonly gateId: number
  readonly clients: Clients
  readonly views: Views
  readonly filters: Filters
  readonly unshown: Unshown
  readonly phases: Phases
  /** Tells a game that an entity does not have the client that it was bound to. */
  refuse(refused: Values<'clientRefused'>): void
  /** The client plays another entity, or nobody, or the entity is on another game. */
  playerChanged(client: Client): void
  /** The client has its first player, or another than before: called before it hears of that. */
  bound(client: Client): void
  /** A player sets out for another game. */
  leaving(view: View): void
  /** A client was taken by a game that has yet to say for whom. */
  taken(client: Client): void
  /** A player has left its game, and no other has it yet. */
  left(view: View): void
  close(client: Client, reason: string): void
}

export class ViewChanges {
  /** Messages that were written to clients. */
  delivered = 0
  /** Clients that were named and have gone. */
  missedClients = 0
  /** What a placement said that a newer one has replaced. */
  stale = 0
  readonly #owner: ViewChangesOwner
  readonly #frame = new FrameCopy()
  readonly #destroyFrame = new FrameCopy()
  readonly #numberFrame = new FrameCopy()
  readonly #numberBody = new Uint8Array(ID_BYTES + 2)
  readonly #reader = new PacketReader()

  constructor(owner: ViewChangesOwner) {
    this.#owner = owner
  }

  /** Takes a packet, type and fields; answers false when it is none of those. */
  packet(bytes: Uint8Array, start: number, end: number): boolean {
    switch (getU16(bytes, start)) {
      case messages.showEntity.code:
        this.#showEntity(bytes, start + 4, end)
        return true
      case messages.hideEntity.code:
        this.#hideEntity(bytes, start + 4, end)
        return true
      case messages.bindPlayer.code:
        this.#bindPlayer(bytes, start + 4, end)
        return true
      case messages.unbindPlayer.code:
        this.#unbindPlayer(bytes, start + 4, end)
        return true
      case messages.closePlayer.code:
        this.#closePlayer(bytes, start, end)
        return true
      case messages.playerLeaving.code:
        this.#playerLeaving(bytes, start + 4, end)
        return true
      case messages.playerLeft.code:
        this.#playerLeft(bytes, start, end)
        return true
      case messages.clientOffered.code:
        this.#clientOffered(bytes, start, end)
        return true
      default:
        return false
    }
  }

  /** Tells a client that it no longer sees an entity, when no message of a game says so. */
  withdraw(slot: number, view: View): void {
    const { destroyBody, idAt } = view
    this.#destroyFrame.setAddressed(
      clientMessages.destroyEntity.code,
      this.#owner.gateId,
      destroyBody,
      0,
      destroyBody.length,
    )
    const { output } = this.#owner.clients.at(slot)
    output.forget(destroyBody, idAt)
    output.append(this.#destroyFrame)
    this.delivered++
  }

  /** Entity id | u32 epoch | u16 game | bool calm | u16 count, client ids | body of 1002. */
  #showEntity(bytes: Uint8Array, at: number, end: number): void {
    const reader = this.#reader.reset(bytes, at, end)
    const idAt = reader.skip(ID_BYTES)
    const epoch = reader.u32()
    const gameId = reader.u16()
    const calm = reader.bool()
    const count = reader.u16()
    const clientsAt = reader.skip(count * ID_BYTES)
    const body = reader.at
    if (this.#owner.unshown.has(gameId)) {
      this.stale++
      return
    }
    const view = this.#placed(bytes, idAt, epoch, gameId, body, end)
    if (!view) return
    this.#frame.setAddressed(clientMessages.createEntity.code, this.#owner.gateId, bytes, body, end)
    for (let one = 0; one < count; one++) {
      const client = this.#owner.clients.find(bytes, clientsAt + one * ID_BYTES)
      if (!client) this.missedClients++
      // A client sees what is on its player's game; where that came from, late words may still be on their way.
      else if (client.player?.gameId !== gameId) this.stale++
      else if (client.player !== view && this.#owner.views.watch(view, client.slot)) {
        // It has come to another space: of where it was put in the last one it need not hear.
        if (view.isSpace && client.player) client.player.ownMoved = false
        this.#say(client.output, this.#frame, calm, gameId)
        const number = this.#numberFrameOf(client, view)
        if (number) this.#say(client.output, number, calm, gameId)
        this.delivered++
      }
    }
    this.#owner.views.release(view)
  }

  /** Entity id | u32 epoch | bool calm | u16 count, client ids | body of 1003. */
  #hideEntity(bytes: Uint8Array, at: number, end: number): void {
    const reader = this.#reader.reset(bytes, at, end)
    const idAt = reader.skip(ID_BYTES)
    const epoch = reader.u32()
    const calm = reader.bool()
    const count = reader.u16()
    const clientsAt = reader.skip(count * ID_BYTES)
    const view = this.#owner.views.find(bytes, idAt)
    if (!view || epoch < view.epoch) {
      this.stale++
      return
    }
    this.#frame.setAddressed(clientMessages.destroyEntity.code, this.#owner.gateId, bytes, reader.at, end)
    for (let one = 0; one < count; one++) {
      const client = this.#owner.clients.find(bytes, clientsAt + one * ID_BYTES)
      if (!client) this.missedClients++
      else if (this.#owner.views.unwatch(view, client.slot)) {
        client.output.forget(bytes, idAt)
        this.#say(client.output, this.#frame, calm, view.gameId)
        this.delivered++
      }
    }
    this.#owner.views.release(view)
  }

  #say(output: Output, frame: FrameCopy, calm: boolean, gameId: number): void {
    if (!calm) return output.append(frame)
    output.appendCalm(frame)
    this.#owner.phases.changed(output.slot, gameId)
  }

  /** Client id | u32 handed | entity id | u32 epoch | u16 game | bool syncing | body of 1002. */
  #bindPlayer(bytes: Uint8Array, at: number, end: number): void {
    const reader = this.#reader.reset(bytes, at, end)
    const clientAt = reader.skip(ID_BYTES)
    const handed = reader.u32()
    const idAt = reader.skip(ID_BYTES)
    const epoch = reader.u32()
    const gameId = reader.u16()
    const syncing = reader.bool()
    const body = reader.at
    const { clients, views, filters, unshown } = this.#owner
    if (unshown.has(gameId)) {
      this.stale++
      return
    }
    const client = clients.find(bytes, clientAt)
    const entityId = readLatin1(bytes, idAt, ID_BYTES)
    // The first player is the boot entity. One that was given up may still be made, also after the next one was; but when
    // the client is handed on to it, that is another matter.
    const givenUp = handed === 0 && client?.givenUp.has(entityId)
    const unwanted = client && (givenUp || (client.state !== 'bound' && client.entityId !== entityId))
    if (!client || unwanted) {
      this.missedClients++
      const clientId = readLatin1(bytes, clientAt, ID_BYTES)
      return this.#owner.refuse({ gameId, entityId, clientId, handed: HANDED_MAX })
    }
    // Somebody else has been given it since: an offer was taken late, or once more.
    if (handed < client.handed) {
      this.stale++
      return this.#owner.refuse({ gameId, entityId, clientId: client.id, handed })
    }
    // Then its client must not go by what it was told of it: it is created anew.
    const { player } = client
    if (player && (player.doubtful || player.missed) && views.find(bytes, idAt) === player) this.takePlayer(client)
    const view = this.#placed(bytes, idAt, epoch, gameId, body, end)
    if (!view) {
      // It was handed to a placement that is void, and nobody else has it: unless somebody is given it, it is closed.
      if (handed > client.handed && !client.player) {
        client.givenBy = 0
        this.#owner.taken(client)
      }
      return
    }
    if (views.unwatch(view, client.slot)) this.withdraw(client.slot, view)
    const before = client.player
    if (before && before !== view) {
      this.takePlayer(client)
      views.release(before)
    }
    if (view.own >= 0 && view.own !== client.slot) this.takePlayer(clients.at(view.own))
    const known = view.own === client.slot
    views.play(view, client.slot)
    client.output.budget?.playerAt(bytes, placeAt(bytes, body))
    view.missed = false
    view.arrived()
    const isOther = client.state !== 'bound' || client.entityId !== entityId
    clients.setPlayer(client, view)
    client.handed = handed
    client.givenBy = 0
    client.entityId = entityId
    client.state = 'bound'
    if (isOther) this.#owner.bound(client)
    this.#owner.playerChanged(client)
    client.syncing = syncing
    // They belong to the player: the game says them anew.
    filters.clear(client.slot)
    views.moved(client.slot, gameId)
    // A player that has come to another game is not created anew on its client.
    if (known) return
    this.#frame.setAddressed(clientMessages.createEntity.code, this.#owner.gateId, bytes, body, end)
    client.output.append(this.#frame)
    const number = this.#numberFrameOf(client, view)
    if (number) client.output.append(number)
    view.ownMoved = false
    this.delivered++
  }

  /** Client id | entity id | u32 epoch | body of 1003. */
  #unbindPlayer(bytes: Uint8Array, at: number, end: number): void {
    const reader = this.#reader.reset(bytes, at, end)
    const client = this.#owner.clients.find(bytes, reader.skip(ID_BYTES))
    const idAt = reader.skip(ID_BYTES)
    const epoch = reader.u32()
    if (!client) {
      this.missedClients++
      return
    }
    const view = this.#owner.views.find(bytes, idAt)
    if (!view || epoch < view.epoch || client.player !== view) {
      this.stale++
      return
    }
    this.takePlayer(client)
    client.givenBy = view.gameId
    this.#owner.views.release(view)
  }

  #clientOffered(bytes: Uint8Array, start: number, end: number): void {
    const { handed, gameId } = messages.clientOffered.read(bytes, start + 2, end)
    const client = this.#owner.clients.find(bytes, start + 4)
    if (!client) {
      this.missedClients++
    } else if (client.player || handed < client.handed) {
      this.stale++
    } else {
      client.givenBy = gameId
      if (gameId === 0) this.#owner.taken(client)
    }
  }

  #closePlayer(bytes: Uint8Array, start: number, end: number): void {
    const { entityId, epoch, reason } = messages.closePlayer.read(bytes, start + 2, end)
    const client = this.#owner.clients.find(bytes, start + 4)
    if (!client) this.missedClients++
    else if (client.entityId !== entityId || (client.player && client.player.epoch > epoch)) this.stale++
    else this.#owner.close(client, reason)
  }

  /** Client id | entity id | u32 epoch | u16 game. */
  #playerLeaving(bytes: Uint8Array, at: number, end: number): void {
    const reader = this.#reader.reset(bytes, at, end)
    const client = this.#owner.clients.find(bytes, reader.skip(ID_BYTES))
    const view = this.#owner.views.find(bytes, reader.skip(ID_BYTES))
    const epoch = reader.u32()
    if (!client) this.missedClients++
    else if (!view || epoch < view.epoch || client.player !== view) this.stale++
    else {
      view.leavingTo = reader.u16()
      this.#owner.leaving(view)
    }
  }

  #playerLeft(bytes: Uint8Array, start: number, end: number): void {
    const { epoch } = messages.playerLeft.read(bytes, start + 2, end)
    const client = this.#owner.clients.find(bytes, start + 4)
    const view = this.#owner.views.find(bytes, start + 4 + ID_BYTES)
    if (!client) this.missedClients++
    else if (!view || epoch < view.epoch || client.player !== view) this.stale++
    else this.#owner.left(view)
  }

  /** The client plays nobody: it hears so. The view is for the caller to release. */
  takePlayer(client: Client): void {
    const { player } = client
    if (!player) return
    this.withdraw(client.slot, player)
    this.#owner.views.unplay(player)
    this.#owner.clients.setPlayer(client, undefined)
    client.syncing = false
    this.#owner.playerChanged(client)
    this.#owner.filters.clear(client.slot)
  }

  /** Behind the create and in front of the first position: by what number the client will hear of the entity. */
  #numberFrameOf(client: Client, view: View): FrameCopy | undefined {
    const number = this.#owner.views.numberOf(view, client.slot)
    if (number === 0) return undefined
    const body = this.#numberBody
    body.set(view.destroyBody.subarray(view.idAt))
    body[ID_BYTES] = number
    body[ID_BYTES + 1] = number >>> 8
    this.#numberFrame.set(sessionMessages.numbered.code, body, 0, body.length)
    return this.#numberFrame
  }

  /** The view that a message with the body of a 1002 is about, or undefined when it is late. */
  #placed(bytes: Uint8Array, idAt: number, epoch: number, gameId: number, body: number, end: number): View | undefined {
    const typeAt = body + CREATE_TYPE_AT
    const typeBytes = end - typeAt < 4 ? end : getU32(bytes, typeAt)
    if (typeBytes > end - typeAt - 4 - PLACE_BYTES) throw new WireError('a create that is cut off')
    const view = this.#owner.views.placed(bytes, idAt, epoch, gameId, typeAt, typeAt + 4 + typeBytes)
    // Whoever has yet to hear where it was hears where it is.
    if (view) this.#owner.views.places.set(view.slot, bytes, placeAt(bytes, body))
    else this.stale++
    return view
  }
}
