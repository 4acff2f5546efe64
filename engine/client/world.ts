// What one client knows of the world: the entities it was told of, changed message by message. What does not fit
// throws ProtocolError, or WireError from the reader, and leaves all as it was.
//
//     1002 created ─> 1004 … 1012 attributes, 1009 calls, 1502 positions ─> 1003 destroyed       of each entity
//     player ─> its space ─> what it sees                                                        in this order
//     3105 numbered ─> 3106 compact positions                                                    in a session
//
// A session that goes on elsewhere says everything once more (`restate`): what is there already stays the same mirror,
// hooks hear of what is different, and what has not been said by the end of it is gone.
import { WireError } from '../base/errors.ts'
import { ID_BYTES } from '../base/id.ts'
import { IdTable } from '../base/id-table.ts'
import { clientMessages as messages, SPACE_TYPE, sessionMessages } from '../wire/client-wire.ts'
import { type Data, readData } from '../wire/codec.ts'
import { type PacketReader, readLatin1 } from '../wire/packet.ts'
import { RECORD_BYTES, recordX, recordY, recordYaw, recordZ } from '../wire/sync.ts'
import {
  type AttrMap,
  adopt,
  asPath,
  isMap,
  listAppend,
  listPop,
  listSet,
  mapClear,
  mapDelete,
  mapSet,
  type Path,
  rootOf,
} from './attr-tree.ts'
import { CallArguments } from './call-arguments.ts'
import { CompactPositions, type Placing } from './compact-positions.ts'
import { ProtocolError } from './errors.ts'
import { HookTables } from './hooks.ts'
import { MirrorEntity, type MirrorOwner, SpaceMirror } from './mirror.ts'
import type { Motion } from './motion.ts'
import { readName } from './name-cache.ts'
import type { Counters, Observer } from './observer.ts'

const ADDRESS_BYTES = 2 + ID_BYTES
/** The place in an attribute that is the attribute itself. */
const WHOLE: Path = []

/** Serves one call after the other, of all worlds. */
const args = new CallArguments()

export interface WorldOwner {
  readonly counters: Counters
  /** For errors that a message survives. */
  report(error: ProtocolError): void
  /** A hook, named as a log names it, has failed some time after it ran. */
  hookFailed(where: string, error: unknown): void
  call: MirrorOwner['call']
  /** The server has put the player elsewhere. */
  ownPlaced(): void
  /** About what time it is, in milliseconds since 1970. */
  nowMs(): number
}

export class World implements MirrorOwner, Placing {
  /** The player and what it sees; not the space. */
  readonly entities = new Map<string, MirrorEntity>()
  readonly hooks: HookTables
  /** By type: who takes messages that are not about entities alone. */
  readonly handlers = new Map<number, (reader: PacketReader) => void>()
  player: MirrorEntity | undefined
  space: SpaceMirror | undefined
  /** Set once, before anything is taken. */
  motion: Motion | undefined
  readonly #owner: WorldOwner
  readonly #observer: Observer
  // Entities by the bytes of their id, the space among them: the table's value is a place in the list.
  readonly #places = new IdTable(8)
  readonly #mirrors: (MirrorEntity | undefined)[] = []
  readonly #freePlaces: number[] = []
  readonly #compact = new CompactPositions()
  // Gate and client as the first message named them.
  #address: Uint8Array | undefined
  // What has not been said again yet.
  readonly #unsaid = new Set<MirrorEntity>()

  constructor(owner: WorldOwner, observer: Observer) {
    this.#owner = owner
    this.#observer = observer
    this.hooks = new HookTables((where, error) => owner.hookFailed(where, error))
  }

  call(entityId: string, method: string, ...values: unknown[]): void {
    this.#owner.call(entityId, method, ...values)
  }

