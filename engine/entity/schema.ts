// What newer code makes of what older code saved: a class states its version, and how to come from each to the next.
//
//     row in storage ─┐                                                     ┌─> attributes
//     another game ───┼─> plain data ──2: (saved) => …──3: (saved) => …──>──┼─> leftovers: no attributes, kept as they are
//     frozen file ────┘   of version 1                        of version 3  └─> dropped by name
//
// Whatever fails on this way leaves what was saved as it is, and the entity is not made.
import { messageOf, OperatorError } from '../base/errors.ts'
import { decodeDocument, encodeDocument } from '../storage/document.ts'
import type { Row } from '../storage/row.ts'
import { SPACE_KIND } from '../wire/client-wire.ts'
import { Attrs } from './attrs.ts'
import type { AttrSpec, Contract, SavedData } from './contract.ts'
import type { EntityCore } from './core.ts'
import type { Kind } from './kind.ts'
import type { SavedParts } from './parts.ts'
import type { SavedEntity } from './saved-entity.ts'

/** What was saved and is no attribute of the class any more: saved again with the entity, as it is. */
export type Leftovers = Readonly<Record<string, unknown>>

/** What was saved, as the class has it now. */
export interface Opened {
  readonly attrs: Readonly<Record<string, unknown>>
  readonly leftovers: Leftovers | undefined
  /** Whether what is stored is of an older version. */
  readonly isUpgraded: boolean
}

/**
 * Hears of each thing that was saved and has no place any more, with what an author can do about it. `stays`: in storage.
 */
export type Dropped = (what: string, remedy: string, stays?: boolean) => void

const ATTR_REMEDY = 'name it in `drops`, or raise `version`, with a migration that takes it'

// --- opening -----------------------------------------------------------------------------------------------------------

/** Throws, with the entity's name, for what this code cannot make anything of. */
export function openRow(kind: Kind, id: string, row: Row, dropped: Dropped): Opened & { spaceKind: number } {
  const { spaceKind, data } = kind.isSpace ? spaceKindIn(row.data) : { spaceKind: 0, data: row.data }
  // GoWorld, which knew no versions, has saved what a first version saves.
  const version = row.schema || 1
  const attrs = upgrade(kind, id, version, data)
  return { attrs, leftovers: leftoversIn(kind, attrs, {}, dropped), isUpgraded: version < kind.version, spaceKind }
}

/** The same for an entity that comes from another game or out of a freeze. */
export function openSaved(kind: Kind, { id, version = 1, parts }: SavedEntity, dropped: Dropped): Opened {
  const { attrs = {}, transient = {} } = parts as Readonly<Record<string, SavedData | undefined>>
  const isUpgraded = version < kind.version
  const data = upgrade(kind, id, version, { ...leftoversOf(parts), ...transient, ...attrs })
  const leftovers = leftoversIn(kind, data, transient, dropped)
  // What was left over before is nothing new.
  for (const name of Object.keys(leftovers ?? {}))
    if (Object.hasOwn(attrs, name)) dropped(noAttribute(kind, name), ATTR_REMEDY, true)
  // What a migration has made counts as it is, as out of a row.
  return { attrs: isUpgraded ? data : fitting(kind, data, dropped), leftovers, isUpgraded }
}

const noAttribute = (kind: Kind, name: string) => `${kind.name}.${name} was saved, but is no attribute any more`

/** A space's row has its kind among the attributes: no business of migrations. */
function spaceKindIn({ [SPACE_KIND]: kind, ...data }: SavedData): { spaceKind: number; data: SavedData } {
  return { spaceKind: typeof kind === 'number' ? kind : 0, data }
}

function upgrade(kind: Kind, id: string, version: number, data: SavedData): SavedData {
  if (version > kind.version)
    throw new Error(`${kind.name}<${id}> was saved by version ${version} of its class, this code knows ${kind.version}`)
  for (let next = version + 1; next <= kind.version; next++) data = migrate(kind, id, next, data)
  return data
}

function migrate(kind: Kind, id: string, version: number, data: SavedData): SavedData {
  const what = `${kind.name}<${id}>: its migration to version ${version}`
  let made: unknown
  try {
    made = kind.contract.migrations![version]!(data)
  } catch (error) {
    throw new Error(`${what} threw: ${messageOf(error)}`, { cause: error })
  }
  if (made === undefined) return data
  if (isPlain(made)) return made
  throw new TypeError(
    `${what} returned ${describe(made)}: a plain object is wanted, or nothing when it changed \`saved\``,
  )
}

function isPlain(candidate: unknown): candidate is SavedData {
  if (typeof candidate !== 'object' || candidate === null) return false
  const prototype = Object.getPrototypeOf(candidate)
  return prototype === Object.prototype || prototype === null
}

const describe = (made: unknown): string =>
  typeof made === 'object' && made !== null ? `an instance of ${made.constructor?.name}` : String(made)

