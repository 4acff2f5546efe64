// Ids of entities and clients: 16 ASCII characters, as on GoWorld's wire.
//
//     | 5 characters  | 6 characters     | 5 characters |
//     | seconds       | this maker       | counter      |
//
// A maker is one process (or one game in a process); two makers differ with overwhelming probability, and one
// maker never repeats itself.
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

export const ID_BYTES = 16

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Whether `text` has the form of an id: 16 printable ASCII characters. */
export function isId(text: unknown): text is string {
  if (typeof text !== 'string' || text.length !== ID_BYTES) return false
  for (let at = 0; at < ID_BYTES; at++) {
    const code = text.charCodeAt(at)
    if (code < 33 || code > 126) return false
  }
  return true
}

export class IdMaker {
  readonly #clock: Clock
  readonly #maker: string
  #counter: number

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#maker = Array.from({ length: 6 }, () => ALPHABET[Math.floor(random() * 64)]).join('')
    this.#counter = Math.floor(random() * 2 ** 29)
  }

  next(): string {
    this.#counter = (this.#counter + 1) % 2 ** 30
    return base64(Math.floor(this.#clock.wallMs() / 1000) % 2 ** 30, 5) + this.#maker + base64(this.#counter, 5)
  }
}

/** Who has made an id. */
export const makerOf = (id: string): string => id.slice(5, 11)

/** Whether one maker has made both. */
export const sameMaker = (one: string, other: string): boolean => makerOf(one) === makerOf(other)

function base64(value: number, digits: number): string {
  let text = ''
  for (let digit = 0; digit < digits; digit++) {
    text = ALPHABET[value & 63] + text
    value >>>= 6
  }
  return text
}

/** The nil space of a game has an id that everybody can compute. */
export const nilSpaceId = (gameId: number): string => `nilspace${String(gameId).padStart(8, '0')}`

/** Services have ids that follow from their names and shards, so that no registry need be asked. */
export function serviceId(name: string, shard = 0): string {
  const text = shard === 0 ? name : `${name}#${shard}`
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let at = 0; at < text.length; at++) {
    high = Math.imul(high ^ text.charCodeAt(at), 0x9e3779b1)
    low = Math.imul(low ^ text.charCodeAt(at), 0x5f356495)
  }
  const digits = (value: number) => (value >>> 0).toString(36).padStart(7, '0').slice(0, 7)
  return `S.${digits(high)}${digits(low)}`
}

const [S, DOT] = [0x53, 0x2e]

/** Whether it is the id of a service; ids of makers have no dot. */
export const isServiceId = (id: string): boolean => id.startsWith('S.')

/** The same of the id at `at`. */
export const isServiceIdAt = (bytes: Uint8Array, at: number): boolean => bytes[at] === S && bytes[at + 1] === DOT
