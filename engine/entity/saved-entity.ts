// An entity as data: all of its parts, and what it is tied to.
import type { Client, EntityCore } from './core.ts'
import { type SavedParts, type StampSink, saveParts, stampParts } from './parts.ts'
import { SpaceCore } from './space-core.ts'

/** Without `session` it has none. */
type SavedClient = Omit<Client, 'session'> & Partial<Pick<Client, 'session'>>

export interface SavedEntity {
  readonly type: string
  readonly id: string
  readonly epoch: number
  /** Of its class, which saved it; 1 without. */
  readonly version?: number
  /** Of a space. */
  readonly spaceKind?: number
  readonly client?: SavedClient
  /** The space that it is in. */
  readonly spaceId?: string
  /** When, in milliseconds since 1970: of one that has timers, or was saved before its game stood still. */
  readonly savedMs?: number
  readonly parts: SavedParts
}

/** What stands for all that is saved of an entity, and is cheap to compare. */
export type Stamp = readonly unknown[]

/** Throws for what cannot be saved. Changes nothing. `saysWhen`: whether it is to have `savedMs`. */
export function saveEntity(core: EntityCore, saysWhen = false): SavedEntity {
  const { kind, id, epoch, client, space, world } = core
  const parts = saveParts(core)
  return {
    type: kind.name,
    id,
    epoch,
    ...(kind.version > 1 && { version: kind.version }),
    ...(core instanceof SpaceCore && { spaceKind: core.spaceKind }),
    ...(client && { client: saveClient(client) }),
    ...(space && { spaceId: space.id }),
    // Not before: what is left of a timer's time is measured from then on.
    ...(saysWhen && { savedMs: world.clock.wallMs() }),
    parts,
  }
}

/** Writes over what it had before: an array that is emptied has to grow again each time. */
class StampNow implements StampSink {
  readonly values: unknown[] = []
  count = 0

  add(value: unknown): void {
    this.values[this.count++] = value
  }

  take(core: EntityCore): void {
    this.count = 0
    this.add(core.client)
    this.add(core.space)
    stampParts(core, this)
  }
}

const now = new StampNow()

export function stampOf(core: EntityCore): Stamp {
  now.take(core)
  return now.values.slice(0, now.count)
}

/** Whether it would be saved as it was when it had this stamp. */
export function hasStamp(core: EntityCore, before: Stamp): boolean {
  now.take(core)
  const { values, count } = now
  if (before.length !== count) return false
  for (let at = 0; at < count; at++) if (!Object.is(before[at], values[at])) return false
  return true
}

const saveClient = ({ gateId, clientId, handed, session }: Client): SavedClient => ({
  gateId,
  clientId,
  handed,
  ...(session !== '' && { session }),
})

export const restoreClient = (saved: SavedClient): Client => ({ session: '', ...saved })
