// What the log says of a call that was not run: which method it was for, and what was wrong with what came. A client may have
// sent anything: what is shown of that is short and printable.
import { readArgs } from '../wire/codec.ts'
import { PacketReader } from '../wire/packet.ts'
import type { Caller, Refusal } from './calls.ts'
import type { EntityCore } from './core.ts'

export interface RefusedCall {
  /** `Avatar.earn()`; of a call that cannot be read `Avatar`. */
  readonly method: string
  /** `argument 1: an integer is wanted, not 'x'`, or the refusal itself. */
  why(): string
}

const SHOWN_MAX = 40

const reader = new PacketReader()

/** Of the call in `bytes` (method, arguments), which `core` has refused. */
export function refusedCall(
  { kind }: EntityCore,
  refusal: Refusal,
  bytes: Uint8Array,
  start: number,
  end: number,
  caller: Caller,
): RefusedCall {
  if (refusal === 'unreadable') return { method: kind.name, why: () => refusal }
  reader.reset(bytes, start, end)
  const name = reader.varstr()
  const method = kind.method(name)
  const checks = caller === 'server' ? undefined : method?.[caller === 'input' ? 'ownClient' : caller]
  return {
    method: `${kind.name}.${printable(name)}()`,
    why() {
      if (refusal === 'not exposed to this client' && !method?.ownClient && !method?.anyClient)
        return 'not exposed to clients'
      if (refusal !== 'wrong arguments' || !checks) return refusal
      const args = readArgs(reader)
      const at = checks.findIndex((check, n) => !check(args[n]))
      if (at >= 0) return `argument ${at + 1}: ${checks[at]!.wants} is wanted, not ${shown(args[at])}`
      return `${args.length} arguments, and it takes ${checks.length}`
    },
  }
}

/** A value in some 40 characters. */
const shown = (value: unknown): string => (typeof value === 'string' ? quoted(value) : printable(textOf(value)))

const quoted = (text: string) => `'${printable(text)}'`

/** No more of it than will be shown, however large it is. */
function textOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'string') return quoted(value)
  if (typeof value !== 'object') return String(value)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  const isList = Array.isArray(value)
  let text = ''
  for (const key in value) {
    if (text.length > SHOWN_MAX) break
    const name = isList ? '' : `${printable(key)}: `
    text += `${text && ', '}${name}${textOf((value as Record<string, unknown>)[key])}`
  }
  return isList ? `[${text}]` : `{ ${text} }`
}

/** The beginning of a text, without what would move a cursor or begin a line. */
function printable(text: string): string {
  const short = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text
  return short.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}
