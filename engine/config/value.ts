// Reads one value of goworld.ini, as its key's kind says.
import { isAbsolute, join } from 'node:path'
import { isHost, parseAddress, parsePort } from './address.ts'
import type { Key } from './keys.ts'
import { allowedOf } from './keys.ts'

// What Go's ini library takes for a boolean.
const TRUE = new Set(['1', 't', 'true', 'y', 'yes', 'on'])
const FALSE = new Set(['0', 'f', 'false', 'n', 'no', 'off'])

/** The value as the program will see it; relative paths start at `dir`. Calls `fail`, which throws, with the reason. */
export function parseValue(key: Key, text: string, dir: string, fail: (message: string) => never): unknown {
  const refuse = () => fail(`must be ${allowedOf(key)}`)
  switch (key.kind) {
    case 'bool': {
      const word = text.toLowerCase()
      if (FALSE.has(word)) return false
      return TRUE.has(word) || refuse()
    }
    case 'int': {
      const value = Number(text)
      return /^[+-]?\d+$/.test(text) && value >= key.min && value <= key.max ? value : refuse()
    }
    case 'oneOf': {
      const word = text.toLowerCase()
      if (key.values.includes(word)) return word
      if (Object.hasOwn(key.aliases, word)) return key.aliases[word]
      return refuse()
    }
    case 'address': {
      if (text === '' && key.optional) return undefined
      if (text === '') return refuse()
      const address = parseAddress(text, dir)
      return typeof address === 'string' ? fail(address) : address
    }
    case 'half': {
      if (key.half === 'host') return isHost(text) ? text : refuse()
      const port = parsePort(text)
      return port === undefined || (port === 0 && key.of !== 'http_addr') ? refuse() : port
    }
    case 'path':
      return text === '' || isAbsolute(text) ? text : join(dir, text)
    case 'text':
      return text === '' && key.filled ? fail('must not be empty') : text
    case 'list':
      return text === '' ? fail('must not be empty') : text
    case 'ignored':
      return text
  }
}
