// An entity as data: all of its parts, and what it is tied to.
import type { Client, EntityCore } from './core.ts'
import { type SavedParts, saveParts, stampParts } from './parts.ts'
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
  /** When, in milliseconds since 1970: of one that was saved before its game stood still. */
  readonly savedMs?: number
  readonly parts: SavedParts
}

/** As long as it has the same (by Object.is, one for one), it would be saved as the same. */
export type Stamp = readonly unknown[]

/** Throws for what cannot be saved. Changes nothing. */
export function saveEntity(core: EntityCore): SavedEntity {
  const { kind, id, epoch, client, space } = core
  return {
    type: kind.name,
    id,
    epoch,
    ...(kind.version > 1 && { version: kind.version }),
    ...(core instanceof SpaceCore && { spaceKind: core.spaceKind }),
    ...(client && { client: saveClient(client) }),
    ...(space && { spaceId: space.id }),
    parts: saveParts(core),
  }
}

export function stampOf(core: EntityCore): Stamp {
  const stamp: unknown[] = [core.client, core.space]
  stampParts(core, stamp)
  return stamp
}

export const isSameStamp = (one: Stamp, other: Stamp): boolean =>
  one.length === other.length && one.every((value, at) => Object.is(value, other[at]))

const saveClient = ({ gateId, clientId, handed, session }: Client): SavedClient => ({
  gateId,
  clientId,
  handed,
  ...(session !== '' && { session }),
})

export const restoreClient = (saved: SavedClient): Client => ({ session: '', ...saved })
