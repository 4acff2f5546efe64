// The form in which entities travel between stores: a line of JSON each.
//
//     {"type":"Avatar","id":"aK3_x-Zq01234567","schema":1,"epoch":7,"no":42,"data":{…}}
//
// `data` is the text that the store has (document.ts), byte for byte, so what is exported is the same from any store.
import { isUtf8 } from 'node:buffer'
import { messageOf } from '../../engine/base/errors.ts'
import { encodeDocument } from '../../engine/storage/document.ts'
import { Row } from '../../engine/storage/row.ts'
import { checkEntityName } from '../../engine/storage/storage.ts'

export interface Line {
  readonly type: string
  readonly id: string
  readonly row: Row
}

/** A document has up to 16 M characters, which are up to three bytes each, and names are before it. */
export const LINE_BYTES_MAX = 49 * 1024 * 1024

const EPOCH_MAX = 2 ** 32 - 1
const TEXT = '\\s*("(?:[^"\\\\]|\\\\.)*")\\s*'
const NUMBER = '\\s*(\\d{1,16})\\s*'
/** Other programs put spaces. The order is fixed, so that `data` can be taken as it is. */
const HEAD = new RegExp(
  `^\\s*\\{\\s*"type"\\s*:${TEXT},\\s*"id"\\s*:${TEXT},\\s*"schema"\\s*:${NUMBER},\\s*"epoch"\\s*:${NUMBER},\\s*"no"\\s*:${NUMBER},\\s*"data"\\s*:\\s*(?=\\{)`,
)
/** Names of 255 bytes may all be escaped, six characters a byte. */
const HEAD_CHARACTERS_MAX = 4096

export function encodeLine({ type, id, row: { schema, epoch, no, text } }: Line): string {
  const names = `"type":${JSON.stringify(type)},"id":${JSON.stringify(id)}`
  // A file that was mended by hand may go over several lines; in JSON a line break is never inside a string.
  return `{${names},"schema":${schema},"epoch":${epoch},"no":${no},"data":${text.replace(/[\r\n]/g, ' ')}}\n`
}

/** Throws an Error that says what is wrong, unless it is a line of an entity that any store would take. */
export function decodeLine(bytes: Buffer): Line {
  if (!isUtf8(bytes)) throw new Error('it is not UTF-8')
  const text = bytes.toString().trimEnd()
  const [head, ...parts] = HEAD.exec(text.slice(0, HEAD_CHARACTERS_MAX)) ?? []
  if (head === undefined || !text.endsWith('}')) {
    throw new Error('it is not {"type":…,"id":…,"schema":…,"epoch":…,"no":…,"data":{…}}')
  }
  const [type, id] = parts.slice(0, 2).map((part) => JSON.parse(part) as string) as [string, string]
  const [schema, epoch, no] = parts.slice(2).map(Number) as [number, number, number]
  const data = text.slice(head.length, -1).trimEnd()
  const line = { type, id, row: Row.stored(data, { schema, epoch, no }, `${type} ${id}`) }
  checkLine(line)
  return line
}

/** Throws an Error that says what is wrong, unless any store would take it, and give it back with nothing lost. */
export function checkLine({ type, id, row }: Line): void {
  checkEntityName(type, id)
  const { schema, epoch, no, text } = row
  if (!isWhole(schema, EPOCH_MAX) || !isWhole(epoch, EPOCH_MAX) || !isWhole(no, Number.MAX_SAFE_INTEGER)) {
    throw new Error('schema, epoch or no is too large, or no whole number')
  }
  // Also what decodes may not be storable, such as a whole number beyond 2^53-1.
  const canonical = encodeDocument(row.data)
  if (text === canonical) return
  if (Buffer.byteLength(text) > LINE_BYTES_MAX - HEAD_CHARACTERS_MAX) {
    throw new Error(`it has more than ${LINE_BYTES_MAX} bytes`)
  }
  // Spaces may stand in it, and letters be escaped. What stores would not agree on may not.
  checkKeysOnce(text)
  checkForms(JSON.parse(text))
}

const isWhole = (value: number, max: number): boolean => Number.isInteger(value) && value >= 0 && value <= max

/** Of a key that is in an object twice, some stores would keep the first and some the last. */
function checkKeysOnce(json: string): void {
  const keysOfOpen: Set<string>[] = []
  for (let at = 0; at < json.length; at++) {
    const sign = json[at]
    if (sign === '{') keysOfOpen.push(new Set())
    else if (sign === '}') keysOfOpen.pop()
    else if (sign === '"') {
      const begin = at
      at = endOfString(json, begin)
      if (!isBeforeColon(json, at + 1)) continue
      const text = json.slice(begin, at + 1)
      const key = JSON.parse(text) as string
      const keys = keysOfOpen.at(-1)!
      if (keys.has(key)) throw new Error(`the key ${text} is there twice`)
      keys.add(key)
    }
  }
}

/** Where the string that begins at `begin` has its last quotation mark. */
function endOfString(json: string, begin: number): number {
  let at = begin + 1
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at
}

function isBeforeColon(json: string, at: number): boolean {
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at++
  return json[at] === ':'
}

/** A number or bytes that are written otherwise than a store writes them may have been meant otherwise than they are read. */
function checkForms(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  const { $bytes, $bigint } = value as Record<string, unknown>
  const read =
    typeof $bytes === 'string'
      ? Buffer.from($bytes, 'base64').toString('base64')
      : typeof $bigint === 'string'
        ? String(BigInt($bigint))
        : undefined
  if (read !== undefined && read !== ($bytes ?? $bigint)) {
    const what = $bytes === undefined ? 'whole number' : 'base64'
    throw new Error(`${JSON.stringify(value).slice(0, 60)} is no ${what} as it is stored`)
  }
  for (const item of Object.values(value)) checkForms(item)
}

/** The lines of what is streamed, without their ends; undefined for one of more than LINE_BYTES_MAX. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer | undefined> {
  // Not node:readline, to which U+2028 is the end of a line.
  let parts: Buffer[] = []
  let bytes = 0
  const take = (part: Buffer) => {
    bytes += part.length
    if (bytes > LINE_BYTES_MAX) parts = []
    else parts.push(part)
  }
  const whole = () => {
    const line = bytes > LINE_BYTES_MAX ? undefined : Buffer.concat(parts)
    parts = []
    bytes = 0
    return line
  }
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      take(chunk.subarray(start, end))
      start = end + 1
      yield whole()
    }
    if (start < chunk.length) take(chunk.subarray(start))
  }
  if (bytes > 0) yield whole()
}

export const reasonOf = (error: unknown): string =>
  messageOf(error).replace(/^what is stored as (.*) cannot be read: /, '$1: ')