  /** Takes one message; the reader stands behind its type. */
  take(type: number, reader: PacketReader): void {
    switch (type) {
      case messages.positions.code:
        return this.#positions(reader)
      case messages.callFiltered.code:
        return this.#callFiltered(reader)
      case messages.callOnClient.code:
        return this.#callOnClient(reader)
      case messages.createEntity.code:
        return this.#create(reader)
      case messages.destroyEntity.code:
        return this.#destroy(reader)
      case messages.mapSet.code:
      case messages.mapDelete.code:
      case messages.mapClear.code:
      case messages.listSet.code:
      case messages.listPop.code:
      case messages.listAppend.code:
        return this.#changeAttr(type, reader)
      case sessionMessages.compactPositions.code:
        return this.#compactPositions(reader)
      case sessionMessages.numbered.code:
        return this.#numbered(reader)
      default: {
        const handler = this.handlers.get(type)
        if (!handler) throw new ProtocolError('unknown message', `message of type ${type}`)
        handler(reader)
      }
    }
  }

  /** Everything is about to be said again. */
  restate(): void {
    this.#address = undefined
    // Whoever says it has numbers of its own.
    this.#compact.clear()
    // In the order in which what is not said again will go: the space behind what it holds, the player last.
    for (const mirror of [...this.entities.values(), this.space, this.player]) {
      if (!mirror) continue
      this.#unsaid.delete(mirror)
      this.#unsaid.add(mirror)
    }
  }

  /** Everything has been: what was not is gone. */
  restated(): void {
    for (const mirror of this.#unsaid) this.#removeForSure(mirror)
  }

  /** Nothing of it is there any more. */
  clear(): void {
    this.restate()
    this.restated()
  }

  #positions(reader: PacketReader): void {
    const { bytes, at, end } = reader
    if ((end - at) % RECORD_BYTES !== 0) throw new WireError('positions end within a record')
    this.#owner.counters.positions += (end - at) / RECORD_BYTES
    this.hooks.enter(undefined, 'onPosition')
    this.motion?.time.flushed(undefined)
    let unknown = -1
    for (let record = at; record < end; record += RECORD_BYTES) {
      const place = this.#places.get(bytes, record)
      if (place < 0) {
        unknown = record
        continue
      }
      const x = recordX(bytes, record)
      const y = recordY(bytes, record)
      const z = recordZ(bytes, record)
      this.#place(this.#mirrors[place]!, x, y, z, recordYaw(bytes, record))
    }
    if (unknown >= 0) throw unknownEntity('a position', readLatin1(bytes, unknown, ID_BYTES))
  }

