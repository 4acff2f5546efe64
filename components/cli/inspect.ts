// `goworld inspect`: what is in the file of a frozen game. A file that is not whole is one line and exit code 2.
import { statSync } from 'node:fs'
import { deserialize } from 'node:v8'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import { nilSpaceId } from '../../engine/base/id.ts'
import type { SavedEntity } from '../../engine/entity/saved-entity.ts'
import { decode } from '../../engine/wire/codec.ts'
import { FROZEN_VERSION, type FrozenGame, type FrozenProcess, readFrozen } from '../game/frozen-file.ts'
import { command } from './command.ts'
import { readName, shownName } from './db-verb.ts'
import { say, table } from './screen.ts'
import { shownValue } from './shown-value.ts'

/** What `-json` gives of all entities of a type. */
interface TypeFound {
  readonly type: string
  entities: number
  bytes: number
  largest: { readonly id: string; readonly bytes: number }
  clients: number
  timers: number
}

interface SpaceFound {
  readonly type: string
  readonly id: string
  readonly kind: number
  /** Entities; those that are in no other space are in the nil space. */
  members: number
  clients: number
}

/** With what the file says of itself. */
interface Found extends Omit<FrozenProcess, 'gates'> {
  readonly file: string
  readonly bytes: number
  readonly format: number
  readonly checksum: 'ok'
  readonly gates: readonly { readonly id: number; readonly process: string }[]
  readonly clients: number
  readonly timers: number
  readonly types: readonly TypeFound[]
  readonly spaces: readonly SpaceFound[]
}

/** More are for programs. */
const SPACES_SHOWN = 20

export const inspect = command({
  name: 'inspect',
  about: 'Shows what is in the file of a frozen game.',
  positionals: '<file>',
  flags: {
    json: { type: 'bool', help: 'one JSON object' },
    entity: { type: 'string', help: 'the id of an entity: all of it, as JSON. Exit code 1 when there is none' },
  },
  async run({ json, entity }, [file]) {
    if (json && entity !== undefined) throw new OperatorError('flags -json and -entity exclude each other')
    const frozen = readFrozen(file!)
    // Whoever reads may have seen enough.
    if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => {})
    if (entity !== undefined) return sayEntity(file!, frozen, readName(entity))
    const found = findAll(file!, frozen)
    if (json) return say(JSON.stringify(found))
    sayAll(found)
  },
})

function sayEntity(file: string, frozen: FrozenGame, id: string): void {
  for (const { saved } of entitiesIn(file, frozen))
    if (saved.id === id) return say(JSON.stringify(shownValue(unpacked(saved)), null, 2))
  process.stderr.write(`goworld inspect: there is no entity ${shownName(id)} in ${file}\n`)
  process.exitCode = 1
}

function findAll(file: string, frozen: FrozenGame): Found {
  const { process } = frozen
  const types = new Map<string, TypeFound>()
  const spaces = new Map<string, SpaceFound>()
  const bytes = statSync(file).size
  const entities = entitiesIn(file, frozen)
  for (const { saved, size } of entities) {
    const { type, id, spaceKind: kind } = saved
    if (kind !== undefined) spaces.set(id, { type, id, kind, members: 0, clients: 0 })
    count(types, saved, size)
  }
  for (const { saved } of entities) {
    const { spaceKind: kind, client } = saved
    const around = kind === undefined ? spaces.get(saved.spaceId ?? nilSpaceId(process.gameId)) : undefined
    if (!around) continue
    around.members++
    if (client) around.clients++
  }
  const sum = (key: 'bytes' | 'clients' | 'timers') => [...types.values()].reduce((all, one) => all + one[key], 0)
  return {
    file,
    bytes,
    format: FROZEN_VERSION,
    checksum: 'ok',
    ...process,
    sizes: { world: process.sizes.world, entities: sum('bytes') },
    gates: process.gates.map(([id, process]) => ({ id, process })),
    clients: sum('clients'),
    timers: sum('timers'),
    types: [...types.values()].sort((a, b) => b.bytes - a.bytes || byName(a.type, b.type)),
    spaces: [...spaces.values()].sort((a, b) => b.members - a.members || byName(a.id, b.id)),
  }
}

const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

function count(types: Map<string, TypeFound>, saved: SavedEntity, bytes: number): void {
  const { type, id, client } = saved
  const found = types.get(type) ?? { type, entities: 0, bytes: 0, largest: { id, bytes }, clients: 0, timers: 0 }
  types.set(type, found)
  found.entities++
  found.bytes += bytes
  if (bytes > found.largest.bytes) found.largest = { id, bytes }
  if (client) found.clients++
  found.timers += timersOf(saved).length
}

interface PackedTimer {
  readonly args?: unknown
}