/** What is no attribute and is to be kept. Of those that were `transient` nothing was ever stored. */
function leftoversIn(kind: Kind, data: SavedData, transient: SavedData, dropped: Dropped): Leftovers | undefined {
  const { attrs = {}, drops = [] } = kind.contract
  const kept: [string, unknown][] = []
  for (const name of Object.keys(data)) {
    if (Object.hasOwn(attrs, name) || drops.includes(name) || (kind.isSpace && name === SPACE_KIND)) continue
    const value: unknown = data[name]
    if (value === undefined) continue
    if (Object.hasOwn(transient, name)) {
      dropped(noAttribute(kind, name), ATTR_REMEDY)
      continue
    }
    const refused = refusalOf(name, value)
    // One of these, and nothing of the entity could be saved.
    if (refused) dropped(`${kind.name}.${name} is no attribute any more, and ${refused}`, ATTR_REMEDY)
    else kept.push([name, value])
  }
  return kept.length > 0 ? Object.fromEntries(kept) : undefined
}

/** Why it cannot be stored, if it cannot. */
function refusalOf(name: string, value: unknown): string | undefined {
  try {
    encodeDocument({ [name]: value })
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** Those that still have the form that the class gives them; the others begin with their defaults. */
function fitting(kind: Kind, data: SavedData, dropped: Dropped): SavedData {
  const specs = kind.contract.attrs ?? {}
  const misfits = Object.keys(specs).filter((name) => Object.hasOwn(data, name) && !fits(specs[name]!, data[name]))
  if (misfits.length === 0) return data
  for (const name of misfits)
    dropped(
      `${kind.name}.${name} was saved as ${formOf(data[name])}, and is another by now`,
      `raise \`version\`, with a migration that turns it into ${wantedBy(specs[name]!)}`,
    )
  return Object.fromEntries(Object.entries(data).filter(([name]) => !misfits.includes(name)))
}

/** Whether a saved value has the form that the class now gives to the attribute. */
function fits(spec: AttrSpec, value: unknown): boolean {
  const { kind, initial } = spec
  const isPlainValue = kind === 'value' || kind === 'optional'
  if (isPlainValue && (initial === undefined || initial === null || value === null)) return true
  return formOf(value) === wantedBy(spec)
}

const wantedBy = ({ kind, initial }: AttrSpec): string =>
  kind === 'list' ? 'a list' : kind === 'map' || kind === 'record' ? 'a map' : formOf(initial)

/** Of what kind a value is, as a log names it. */
export function formOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Uint8Array) return 'bytes'
  if (typeof value === 'object' && value !== null) return 'a map'
  return typeof value === 'bigint' ? 'number' : typeof value
}

// --- saving ------------------------------------------------------------------------------------------------------------

/** What a row of it has, but for the kind of a space. */
export function storedOf({ attrs, kind, leftovers }: EntityCore): SavedData {
  const persistent = persistentOf(kind, attrs)
  return leftovers ? { ...leftovers, ...persistent } : persistent
}

export const persistentOf = ({ layout }: Kind, attrs: Attrs): SavedData =>
  Attrs.plain(attrs, (index) => layout.persistent[index]!)

/** The same of an entity that is not there. */
export const storedIn = (parts: SavedParts): SavedData => ({ ...leftoversOf(parts), ...(parts['attrs'] as SavedData) })

/** They travel as text: they may be what no attribute can be. */
export const packLeftovers = ({ leftovers }: EntityCore): string | undefined => leftovers && encodeDocument(leftovers)

const leftoversOf = ({ leftovers }: SavedParts): Leftovers | undefined =>
  leftovers === undefined ? undefined : decodeDocument(leftovers, 'leftovers')

// --- what a contract may state -----------------------------------------------------------------------------------------

/** The version of the class. */
export function checkSchema(typeName: string, contract: Contract, isSpace: boolean): number {
  const { attrs = {}, version = 1, migrations = {}, drops = [] } = contract
  if (!Number.isSafeInteger(version) || version < 1)
    throw new OperatorError(`${typeName}: version = ${version}; a whole number from 1 up is wanted`)
  if (typeof migrations !== 'object' || migrations === null)
    throw new OperatorError(`${typeName}: migrations = ${migrations}; functions by their versions are wanted`)
  for (const [key, migration] of Object.entries(migrations)) {
    const to = Number(key)
    if (!Number.isSafeInteger(to) || String(to) !== key || to < 2 || to > version)
      throw new OperatorError(`${typeName}: migrations: '${key}' is no version from 2 to ${version}`)
    if (typeof migration !== 'function')
      throw new OperatorError(`${typeName}: migrations: ${key} is ${describe(migration)}; a function is wanted`)
  }
  for (let to = 2; to <= version; to++)
    if (!Object.hasOwn(migrations, to))
      throw new OperatorError(`${typeName}: migrations: there is none to version ${to}`)
  if (!Array.isArray(drops)) throw new OperatorError(`${typeName}: drops = ${drops}; a list of names is wanted`)
  for (const name of drops) {
    if (typeof name !== 'string') throw new OperatorError(`${typeName}: drops: ${describe(name)} is no name`)
    if (Object.hasOwn(attrs, name)) throw new OperatorError(`${typeName}: drops: ${name} is an attribute of the class`)
  }
  if (isSpace && (Object.hasOwn(attrs, SPACE_KIND) || drops.includes(SPACE_KIND)))
    throw new OperatorError(
      `${typeName}: '${SPACE_KIND}' belongs to the engine: no attribute of a space can be called so`,
    )
  return version
}
