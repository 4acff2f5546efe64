// An entity as data: all of its parts, and what it is tied to.
import type { Client, EntityCore } from './core.ts'
import { type SavedParts, saveParts } from './parts.ts'
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
  readonly parts: SavedParts
}

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

const saveClient = ({ gateId, clientId, handed, session }: Client): SavedClient => ({
  gateId,
  clientId,
  handed,
  ...(session !== '' && { session }),
})

export const restoreClient = (saved: SavedClient): Client => ({ session: '', ...saved })
