// Which collection has the entities of a type. Ordinary names are the same: Avatar is in the collection Avatar.
//
//     $where        %%24where          as in keys: a % in front, and characters that a server refuses by number
//     a.b           %a%2eb
//     __proto__     %__proto__         collections that start with __ are not for entities: __kv__
//     怪物…         %#sha256           longer than a server takes; each document tells its type in `type`
import { createHash } from 'node:crypto'

/** MongoDB takes 255 bytes for `database.collection`; the database has less than 64. */
const COLLECTION_BYTES_MAX = 190
const HASHED = /^%#[0-9a-f]{64}$/

/** `isHashed` when the name does not tell the type. */
export function collectionOfType(type: string): { readonly name: string; readonly isHashed: boolean } {
  const name = escapeName(type, /^$|^%|^__|[$.\0]/)
  if (Buffer.byteLength(name) <= COLLECTION_BYTES_MAX) return { name, isHashed: false }
  return { name: `%#${createHash('sha256').update(type).digest('hex')}`, isHashed: true }
}

/** Undefined when the name is none of an entity type; 'hashed' when its documents tell. */
export function typeOfCollection(name: string): { readonly type: string } | 'hashed' | undefined {
  if (HASHED.test(name)) return 'hashed'
  const type = name.startsWith('%')
    ? name.slice(1).replace(/%([0-9a-f]{2})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
    : name
  return collectionOfType(type).name === name ? { type } : undefined
}

/** Like a type's, but its name may start with __, as that of GoWorld's does. */
export function collectionOfKeys(name: string): string {
  const escaped = escapeName(name, /^$|^[%.]|^system\.|[$\0]|\.$|\.\./)
  if (Buffer.byteLength(escaped) <= COLLECTION_BYTES_MAX) return escaped
  return `__%#${createHash('sha256').update(name).digest('hex')}`
}

const escapeName = (name: string, escaped: RegExp) =>
  escaped.test(name)
    ? `%${name.replace(/[%$.\0]/g, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`)}`
    : name