  #compactPositions(reader: PacketReader): void {
    this.hooks.enter(undefined, 'onPosition')
    this.#owner.counters.positions += this.#compact.take(reader, this.#owner.nowMs(), this)
  }

  placed(mirror: MirrorEntity, x: number, y: number, z: number, yaw: number, timeMs: number): void {
    const { motion } = this
    // All of a flush are of one time, and may come in several messages.
    if (motion && motion.time.newestMs !== timeMs) motion.time.flushed(timeMs)
    this.#place(mirror, x, y, z, yaw, timeMs)
  }

  /** Whatever an author's code makes of it: of those behind it there may be no other word, or only how far they go from here. */
  #place(mirror: MirrorEntity, x: number, y: number, z: number, yaw: number, timeMs?: number): void {
    try {
      this.#observer.onPosition?.(mirror, x, y, z, yaw)
      mirror.place(x, y, z, yaw, timeMs)
      if (!mirror.isOwn) return
      this.#owner.ownPlaced()
      this.motion?.ownChanged(mirror)
    } catch (error) {
      this.#owner.hookFailed(this.hooks.running, error)
    }
  }

  stood(timeMs: number): void {
    this.motion?.time.stood(timeMs)
  }

  #numbered(reader: PacketReader): void {
    const mirror = this.known(reader, 'a number')
    const number = reader.u16()
    reader.finish()
    this.#compact.number(mirror, number)
  }

  #callOnClient(reader: PacketReader): void {
    this.#checkAddress(reader)
    const mirror = this.known(reader, 'a call')
    const method = readName(reader)
    args.load(reader)
    reader.finish()
    this.motion?.called(mirror, method, args)
    this.hooks.enter(mirror, method)
    this.#observer.onCall?.(mirror, method, args)
    if (!this.hooks.call(mirror, method, args) && !this.#observer.onCall) this.#owner.counters.unheardCalls++
  }

  #callFiltered(reader: PacketReader): void {
    reader.skip(1)
    reader.skip(reader.u32())
    reader.skip(reader.u32())
    const method = readName(reader)
    args.load(reader)
    reader.finish()
    this.hooks.enter(this.player, method)
    this.#observer.onFiltered?.(method, args)
    // Between two players, a client may still be among the chosen: nobody hears it then.
    const heard = this.player !== undefined && this.hooks.call(this.player, method, args)
    if (!heard && !this.#observer.onFiltered) this.#owner.counters.unheardCalls++
  }

  #create(reader: PacketReader): void {
    this.#checkAddress(reader)
    const isPlayer = reader.bool()
    const id = reader.id()
    const type = readName(reader)
    const x = reader.f32()
    const y = reader.f32()
    const z = reader.f32()
    const yaw = reader.f32()
    const attrs = asAttrs(readData(reader))
    reader.finish()
    const known = this.#places.getText(id)
    if (known >= 0) {
      const mirror = this.#mirrors[known]!
      if (!this.#unsaid.delete(mirror)) throw new ProtocolError('duplicate', `${type}<${id}> is created again`)
      if (mirror.type === type && mirror.isOwn === isPlayer) return this.#sayAgain(mirror, x, y, z, yaw, attrs)
      this.#removeForSure(mirror)
    }

    let mirror: MirrorEntity
    if (type === SPACE_TYPE) {
      if (this.space) this.#replaced(this.space, id)
      // All that is seen from here on is new, and maybe another game's.
      this.motion?.time.reset()
      mirror = this.space = new SpaceMirror(this, id, type, false, attrs)
    } else {
      if (isPlayer && this.player) this.#replaced(this.player, id)
      mirror = new MirrorEntity(this, id, type, isPlayer, attrs)
      if (isPlayer) this.player = mirror
      this.entities.set(id, mirror)
    }
    mirror.place(x, y, z, yaw)
    const place = this.#freePlaces.pop() ?? this.#mirrors.length
    this.#mirrors[place] = mirror
    this.#places.setText(id, place)

    this.motion?.created(mirror)
    this.hooks.enter(mirror, 'created')
    this.#observer.onCreated?.(mirror)
    this.hooks.lifecycle(mirror, 'created')
  }

  /** A player or space came before the one that was there had gone. */
  #replaced(old: MirrorEntity, id: string): void {
    if (!this.#unsaid.has(old)) this.#owner.report(new ProtocolError('duplicate', `${old} is there when ${id} comes`))
    this.#removeForSure(old)
  }

  /** What is there already is told once more how it is. */
  #sayAgain(mirror: MirrorEntity, x: number, y: number, z: number, yaw: number, attrs: AttrMap): void {
    const { position } = mirror
    if (position.x !== x || position.y !== y || position.z !== z || mirror.yaw !== yaw) {
      this.hooks.enter(mirror, 'onPosition')
      this.#forSure(() => this.#observer.onPosition?.(mirror, x, y, z, yaw))
      mirror.place(x, y, z, yaw)
    }
    for (const attr of adopt(mirror.attrs, attrs)) this.#forSure(() => this.#changed(mirror, attr, WHOLE))
    if (mirror.isOwn) this.motion?.saidAgain(mirror)
  }

  #removeForSure(mirror: MirrorEntity): void {
    this.#forSure(() => this.#remove(mirror))
  }

  /** Whatever its hooks throw: more is to be done. */
  #forSure(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#owner.hookFailed(this.hooks.running, error)
    }
  }

  #destroy(reader: PacketReader): void {
    this.#checkAddress(reader)
    const type = readName(reader)
    const mirror = this.known(reader, 'a destroy')
    reader.finish()
    if (mirror.type !== type) this.#owner.report(new ProtocolError('mirror', `${mirror} is destroyed as a ${type}`))
    this.#remove(mirror)
  }

  #remove(mirror: MirrorEntity): void {
    this.#unsaid.delete(mirror)
    const place = this.#places.deleteText(mirror.id)
    this.#mirrors[place] = undefined
    this.#freePlaces.push(place)
    this.entities.delete(mirror.id)
    this.#compact.forget(mirror)
    if (mirror === this.player) this.player = undefined
    if (mirror === this.space) this.space = undefined

    this.hooks.enter(mirror, 'destroyed')
    this.#observer.onDestroyed?.(mirror)
    this.hooks.lifecycle(mirror, 'destroyed')
  }

  #changeAttr(type: number, reader: PacketReader): void {
    this.#checkAddress(reader)
    const mirror = this.known(reader, 'an attribute change')
    const path = asPath(readData(reader))
    const { attrs } = mirror
    let key = ''
    let last: string | number | undefined
    if (type === messages.mapSet.code) {
      last = key = readName(reader)
      mapSet(attrs, path, key, lastData(reader))
    } else if (type === messages.mapDelete.code) {
      last = key = readName(reader)
      reader.finish()
      mapDelete(attrs, path, key)
    } else if (type === messages.listSet.code) {
      last = reader.u32()
      listSet(attrs, path, last, lastData(reader))
    } else if (type === messages.listAppend.code) {
      last = listAppend(attrs, path, lastData(reader))
    } else if (type === messages.listPop.code) {
      reader.finish()
      last = listPop(attrs, path)
    } else {
      reader.finish()
      const keys = mapClear(attrs, path)
      if (path.length === 0) {
        for (const gone of keys) this.#forSure(() => this.#changed(mirror, gone, WHOLE))
        return
      }
    }
    this.#changed(mirror, rootOf(path, key), path, last)
  }

  /** `path` and `last`: what of it, as `placeIn` takes them. */
  #changed(mirror: MirrorEntity, attr: string, path: Path, last?: string | number): void {
    if (mirror.isOwn) this.motion?.ownChanged(mirror)
    this.hooks.enter(mirror, attr)
    this.#observer.onChanged?.(mirror, attr)
    this.hooks.changed(mirror, attr, path, last)
  }

  /** Steps over gate and client: all that is meant for one client names the same. */
  #checkAddress(reader: PacketReader): void {
    const at = reader.skip(ADDRESS_BYTES)
    const { bytes } = reader
    const address = this.#address
    if (!address) {
      this.#address = new Uint8Array(bytes.subarray(at, at + ADDRESS_BYTES))
      return
    }
    for (let byte = 0; byte < ADDRESS_BYTES; byte++)
      if (bytes[at + byte] !== address[byte])
        throw new ProtocolError('misdelivered', `a message for client ${readLatin1(bytes, at + 2, ID_BYTES)}`)
  }

  /** The entity whose id is next. */
  known(reader: PacketReader, what: string): MirrorEntity {
    const at = reader.skip(ID_BYTES)
    const place = this.#places.get(reader.bytes, at)
    if (place < 0) throw unknownEntity(what, readLatin1(reader.bytes, at, ID_BYTES))
    return this.#mirrors[place]!
  }
}

const unknownEntity = (what: string, id: string) =>
  new ProtocolError('unknown entity', `${what} of ${id}, which was not created here`)

function lastData(reader: PacketReader): Data {
  const value = readData(reader)
  reader.finish()
  return value
}

function asAttrs(value: Data): AttrMap {
  if (value === null || value === undefined) return {}
  if (!isMap(value)) throw new WireError('attributes are no map')
  return value
}
