// What the engine keeps for a space: who is in it, and who sees whom.
//
//     enter / leave / move ─> Aoi ─> pairs (watcher, subject) ─> 1. messages to the watchers' clients, grouped by
//                                                               subject   2. the authors' hooks (space-hooks.ts)
//
// All is changed, and all clients are told, before the first hook runs: hooks may do whatever they like.
import { Track } from '../base/track.ts'
import { Aoi } from './aoi.ts'
import { SlotList } from './aoi-slots.ts'
import { type Client, coreOf, EntityCore } from './core.ts'
import type { Entity } from './entity.ts'
import type { Kind } from './kind.ts'
import { Members } from './members.ts'
import type { World } from './world.ts'

export class SpaceCore extends EntityCore {
  readonly spaceKind: number
  readonly isNil: boolean
  members = new Members()
  #aoi: Aoi
  #bySlot: (EntityCore | undefined)[] = []
  // Of the operation under way: watcher, subject, watcher, subject, …
  #entered = new SlotList()
  #left = new SlotList()

  constructor(world: World, kind: Kind, id: string, epoch: number, spaceKind: number, isNil: boolean) {
    super(world, kind, id, epoch)
    this.spaceKind = spaceKind
    this.isNil = isNil
    const entered = this.#entered
    const left = this.#left
    this.#aoi = new Aoi(
      {
        onEnter: (watcher, subject) => entered.push(watcher, subject),
        onLeave: (watcher, subject) => left.push(watcher, subject),
      },
      { hysteresis: world.aoiHysteresis },
    )
  }

  /** Takes an entity in. Its client hears of the space, then of what is near; then the hooks run. */
  enter(core: EntityCore, x: number, y: number, z: number): void {
    core.space = this
    core.x = x
    core.y = y
    core.z = z
    this.members.add(core.entity)
    if (core.client) this.addViewer(core.client)
    if (core.aoiRadius >= 0) {
      core.aoiSlot = this.#aoi.add(x, z, core.aoiRadius)
      this.#bySlot[core.aoiSlot] = core
    }
    this.#remember(core)
    this.world.movement.put(core)
    const { world } = this
    const { spaceHooks } = world
    this.#seenChanged()
    if (this.#hearsMembers()) spaceHooks.add(this, core, () => world.hook(this, 'onEntityEntered', core.entity))
    if (hearsSpaces(core)) spaceHooks.add(core, this, () => world.hook(core, 'onEnteredSpace'))
    spaceHooks.tell()
  }

  /** Takes an entity out. Its client hears that what was near is gone, then the space; then the hooks run. */
  leave(core: EntityCore): void {
    const { world } = this
    const { spaceHooks } = world
    const slot = core.aoiSlot
    this.members.delete(core.entity)
    core.space = undefined
    core.track = undefined
    core.aoiSlot = -1
    if (slot >= 0) {
      this.#aoi.remove(slot)
      this.#seenChanged()
      this.#bySlot[slot] = undefined
    }
    if (core.client) this.removeViewer(core.client, true)
    if (this.#hearsMembers()) spaceHooks.add(this, core, () => world.hook(this, 'onEntityLeft', core.entity))
    if (hearsSpaces(core)) spaceHooks.add(core, this, () => world.hook(core, 'onLeftSpace', this.entity))
    spaceHooks.tell()
  }

  /** Takes back an entity that was in it when the game froze: nobody is told, as nothing has changed for anybody. */
  seat(core: EntityCore): void {
    core.space = this
    this.members.add(core.entity)
    this.#remember(core)
    if (core.client && !this.isNil) this.watch(core.client.gateId, 1)
    if (core.aoiRadius < 0) return
    core.aoiSlot = this.#aoi.add(core.x, core.z, core.aoiRadius)
    this.#bySlot[core.aoiSlot] = core
    this.#countWatchers(this.#entered, 1)
  }

  /** Undoes that. */
  unseat(core: EntityCore): void {
    const slot = core.aoiSlot
    core.space = undefined
    core.track = undefined
    core.aoiSlot = -1
    this.members.delete(core.entity)
    if (core.client && !this.isNil) this.watch(core.client.gateId, -1)
    if (slot < 0) return
    this.#aoi.remove(slot)
    this.#countWatchers(this.#left, -1)
    this.#bySlot[slot] = undefined
  }

  /** Gives the seat of `before` to another object for the same entity. Answers false when it is not the same seat. */
  reseat(before: EntityCore, after: EntityCore): boolean {
    const { client } = before
    const isSame = before.x === after.x && before.z === after.z && before.aoiRadius === after.aoiRadius
    if (!isSame || client?.gateId !== after.client?.gateId) return false
    after.space = this
    after.aoiSlot = before.aoiSlot
    after.watchers = before.watchers
    if (after.aoiSlot >= 0) this.#bySlot[after.aoiSlot] = after
    this.members.delete(before.entity)
    this.members.add(after.entity)
    this.#remember(after)
    before.space = undefined
    before.aoiSlot = -1
    return true
  }

  /** Takes over all who sit in `other`, which was there for that alone. */
  takeSeatsOf(other: SpaceCore): void {
    this.members = other.members
    this.watchers = other.watchers
    this.#aoi = other.#aoi
    this.#bySlot = other.#bySlot
    this.#entered = other.#entered
    this.#left = other.#left
    for (const member of this.members) coreOf(member).space = this
  }

  /** Pairs that see each other only because they did before: watcher, subject, watcher, … */
  lingering(): EntityCore[] {
    const pairs: EntityCore[] = []
    this.#aoi.forEachLingering((watcher, subject) => void pairs.push(this.#bySlot[watcher]!, this.#bySlot[subject]!))
    return pairs
  }

  /** The same pairs, after all have taken their seats. */
  linger(pairs: readonly EntityCore[]): void {
    for (let at = 0; at < pairs.length; at += 2) {
      const watcher = pairs[at]!
      const subject = pairs[at + 1]!
      if (this.#aoi.linger(watcher.aoiSlot, subject.aoiSlot) && watcher.client) subject.watch(watcher.client.gateId, 1)
    }
  }

  move(core: EntityCore): void {
    if (core.aoiSlot < 0) return
    this.#aoi.move(core.aoiSlot, core.x, core.z)
    if (this.#entered.length === 0 && this.#left.length === 0) return
    this.#seenChanged()
    const { movement, spaceHooks } = this.world
    movement.outside(() => spaceHooks.tell())
  }

  setRadius(core: EntityCore): void {
    if (core.aoiSlot < 0) return
    this.#aoi.setRadius(core.aoiSlot, core.aoiRadius)
    this.#seenChanged()
    this.world.spaceHooks.tell()
  }

  sees(watcher: EntityCore, subject: EntityCore): boolean {
    if (watcher.space !== this || subject.space !== this || watcher.aoiSlot < 0 || subject.aoiSlot < 0) return false
    return this.#aoi.sees(watcher.aoiSlot, subject.aoiSlot)
  }

  seenBy(watcher: EntityCore): Entity[] {
    const seen: Entity[] = []
    this.forEachSeen(watcher, (subject) => void seen.push(subject.entity))
    return seen
  }

  forEachSeen(watcher: EntityCore, visit: (subject: EntityCore) => void): void {
    if (watcher.aoiSlot >= 0) this.#aoi.forEachSeen(watcher.aoiSlot, (slot) => visit(this.#bySlot[slot]!))
  }

  /** A client's player is in the space: it gets to see the space itself. */
  addViewer(client: Client): void {
    if (this.isNil) return
    this.flushAttrs()
    this.watch(client.gateId, 1)
    this.world.views.show(this, [client])
  }

  removeViewer(client: Client, tell: boolean): void {
    if (this.isNil) return
    this.flushAttrs()
    this.watch(client.gateId, -1)
    if (tell) this.world.views.hide(this, [client])
  }

  /** From now on it is known where the entity was. */
  #remember(core: EntityCore): void {
    if (this.kind.historyMs === 0) return
    const nowMs = this.world.clock.wallMs()
    core.track = new Track()
    core.track.push(nowMs, core.x, core.y, core.z, core.yaw, nowMs, nowMs)
  }

  /** Counts who sees whom; nobody is told. */
  #countWatchers(pairs: SlotList, by: 1 | -1): void {
    const { slots, length } = pairs
    pairs.length = 0
    for (let at = 0; at < length; at += 2) {
      const { client } = this.#bySlot[slots[at]!]!
      if (client) this.#bySlot[slots[at + 1]!]!.watch(client.gateId, by)
    }
  }

  /** Whether it does anything when somebody enters or leaves: if not, nobody need wait to tell it. */
  #hearsMembers(): boolean {
    return this.world.hears(this, 'onEntityEntered') || this.world.hears(this, 'onEntityLeft')
  }

  /** Says to clients what the last operation changed; the authors' hooks wait for its end. */
  #seenChanged(): void {
    const left = this.#left.length
    const entered = this.#entered.length
    // Nobody changes them until all is told: what runs here is the engine's own.
    this.#left.length = 0
    this.#entered.length = 0
    this.#tellClients(this.#left.slots, left, -1)
    this.#tellClients(this.#entered.slots, entered, 1)
    this.#hookAoi(this.#left.slots, left, 'onLeftAoi')
    this.#hookAoi(this.#entered.slots, entered, 'onEnteredAoi')
  }

  #hookAoi(pairs: Int32Array, length: number, name: 'onLeftAoi' | 'onEnteredAoi'): void {
    const { world } = this
    for (let at = 0; at < length; at += 2) {
      const watcher = this.#bySlot[pairs[at]!]!
      if (!watcher.kind.hearsAoi) continue
      const subject = this.#bySlot[pairs[at + 1]!]!
      world.spaceHooks.add(watcher, subject, () => world.hook(watcher, name, subject.entity))
    }
  }

  #tellClients(pairs: Int32Array, length: number, by: 1 | -1): void {
    for (let at = 0; at < length; ) {
      const slot = pairs[at + 1]!
      let clients: Client[] | undefined
      for (; at < length && pairs[at + 1] === slot; at += 2) {
        const { client } = this.#bySlot[pairs[at]!]!
        if (!client) continue
        if (clients) clients.push(client)
        else clients = [client]
      }
      if (!clients) continue
      const subject = this.#bySlot[slot]!
      subject.flushAttrs()
      for (const client of clients) subject.watch(client.gateId, by)
      if (by > 0) this.world.views.show(subject, clients)
      else this.world.views.hide(subject, clients)
    }
  }
}

const hearsSpaces = (core: EntityCore) =>
  core.world.hears(core, 'onEnteredSpace') || core.world.hears(core, 'onLeftSpace')
