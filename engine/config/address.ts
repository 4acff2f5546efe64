// Addresses as goworld.ini writes them: host:port, :port, port, [v6]:port, unix:/path, unix:relative.
import { isAbsolute, join } from 'node:path'
import type { Address } from '../base/address.ts'

// The smallest limit among the systems we run on (macOS; Linux allows 107): beyond it Node fails with a bare EINVAL.
const UNIX_PATH_BYTES_MAX = 103

/**
 * The address, or a sentence that says what is wrong with it. A relative Unix path starts at `dir`. `:port` is
 * every interface, as in Go; a bare port (GoWorld's own sample has one) is on 127.0.0.1.
 */
export function parseAddress(text: string, dir: string): Address | string {
  if (text.startsWith('unix:')) return parseUnix(text.slice('unix:'.length), dir)
  const colon = text.lastIndexOf(':')
  const bracketed = text.startsWith('[')
  const host = bracketed ? /^\[([^\]]+)\]:\d+$/.exec(text)?.[1] : text.slice(0, Math.max(0, colon))
  if (host === undefined || (!bracketed && host.includes(':'))) return 'an IPv6 address is written [host]:port'
  const port = parsePort(text.slice(colon + 1))
  if (port === undefined) return 'must be host:port with a port from 0 to 65535, or unix:path'
  if (colon > 0 && !isHost(host)) return `${JSON.stringify(host)} is not a host name`
  return { kind: 'tcp', host: colon < 0 ? '127.0.0.1' : host || '0.0.0.0', port }
}

function parseUnix(text: string, dir: string): Address | string {
  if (text === '') return 'unix: needs a path'
  const path = isAbsolute(text) ? text : join(dir, text)
  const bytes = Buffer.byteLength(path)
  if (bytes > UNIX_PATH_BYTES_MAX) {
    return `the path ${path} has ${bytes} bytes; a Unix socket's may have ${UNIX_PATH_BYTES_MAX}`
  }
  return { kind: 'unix', path }
}

/** A port from 0 (any that is free) to 65535. */
export function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined
  const port = Number(text)
  return port <= 65535 ? port : undefined
}

export const isHost = (text: string): boolean => /^[A-Za-z0-9._:%-]+$/.test(text)

/** Where to connect to reach who listens there: a wildcard is no place, this machine is. */
export const reachable = (address: Address): Address =>
  address.kind === 'tcp' && isWildcard(address.host) ? { ...address, host: '127.0.0.1' } : address

/** Two addresses that share a place cannot both be listened on. Undefined for port 0, which is any free port. */
export function placeOf(address: Address): string | undefined {
  if (address.kind === 'unix') return `unix:${address.path}`
  if (address.port === 0) return undefined
  const here = isWildcard(address.host) || ['127.0.0.1', '::1', 'localhost'].includes(address.host)
  return `${here ? 'here' : address.host}:${address.port}`
}

const isWildcard = (host: string) => host === '0.0.0.0' || host === '::'
