// Addresses as an operator writes them: host and port, a port alone, or a Unix socket; and what is said of bad ones.
import { describe, expect, it } from 'vitest'
import { formatAddress } from '../../../engine/base/address.ts'
import { parseAddress, placeOf, reachable } from '../../../engine/config/address.ts'

const tcp = (host: string, port: number) => ({ kind: 'tcp', host, port }) as const

describe('an address', () => {
  it.each([
    ['127.0.0.1:13000', tcp('127.0.0.1', 13000)],
    ['game.example-1.net:80', tcp('game.example-1.net', 80)],
    [':14000', tcp('0.0.0.0', 14000)],
    ['25001', tcp('127.0.0.1', 25001)],
    ['localhost:0', tcp('localhost', 0)],
    ['[::1]:13000', tcp('::1', 13000)],
    ['unix:/run/d1.sock', { kind: 'unix', path: '/run/d1.sock' }],
    ['unix:run/d1.sock', { kind: 'unix', path: '/srv/run/d1.sock' }],
  ] as const)('%s is read', (text, address) => {
    expect(parseAddress(text, '/srv')).toEqual(address)
  })

  it('reads as it is written out', () => {
    for (const text of ['127.0.0.1:13000', '[::1]:13000', 'unix:/run/d1.sock']) {
      const address = parseAddress(text, '/srv')
      expect(typeof address === 'string' ? address : formatAddress(address)).toBe(text)
    }
  })

  const range = 'must be host:port with a port from 0 to 65535, or unix:path'
  it.each([
    ['localhost', range],
    ['', range],
    ['localhost:', range],
    ['localhost:http', range],
    ['localhost:65536', range],
    ['localhost:-1', range],
    ['http://localhost:80', 'an IPv6 address is written [host]:port'],
    ['::1:13000', 'an IPv6 address is written [host]:port'],
    ['[::1]', 'an IPv6 address is written [host]:port'],
    ['a b:80', '"a b" is not a host name'],
    ['unix:', 'unix: needs a path'],
    [`unix:/${'x'.repeat(103)}`, `the path /${'x'.repeat(103)} has 104 bytes; a Unix socket's may have 103`],
  ])('%j is refused', (text, message) => {
    expect(parseAddress(text, '/srv')).toBe(message)
  })

  it('is reached on this machine when it is every interface', () => {
    expect(reachable(tcp('0.0.0.0', 1))).toEqual(tcp('127.0.0.1', 1))
    expect(reachable(tcp('::', 1))).toEqual(tcp('127.0.0.1', 1))
    expect(reachable(tcp('10.0.0.1', 1))).toEqual(tcp('10.0.0.1', 1))
  })

  it('shares its place with every interface when it is on this machine', () => {
    expect(placeOf(tcp('0.0.0.0', 1))).toBe(placeOf(tcp('127.0.0.1', 1)))
    expect(placeOf(tcp('10.0.0.1', 1))).not.toBe(placeOf(tcp('10.0.0.2', 1)))
    expect(placeOf(tcp('127.0.0.1', 0))).toBeUndefined()
  })
})
