// What the engine keeps for each entity, out of the author's sight. The author's object holds it under a symbol.

import type { Track } from '../base/track.ts'
import type { SaveVersion } from '../storage/row.ts'
import type { AttrChange, AttrsHost } from './attrs.ts'
import { Attrs } from './attrs.ts'
import type { Awaited } from './awaiting.ts'
import type { EntityClass } from './contract.ts'
import type { Entity } from './entity.ts'
import type { InputState } from './inputs.ts'
import type { Kind } from './kind.ts'
import type { Leftovers } from './schema.ts'
import type { SpaceCore } from './space-core.ts'
import type { PendingTimer, TimerOwner } from './timers.ts'
import type { World } from './world.ts'

export const core = Symbol('core')

/** The connection of a player: which gate, which client. */
export interface Client {
  readonly gateId: number
  readonly clientId: string
  /** How often it has been handed from one player to another: who has it by fewer is not its player any more. */
  readonly handed: number
  /** The token by which it is known when it comes again; empty when it has no session. */
  readonly session: string
}

/** A client that an entity has had. */
export type Released = Pick<Client, 'gateId' | 'clientId' | 'handed'>

/** The counts of what no client sees: most share it, and nobody writes to it. */
const UNSEEN: number[] = []

export class EntityCore implements AttrsHost, TimerOwner {
  // Whoever says something to a thousand looks into each of them, and waits for memory with each line of it: what a call takes
  // comes first, what a position takes behind it, what is seldom looked at last.
  readonly world: World
  readonly kind: Kind
  readonly id: string
  /** The author's object. */
  entity!: Entity
  gone = false
  /** Calls of this game that went by its dispatcher, behind those that waited there while it came here; -1: none has to. */
  detoured = -1
  client: Client | undefined
  /** Its client's gate is gone, and it may come by another: see awaiting.ts. */
  awaited: Awaited | undefined
  flushAsked = false
  /** Its place in the world's table. */
  slot = -1

  /** Who has still to hear of its position: SYNC_WATCHERS, SYNC_OWN. */
  moved = 0
  clientSyncing = false
  /** Until when what its client says of its place is of before the game has put it elsewhere (`clock.now()`); 0: it is not. */
  crossedUntilMs = 0
  x = 0
  y = 0
  z = 0
  yaw = 0
  space: SpaceCore | undefined
  /** Its place in the space's AOI, or -1. */
  aoiSlot = -1
  /** How many clients see it (its own not counted), by gate. */
  watchers = UNSEEN
  /** Where it was, in a space that remembers. */
  track: Track | undefined
  /** What its client has sent of numbered inputs; undefined before the first. */
  inputs: InputState | undefined

  /** Which placement of this entity this is: grows with each load, migration and restore. */
  readonly epoch: number
  readonly attrs: Attrs
  /** Its attributes for those that see it, encoded, until one changes. */
  publicAttrs: Uint8Array | undefined
  /** It is being destroyed, or gone. */
  isLeaving = false
  /** How far it sees; -1 without AOI. */
  aoiRadius: number
  /** The last clients that it does not have any more, so that a late offer of one is known for what it is. */
  released: readonly Released[] | undefined
  /** Its client has lost its connection, and its gate keeps what is said to it. */
  clientLost = false
  filters: Map<string, string> | undefined
  lastTimer = 0
  timers: PendingTimer[] | undefined
  /** Not in storage as it is now. */
  unsaved = false
  /** The last save of it that this placement knows of. */
  saved: SaveVersion | undefined
  /** What was saved and is no attribute of its class any more: see schema.ts. Few have any. */
  leftovers: Leftovers | undefined

  constructor(world: World, kind: Kind, id: string, epoch: number) {
    this.world = world
    this.kind = kind
    this.id = id
    this.epoch = epoch
    this.aoiRadius = kind.aoiRadius
    // A name that is not in the contract is a mistake, not a new property that nobody saves.
    this.attrs = Object.preventExtensions(new kind.layout.accessors(this, kind.layout))
  }

  toString(): string {
    return `${this.kind.name}<${this.id}>`
  }

  attrsTouched(): void {
    this.publicAttrs = undefined
    if (this.flushAsked) return
    this.flushAsked = true
    this.world.flushLater(this)
  }

  attrsUnsaved(): void {
    if (this.unsaved || !this.kind.persistent) return
    this.unsaved = true
    this.world.saving.later(this)
  }

  runTimer(method: string, args: readonly unknown[]): void {
    this.world.run(this, method, args)
  }

  /** Says every marked change to those who may hear of it, now. */
  flushAttrs(): void {
    // Whoever says something to a thousand would otherwise look into the attributes of each, elsewhere in memory.
    if (this.flushAsked) this.flushMarked()
  }

  /** The same for one that has asked for it. */
  flushMarked(): void {
    if (!Attrs.pending(this.attrs)) return
    if (!this.isSeen) return Attrs.drop(this.attrs)
    Attrs.flush(this.attrs, (change: AttrChange) => this.world.views.changeAttr(this, change))
  }

  get isSeen(): boolean {
    if (this.client) return true
    for (const count of this.watchers) if (count > 0) return true
    return false
  }

  watch(gateId: number, by: 1 | -1): void {
    const { length } = this.watchers
    // As long as it must be and no longer: pushing would make room for many more.
    if (gateId >= length) this.watchers = this.watchers.concat(new Array(gateId + 1 - length).fill(0))
    this.watchers[gateId]! += by
  }
}

export const coreOf = (entity: Entity): EntityCore => entity[core]

// The base constructor takes its core from here: classes are made without arguments, so that authors need no constructor.
let born: EntityCore | undefined

/** Makes the author's object for `fresh`. */
export function construct(type: EntityClass, fresh: EntityCore): Entity {
  born = fresh
  try {
    return new type() as Entity
  } finally {
    born = undefined
  }
}

export function takeBorn(): EntityCore {
  if (!born) throw new TypeError('entities are made with create(), not with new')
  const fresh = born
  born = undefined
  return fresh
}
