// Tests of components/process/http.ts: the three pages of a process, and nothing else.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createHttp, httpUrl, listenHttp } from '../../../components/process/http.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import { tempFolder } from '../../temp-folder.ts'

const ANY_PORT = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const
let ready = false
const servers: ReturnType<typeof createHttp>[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function serve(): Promise<string> {
  const server = createHttp({
    healthz: () => ({ ready, name: 'gate1' }),
    status: () => ({ role: 'gate', id: 1, clients: 7 }),
  })
  servers.push(server)
  return httpUrl(await listenHttp(server, ANY_PORT, 'gate1 http_addr'), '')
}

describe('the HTTP server of a process', () => {
  test('says whether the process is ready', async () => {
    const url = await serve()
    ready = false
    const before = await fetch(`${url}/healthz`)
    expect([before.status, await before.json()]).toEqual([503, { ready: false, name: 'gate1' }])
    ready = true
    const after = await fetch(`${url}/healthz?from=balancer`)
    expect([after.status, await after.json()]).toEqual([200, { ready: true, name: 'gate1' }])
    expect((await fetch(`${url}/healthz`, { method: 'HEAD' })).status).toBe(200)
  })

  test('gives the figures as JSON', async () => {
    const response = await fetch(`${await serve()}/status`)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toEqual({ role: 'gate', id: 1, clients: 7 })
  })

  test('gives them to Prometheus', async () => {
    const response = await fetch(`${await serve()}/metrics`)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(await response.text()).toContain('\ngoworld_gate_clients{id="1"} 7\n')
  })

  test.each([
    ['127.0.0.1', 200],
    ['::ffff:127.0.0.1', 200],
    ['::1', 200],
    [undefined, 200],
    ['10.0.0.7', 404],
    ['::ffff:10.0.0.7', 404],
    ['2001:db8::1', 404],
  ])('gives figures to this machine only: %s', (remoteAddress, status) => {
    const server = createHttp({ healthz: () => ({ ready: true }), status: () => ({ clients: 7 }) })
    for (const url of ['/status', '/metrics']) {
      const asked = { url, method: 'GET', headers: {}, socket: { remoteAddress } }
      const response = { setHeader() {}, end() {}, writeHead: vi.fn() }
      server.emit('request', asked as never, response as never)
      expect(response.writeHead).toHaveBeenCalledWith(status, expect.anything())
    }
  })

  test.each(['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'])(
    'gives none by a proxy of this machine, which says %s',
    async (header) => {
      const url = await serve()
      for (const page of ['status', 'metrics']) {
        const response = await fetch(`${url}/${page}`, { headers: { [header]: '10.0.0.7' } })
        expect([response.status, await response.text()]).toEqual([404, expect.not.stringContaining('clients')])
      }
      expect((await fetch(`${url}/healthz`, { headers: { [header]: '10.0.0.7' } })).status).not.toBe(404)
    },
  )

  test('has nothing else', async () => {
    const url = await serve()
    for (const path of ['/', '/debug/pprof/', '/healthz/', '/ws', '/..%2fstatus', '//status'])
      expect((await fetch(url + path)).status).toBe(404)
    expect((await fetch(`${url}/status`, { method: 'POST', body: 'x' })).status).toBe(405)
  })

  test('says which address is in use', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const server = createHttp({ healthz: () => ({ ready: true }), status: () => ({}) })
    const failed = listenHttp(server, { ...ANY_PORT, port }, 'gate1 http_addr')
    await expect(failed).rejects.toThrow(OperatorError)
    await expect(failed).rejects.toThrow(`gate1 http_addr: cannot listen on 127.0.0.1:${port}`)
    other.close()
  })

  test('listens on a Unix socket too', async () => {
    const path = join(tempFolder(), 'http.sock')
    const server = createHttp({ healthz: () => ({ ready: true }), status: () => ({}) })
    servers.push(server)
    expect(await listenHttp(server, { kind: 'unix', path }, 'gate1 http_addr')).toEqual({ kind: 'unix', path })
  })
})
