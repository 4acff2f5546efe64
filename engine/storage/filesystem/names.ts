// How the names of types and entities become names of folders and files, and back.
//
//     Avatar, aK3_x-Zq01234567   Avatar/aK3_x-Zq01234567~c5.json
//     avatar, bob                avatar~0/bob.json
//     a/b, ключ                  a%2fb, %d0%ba%d0%bb%d1%8e%d1%87
//     more than 120 characters   <120 of them>+/<the rest>
//
// A-Z a-z 0-9 _ - stay as they are, and so does a dot that is not the first; of all else each byte of its UTF-8 is %xx.
// Some file systems take A for a, so behind a ~ stands in hexadecimal which characters are capitals (1 the first,
// 2 the second, 4 the third). It is left out where that is as usual: a type begins with a capital, an id has none.
// What comes out too long for a file name goes down into folders that end with a +.
import { isUtf8 } from 'node:buffer'
import { NAME_BYTES_MAX } from '../storage.ts'

/** Some file systems (those that encrypt names) allow 143 bytes only. */
const PIECE_CHARACTERS = 120
const END = '.json'
const [UPPER_A, UPPER_Z, LOWER_A, LOWER_Z] = [65, 90, 97, 122]
const DOT = 46

/** The folder of a type, as a path inside the store. */
export const typeFolder = (type: string): string => inPieces(encode(type, true))

/** The file of an entity, as a path inside the folder of its type. */
export const idFile = (id: string): string => `${inPieces(encode(id, false))}${END}`

/** Undefined for a folder that is none of ours. */
export function typeOf(folder: string): string | undefined {
  const type = decode(folder.replaceAll('+/', ''))
  return type !== undefined && typeFolder(type) === folder ? type : undefined
}

/** Undefined for a file that is none of ours. */
export function idOf(file: string): string | undefined {
  if (!file.endsWith(END)) return undefined
  const id = decode(file.slice(0, -END.length).replaceAll('+/', ''))
  return id !== undefined && idFile(id) === file ? id : undefined
}

/** Whether a folder only holds what was too long for one name. */
export const isPiece = (name: string): boolean => name.endsWith('+')

function encode(name: string, capitalUsual: boolean): string {
  let text = ''
  let capitals = 0n
  const bytes = Buffer.from(name)
  for (const [at, byte] of bytes.entries()) {
    const isUpper = byte >= UPPER_A && byte <= UPPER_Z
    if (isUpper) capitals |= 1n << BigInt(at)
    if (isUpper || isPlain(byte) || (byte === DOT && at > 0)) text += String.fromCharCode(byte)
    else text += `%${byte.toString(16).padStart(2, '0')}`
  }
  const first = bytes[0]! & ~32
  const usual = capitalUsual && first >= UPPER_A && first <= UPPER_Z ? 1n : 0n
  return capitals === usual ? text : `${text}~${capitals.toString(16)}`
}

/** Lower case, digits, _ and -. */
const isPlain = (byte: number): boolean =>
  (byte >= LOWER_A && byte <= LOWER_Z) || (byte >= 48 && byte <= 57) || byte === 95 || byte === 45

/** A name that may be wrong in its details: whether it is encoded to the same again is for the caller to see. */
function decode(text: string): string | undefined {
  const [, body] = /^((?:[\w.-]|%[0-9a-f]{2})+)(?:~[0-9a-f]+)?$/.exec(text) ?? []
  if (body === undefined) return undefined
  if (!body.includes('%')) return body.length <= NAME_BYTES_MAX ? body : undefined
  const bytes = Buffer.from(
    body.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
  return bytes.length <= NAME_BYTES_MAX && isUtf8(bytes) ? bytes.toString() : undefined
}

function inPieces(text: string): string {
  if (text.length <= PIECE_CHARACTERS) return text
  return `${text.slice(0, PIECE_CHARACTERS)}+/${inPieces(text.slice(PIECE_CHARACTERS))}`
}
