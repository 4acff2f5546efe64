// The web door: a game's pages and the engine's client go out, and nothing else ever does.
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createConnection } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createHttp } from '../../../components/process/http.ts'
import { openWebDoor } from '../../../components/web/door.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import type { Log } from '../../../engine/base/log.ts'
import { ROOT } from '../../program.ts'
import { tempFolder } from '../../temp-folder.ts'

const PAGE = '<!doctype html><title>Chess</title><script type="importmap">{"imports": {}}</script>'
const SECRET = 'the password of the database'

class Door {
  /** Of the game: `web` and `shared` are served. */
  readonly folder = tempFolder()
  readonly lines: string[] = []
  url = ''

  static async open(files: Readonly<Record<string, string>> = { 'web/index.html': PAGE }): Promise<Door> {
    const door = new Door()
    for (const folder of ['web', 'shared']) mkdirSync(join(door.folder, folder))
    for (const [path, text] of Object.entries(files)) door.write(path, text)
    door.write('goworld.ini', SECRET)
    const say = (line: string) => void door.lines.push(line)
    const log = { debug: say, info: say, warn: say, error: say } as unknown as Log
    const settings = { webRoot: join(door.folder, 'web'), webShared: join(door.folder, 'shared') }
    const web = openWebDoor('gate1', settings, log)
    const server = createHttp({ healthz: () => ({ ready: true }), status: () => ({ clients: 7 }), web: () => web })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    door.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return door
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true })
    writeFileSync(join(this.folder, path), text)
  }

  get(path: string, init?: RequestInit): Promise<Response> {
    return fetch(this.url + path, { redirect: 'manual', ...init })
  }

  async text(path: string): Promise<string> {
    const response = await this.get(path)
    expect(response.status, path).toBe(200)
    return response.text()
  }

  /** All that comes back for bytes that no browser would send. */
  async raw(bytes: string): Promise<string> {
    const socket = createConnection(Number(new URL(this.url).port), '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.write(bytes)
    await new Promise((resolve) => socket.on('close', resolve).on('error', resolve))
    return answer
  }

  /** The status line's number for a path exactly as it is written. */
  async status(path: string, method = 'GET'): Promise<number> {
    const answer = await this.raw(`${method} ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
    expect(answer).not.toContain(SECRET)
    return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
  }
}

describe('what is served', () => {
  test('is the page at the root, and in its folders', async () => {
    const door = await Door.open({ 'web/index.html': PAGE, 'web/help/index.html': '<p>help' })
    expect(await door.text('/')).toBe(PAGE)
    expect(await door.text('/index.html?from=mail')).toBe(PAGE)
    expect(await door.text('/help/')).toBe('<p>help')
    const moved = await door.get('/help?on=rooks')
    expect([moved.status, moved.headers.get('location')]).toEqual([301, '/help/?on=rooks'])
  })

  test.each([
    ['/', 'text/html; charset=utf-8'],
    ['/board.css', 'text/css; charset=utf-8'],
    ['/board.ts', 'text/javascript; charset=utf-8'],
    ['/rook.svg', 'image/svg+xml'],
    ['/sounds/mate.mp3', 'audio/mpeg'],
    ['/Läufer%20(wei%C3%9F).PNG', 'image/png'],
  ])('%s has its type, and is not guessed at', async (path, type) => {
    const names = ['index.html', 'board.css', 'board.ts', 'rook.svg', 'sounds/mate.mp3', 'Läufer (weiß).PNG']
    const door = await Door.open(Object.fromEntries(names.map((name) => [`web/${name}`, 'x'])))
    const response = await door.get(path)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('is every byte of a file, and of an empty one none', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251))
    const door = await Door.open({ 'web/none.css': '' })
    writeFileSync(join(door.folder, 'web/board.png'), bytes)
    const response = await door.get('/board.png', { headers: { range: 'bytes=5-9' } })
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '300000'])
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
    expect(await door.text('/none.css')).toBe('')
  })

  test('is TypeScript without its types, every character where it was', async () => {
    const source = `import type { A } from './a.ts'\nconst n: number = 1 as number\nexport class B<T> { #t: T }\n`
    const door = await Door.open({ 'web/b.ts': source })
    const served = await door.text('/b.ts')
    expect(served).toMatch(/^ *\nconst n {9}= 1 {10}\nexport class B {4}\{ #t {4}\}\n$/)
    expect(served).toHaveLength(source.length)
  })

  test('is TypeScript as it is now, not as it was', async () => {
    const door = await Door.open({ 'web/a.ts': 'let a: 1' })
    expect(await door.text('/a.ts')).toBe('let a   ')
    door.write('web/a.ts', 'let b: 2')
    utimesSync(join(door.folder, 'web/a.ts'), 5, 5)
    expect(await door.text('/a.ts')).toBe('let b   ')
  })

  test('is what pages and game have in common', async () => {
    const door = await Door.open({ 'web/index.html': PAGE, 'shared/rules.ts': 'export const BOARD: number = 8' })
    expect(await door.text('/shared/rules.ts')).toBe('export const BOARD         = 8')
  })

  test('is the engine’s client with all that it imports', async () => {
    const door = await Door.open()
    const seen = new Set<string>()
    const follow = async (path: string) => {
      if (seen.has(path)) return
      seen.add(path)
      const text = await door.text(path)
      expect(text).not.toMatch(/\bimport type\b/)
      for (const [, from] of text.matchAll(/^(?:import|export)\b[^'\n]*(?:\n[^'\n]*)*?\bfrom '(\.[^']+)'/gm))
        await follow(new URL(from!, door.url + path).pathname)
    }
    await follow('/goworld/client/client.ts')
    expect([...seen]).toContain('/goworld/wire/codec.ts')
    expect([...seen]).toContain('/goworld/base/clock.ts')
    expect(seen.size).toBeGreaterThan(15)
  })

  test('is told why a source is none, in the log and to the browser', async () => {
    const door = await Door.open({ 'web/a.ts': 'enum Piece { rook }', 'web/long.ts': ' '.repeat(1024 * 1024 + 1) })
    for (let times = 0; times < 2; times++) {
      const response = await door.get('/a.ts')
      expect([response.status, await response.text()]).toEqual([500, expect.stringContaining('/a.ts: TypeScript enum')])
    }
    expect((await door.get('/long.ts')).status).toBe(500)
    expect(door.lines[0]).toContain('cannot serve /a.ts: TypeScript enum is not supported')
    expect(door.lines.join()).not.toContain(door.folder)
  })
})

describe('what a browser has already', () => {
  test('is not sent again until it changes', async () => {
    const door = await Door.open({ 'web/index.html': PAGE, 'web/a.ts': 'let a: 1' })
    for (const path of ['/', '/a.ts']) {
      const first = await door.get(path)
      expect(first.headers.get('cache-control')).toBe('no-cache')
      const etag = first.headers.get('etag')!
      for (const known of [etag, `"x", W/${etag}`, '*']) {
        const again = await door.get(path, { headers: { 'if-none-match': known } })
        expect([again.status, await again.text()]).toEqual([304, ''])
        expect(again.headers.get('etag')).toBe(etag)
      }
      expect((await door.get(path, { headers: { 'if-none-match': '"x"' } })).status).toBe(200)
    }
    const etag = (await door.get('/a.ts')).headers.get('etag')!
    door.write('web/a.ts', 'let a: 2222')
    expect((await door.get('/a.ts', { headers: { 'if-none-match': etag } })).status).toBe(200)
  })

  test('can be asked about without getting it', async () => {
    const door = await Door.open()
    const response = await door.get('/', { method: 'HEAD' })
    expect([response.status, await response.text()]).toEqual([200, ''])
    expect(response.headers.get('content-length')).toBe(String(PAGE.length))
    expect((await door.get('/none.css', { method: 'HEAD' })).status).toBe(404)
  })
})

describe('what a page may load', () => {
  const policyOf = async (door: Door, path: string) => (await door.get(path)).headers.get('content-security-policy')!

  test('are scripts of this door, and import maps of the page, but no other script in it', async () => {
    const door = await Door.open({ 'web/index.html': PAGE, 'web/a.ts': '' })
    const { createHash } = await import('node:crypto')
    const hash = createHash('sha256').update('{"imports": {}}').digest('base64')
    expect(await policyOf(door, '/')).toContain(`script-src 'self' 'wasm-unsafe-eval' 'sha256-${hash}';`)
    for (const path of ['/a.ts', '/none']) expect(await policyOf(door, path)).toContain(`'wasm-unsafe-eval';`)
  })

  test('is the same however the page ends its lines', async () => {
    const door = await Door.open({
      'web/index.html': `<script\n type='importmap'>\n{}\n</script >`,
      'web/dos.html': `<SCRIPT TYPE=importmap>\r\n{}\r\n</SCRIPT>`,
    })
    expect(await policyOf(door, '/')).toBe(await policyOf(door, '/dos.html'))
    expect(await policyOf(door, '/')).toContain(`'sha256-`)
  })
})

describe('what is not served', () => {
  const paths = [
    '/../goworld.ini',
    '/help/../../goworld.ini',
    '/%2e%2e/goworld.ini',
    '/%2E%2E%2Fgoworld.ini',
    '/..%2fgoworld.ini',
    '/..%5cgoworld.ini',
    '/..\\goworld.ini',
    '/%252e%252e/goworld.ini',
    '/.%2e/goworld.ini',
    '/%c0%ae%c0%ae/goworld.ini',
    '/./index.html',
    '//index.html',
    '//127.0.0.1/',
    '/index.html/',
    '/index.html%00',
    '/index.html%00.css',
    '/index.html%0a',
    '/index.html%20',
    '/index.html.',
    '/index.html::$DATA',
    '/c:/goworld.ini',
    '/%',
    '/%zz',
    '/%ff',
    '/.env.json',
    '/.git/config.json',
    '/%2egit/config.json',
    '/help/.hidden.json',
    '/goworld.ini',
    '/notes.ini',
    '/index.html~',
    '/none.html',
    '/shared/../goworld.ini',
    '/shared/%2e%2e/goworld.ini',
    '/shared',
    '/shared/none.ts',
    '/out.json',
    '/outside/goworld.json',
    '/hidden.json',
    '/loop.json',
    `/${'a'.repeat(300)}.html`,
    `/${'a/'.repeat(2000)}`,
    `/?${'a'.repeat(5000)}`,
    'http://127.0.0.1/goworld.ini',
    '*',
  ]
  test.each(paths.map((path) => [path.slice(0, 40), path]))('%s', async (_, path) => {
    const door = await Door.open({
      'web/index.html': PAGE,
      'web/.env.json': SECRET,
      'web/.git/config.json': SECRET,
      'web/help/.hidden.json': SECRET,
      'web/notes.ini': SECRET,
      'web/index.html~': SECRET,
      'secrets/goworld.json': SECRET,
    })
    const web = (name: string) => join(door.folder, 'web', name)
    symlinkSync('../secrets/goworld.json', web('out.json'))
    symlinkSync('../secrets', web('outside'))
    symlinkSync('.env.json', web('hidden.json'))
    symlinkSync('loop.json', web('loop.json'))
    const status = await door.status(path!)
    // A folder that is none of these files is answered with a redirection to itself.
    expect(status).toBe(path === '/shared' ? 301 : 404)
  })

  test.each([
    '/goworld/client/tcp.ts',
    '/goworld/entity/world.ts',
    '/goworld/config/keys.ts',
    '/goworld/client/../config/keys.ts',
    '/goworld/client/%2e%2e%2fconfig%2fkeys.ts',
    '/goworld/client',
    '/goworld/client/',
    '/goworld/package.json',
    '/goworld/',
    '/goworld/client/client',
    '/goworld/client/client.ts/x.ts',
  ])('%s of the engine', async (path) => {
    const door = await Door.open({ 'web/index.html': PAGE, 'web/goworld/index.html': 'shadowed' })
    expect(await door.status(path)).toBe(404)
  })

  test('is a pipe, on which nobody would be waiting', async () => {
    const door = await Door.open()
    const { execFileSync } = await import('node:child_process')
    execFileSync('mkfifo', [join(door.folder, 'web/a.json')])
    expect(await door.status('/a.json')).toBe(404)
  })

  test('but symbolic links that stay inside are followed, and a root may be one', async () => {
    const door = await Door.open({ 'v1/index.html': 'one', 'v2/index.html': 'two' })
    rmSync(join(door.folder, 'web'), { recursive: true })
    symlinkSync('v1', join(door.folder, 'web'))
    symlinkSync('index.html', join(door.folder, 'v1/start.html'))
    expect(await door.text('/start.html')).toBe('one')
    rmSync(join(door.folder, 'web'))
    symlinkSync('v2', join(door.folder, 'web'))
    expect(await door.text('/')).toBe('two')
  })
})

describe('who asks otherwise', () => {
  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'])('%s is refused', async (method) => {
    const door = await Door.open()
    expect(await door.status('/', method)).toBe(405)
    expect(readFileSync(join(door.folder, 'web/index.html'), 'utf8')).toBe(PAGE)
  })

  test('gets its answer before a body has come, and is closed', async () => {
    const door = await Door.open()
    for (const body of ['content-length: 1000000', 'transfer-encoding: chunked']) {
      const answer = await door.raw(`POST / HTTP/1.1\r\nhost: a\r\n${body}\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1\.1 405 /)
      expect(answer).toMatch(/\r\nconnection: close\r\n/i)
    }
  })

  test('keeps the connection for the next file', async () => {
    const door = await Door.open({ 'web/index.html': PAGE, 'web/a.css': 'a' })
    const ask = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nhost: a\r\n${more}\r\n`
    const answer = await door.raw(ask('/') + ask('/a.css') + ask('/none', 'connection: close\r\n'))
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 404'])
  })

  test('cannot have all files open at once: more are asked to come again, until some have gone', async () => {
    const door = await Door.open()
    writeFileSync(join(door.folder, 'web/film.mp4'), Buffer.alloc(32 * 1024 * 1024))
    const { port } = new URL(door.url)
    const sockets = Array.from({ length: 256 }, () => {
      const socket = createConnection(Number(port), '127.0.0.1').pause()
      socket.on('error', () => {})
      socket.write('GET /film.mp4 HTTP/1.1\r\nhost: a\r\n\r\n')
      return socket
    })
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()))
    await expect.poll(() => door.status('/'), { timeout: 30_000 }).toBe(503)
    expect((await door.get('/healthz')).status).toBe(200)
    for (const socket of sockets) socket.destroy()
    await expect.poll(() => door.status('/'), { timeout: 30_000 }).toBe(200)
  })

  test('is not kept from others by who asks for much on one connection and goes', async () => {
    const door = await Door.open()
    writeFileSync(join(door.folder, 'web/film.mp4'), Buffer.alloc(32 * 1024 * 1024))
    for (let times = 0; times < 3; times++) {
      const socket = createConnection(Number(new URL(door.url).port), '127.0.0.1').pause()
      socket.on('error', () => {})
      socket.write('GET /film.mp4 HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(200))
      await once(socket, 'readable')
      socket.destroy()
    }
    await expect.poll(() => door.status('/'), { timeout: 30_000 }).toBe(200)
  })
})

test('health and figures stay where they were, whatever the pages are called', async () => {
  const door = await Door.open({ 'web/healthz/index.html': 'x', 'web/status': 'x' })
  expect(await (await door.get('/healthz')).json()).toEqual({ ready: true })
  expect(await (await door.get('/status')).json()).toEqual({ clients: 7 })
})

test('a folder that is not there is told to the operator', () => {
  const log = {} as Log
  expect(() => openWebDoor('gate1', { webRoot: '/nowhere/web', webShared: '' }, log)).toThrow(OperatorError)
  expect(() => openWebDoor('gate1', { webRoot: ROOT, webShared: '/nowhere/shared' }, log)).toThrow(
    'gate1 web_shared: /nowhere/shared is no folder',
  )
  expect(openWebDoor('gate1', { webRoot: '', webShared: '' }, log)).toBe(undefined)
})
