// Where a Redis server is and who we are to it, as goworld.ini says it. Nothing here repeats a URL: it may hold a
// password.
import { OperatorError } from '../../base/errors.ts'

export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  readonly db: number
}

const PORT = 6379

/** `db` wins over what the url says. Throws OperatorError. */
export function parseRedisUrl(url: string, db: string): RedisAddress {
  const address = parse(url)
  if (!address) throw new OperatorError('url: not of the form redis://[user:password@]host[:port][/db], or rediss://…')
  return db === '' ? address : { ...address, db: parseDb(db) }
}

/** `host`, `host:port`, or a URL where the cluster wants a password. Throws OperatorError. */
export function parseNode(text: string, index: number): RedisAddress {
  const address = parse(/^rediss?:\/\//i.test(text) ? text : `redis://${text}`)
  if (address && address.db === 0) return address
  throw new OperatorError(`start_nodes_${index + 1}: not of the form host:port or redis://[user:password@]host:port`)
}

function parse(text: string): RedisAddress | undefined {
  try {
    const { protocol, hostname, port, username, password, pathname } = new URL(text)
    const number = pathname.slice(1) || '0'
    // A piece of a password that was not written as in a URL would be taken for the number.
    if (!/^rediss?:$/.test(protocol) || hostname === '' || !isDb(number)) return undefined
    return {
      // The URL has an IPv6 address in brackets, a socket has not.
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(port || PORT),
      tls: protocol === 'rediss:',
      username: decodeURIComponent(username) || undefined,
      password: decodeURIComponent(password) || undefined,
      db: Number(number),
    }
  } catch {
    return undefined
  }
}

const isDb = (text: string): boolean => /^\d{1,9}$/.test(text)

function parseDb(text: string): number {
  if (isDb(text)) return Number(text)
  throw new OperatorError(`db: ${JSON.stringify(text)} is not the number of a redis database`)
}