function timersOf({ parts }: SavedEntity): readonly PackedTimer[] {
  const saved = parts['timers'] as { readonly timers?: unknown } | undefined
  return Array.isArray(saved?.timers) ? saved.timers : []
}

interface InFile {
  readonly saved: SavedEntity
  /** In bytes. */
  readonly size: number
}

/** All that would be restored. */
function entitiesIn(file: string, { chunks, ahead = [] }: FrozenGame): InFile[] {
  const found = new Map<string, InFile>()
  const add = (from: readonly Uint8Array[]) => {
    for (let at = 1; at < from.length; at++) {
      const saved = savedIn(file, from, at)
      found.set(saved.id, { saved, size: from[at]!.length })
    }
  }
  add(ahead)
  for (const id of ahead.length > 0 ? goneIn(file, chunks[0]!) : []) found.delete(id)
  add(chunks)
  return [...found.values()]
}

/** Those that are not there any more. */
function goneIn(file: string, header: Uint8Array): readonly string[] {
  const { gone } = decode(header) as { readonly gone?: unknown }
  if (Array.isArray(gone)) return gone as string[]
  throw new OperatorError(`${file}: what the game knows of the others cannot be read`)
}

/** The file is whole, but whoever made it may have been another. */
function savedIn(file: string, chunks: readonly Uint8Array[], at: number): SavedEntity {
  try {
    const saved = decode(chunks[at]!) as unknown as SavedEntity
    const { type, id, parts } = saved
    if (typeof type === 'string' && typeof id === 'string' && typeof parts === 'object' && parts !== null) return saved
    throw new Error('it is no entity')
  } catch (error) {
    throw new OperatorError(`${file}: entity ${at} of ${chunks.length - 1} cannot be read: ${messageOf(error)}`)
  }
}

/** With what has a form of its own in the file as it was in the game: kept fields, and the arguments of timers. */
function unpacked(saved: SavedEntity): unknown {
  const { kept, timers, ...parts } = saved.parts
  return {
    ...saved,
    parts: {
      ...parts,
      ...(kept !== undefined && { kept: valuesOf(kept) }),
      ...(timers !== undefined && {
        timers: { ...(timers as object), timers: timersOf(saved).map((one) => ({ ...one, args: valuesOf(one.args) })) },
      }),
    },
  }
}

function valuesOf(packed: unknown): unknown {
  const { plain, cloned } = (packed ?? {}) as { readonly plain?: unknown; readonly cloned?: unknown }
  if (!(cloned instanceof Uint8Array)) return plain
  try {
    return deserialize(cloned)
  } catch {
    return packed
  }
}

function sayAll(found: Found): void {
  const { file, format, gameId, gameVersion, engine, frozenAt, process: name, ready, gates } = found
  const version = gameVersion === '' ? '' : `, version ${gameVersion}`
  say(`${file}: ${sizeOf(found.bytes)}, format ${format}, checksum ok`)
  say(`  frozen    ${frozenAt}`)
  say(`  game      ${gameId}${version}`)
  say(`  engine    ${engine}`)
  say(`  process   ${name}, ${ready ? 'ready' : 'not ready: the deployment was not whole'}`)
  say(`  gates     ${gates.map(({ id, process }) => `${id} (${process})`).join(', ') || 'none'}`)
  const { entities, clients, timers, spaces, sizes } = found
  say(`  entities  ${entities}, ${spaces.length} of them spaces, ${clients} with clients; ${timers} timers`)
  say(`  bytes     ${sizes.entities} of entities, ${sizes.world} of what the game knows of the others`)
  if (found.types.length > 0) process.stdout.write(`\n${table([TYPE_HEAD, ...found.types.map(typeRow)])}`)
  const shown = spaces.slice(0, SPACES_SHOWN)
  if (shown.length > 0) process.stdout.write(`\n${table([SPACE_HEAD, ...shown.map(spaceRow)])}`)
  if (shown.length < spaces.length) say(`and ${spaces.length - shown.length} spaces more: -json has them all`)
}

const TYPE_HEAD = ['type', 'entities', 'bytes', 'clients', 'timers', 'largest', 'its id']

const typeRow = ({ type, entities, bytes, clients, timers, largest }: TypeFound): string[] => [
  shownName(type),
  ...[entities, bytes, clients, timers, largest.bytes].map(String),
  shownName(largest.id),
]

const SPACE_HEAD = ['space', 'id', 'kind', 'members', 'clients']

const spaceRow = ({ type, id, kind, members, clients }: SpaceFound): string[] => [
  shownName(type),
  shownName(id),
  ...[kind, members, clients].map(String),
]

const sizeOf = (bytes: number): string => (bytes < 100_000 ? `${bytes} bytes` : `${(bytes / 1e6).toFixed(2)} MB`)
