// A server whose gates encrypt, with real processes: who plays there by tls:// and wss://, what is said of it, and what
// happens to those who play when the gate or its certificate is replaced.
import { copyFileSync, rmSync } from 'node:fs'
import { Agent, get } from 'node:https'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connect } from '../../../engine/client/client.ts'
import { tcpStream } from '../../../engine/client/tcp.ts'
import { webSocketStream } from '../../../engine/client/websocket.ts'
import { certificate, pem } from '../../certificates/certificates.ts'
import { ROOT, run, until } from '../../program.ts'
import { ECHO } from './echo-game.ts'
import { GameFolder, type GameFolderOptions } from './game-folder.ts'

const ca = pem('ec.crt')

function encrypted(ini = '', options: GameFolderOptions = {}): GameFolder {
  const lines = `encrypt_connection=1\nrsa_key=tls/gate.key\nrsa_certificate=tls/gate.crt\n${ini}`
  return new GameFolder({
    source: ECHO,
    ini: lines,
    files: { 'tls/gate.key': pem('ec.key'), 'tls/gate.crt': pem('ec.crt'), 'web/index.html': 'a page' },
    ...options,
  })
}

interface Gate {
  readonly pid: number
  readonly state: string
  readonly addresses: Readonly<Record<'tcp' | 'ws' | 'http' | 'page', string>>
  readonly tls: { readonly certificate: string; readonly daysLeft: number; readonly handshakes: number }
  readonly refused: Readonly<Record<string, number>>
  readonly clients: number
}

const processes = ({ out }: { out: string }): (Gate & { role: string })[] => JSON.parse(out).processes

async function gateOf(game: GameFolder): Promise<Gate> {
  return processes(await game.command('status', '-json')).find(({ role }) => role === 'gate')!
}

/** A client that says a number every few milliseconds. */
async function talk(target: string, options: object = { ca }) {
  const client = connect(() =>
    target.startsWith('wss:') ? webSocketStream(target, options) : tcpStream(target, options),
  )
  onTestFinished(() => client.close())
  const [said, heard]: [number[], number[]] = [[], []]
  client.on('Account', { said: (n: number) => heard.push(n) } as never)
  await until(() => client.player, 'the client to play')
  const timer = setInterval(() => {
    said.push(said.length)
    client.call(client.player!.id, 'say', said.length - 1)
  }, 5)
  onTestFinished(() => clearInterval(timer))
  return { client, said, heard, stop: () => clearInterval(timer) }
}

/** What HTTPS answers, to one that trusts `trusted` and nobody else. */
const fetched = (url: string, trusted = ca) =>
  new Promise<string>((resolve, reject) => {
    const request = get(url, { agent: new Agent({ ca: trusted }) }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(`${response.statusCode} ${text}`))
    })
    request.on('error', reject)
  })

describe('a server whose gates encrypt', () => {
  test('says so wherever it says where it is, and is played by tls:// and wss://', async () => {
    const game = encrypted()
    const server = game.begin('start')
    await server.said('stop: ')
    expect(server.out).toMatch(/^ {2}play: +https:\/\/127\.0\.0\.1:\d+\/$/m)
    expect(server.out).toMatch(
      /^ {2}gate1 +tls:\/\/127\.0\.0\.1:\d+ {2}wss:\/\/127\.0\.0\.1:\d+\/ws {2}https:\/\/127\.0\.0\.1:\d+\/healthz$/m,
    )
    expect(server.out).toMatch(/^dispatcher1 +http:|^ {2}dispatcher1 +http:/m)
    expect(server.out).toMatch(/ up pid=\d+ at="tls:\/\/\S+ wss:\/\/\S+ https:/)
    const gate = await gateOf(game)
    expect(gate).toMatchObject({ state: 'ready', tls: { certificate: 'DNS:localhost, IP Address:127.0.0.1' } })
    const { tcp, ws, http, page } = gate.addresses
    const players = [await talk(tcp), await talk(ws), await talk(tcp, { verify: false })]
    for (const { heard } of players) await until(() => heard.length > 10, 'some answers')
    expect(await fetched(http)).toBe('200 {"ready":true,"name":"gate1"}\n')
    expect(await fetched(page)).toBe('200 a page')
    expect(await fetched(http.replace('healthz', 'status'))).toMatch(/^200 .*"clients":3/)
    expect(await fetched(http.replace('healthz', 'metrics'))).toMatch(/goworld_gate_tls_days_left\{id="1"\} \d+/)
    server.kill('SIGINT')
    expect((await server.ended).code).toBe(0)
  })

  test('goes on under its players when the gate is replaced, though somebody never ends his handshake', async () => {
    const game = encrypted('drain_seconds=8\n')
    await game.command('start', '-d')
    const { addresses, pid } = await gateOf(game)
    const players = [await talk(addresses.tcp), await talk(addresses.ws)]
    const plain = connect(() => tcpStream(addresses.tcp, { ca }), { session: false })
    await until(() => plain.player, 'the client without a session to play')
    const idle = createConnection({ host: '127.0.0.1', port: Number(new URL(addresses.tcp).port) })
    onTestFinished(() => void idle.destroy())
    const idleEnded = new Promise((resolve) => void idle.on('error', () => {}).once('close', resolve))
    await until(async () => (await gateOf(game)).tls.handshakes === 1, 'the handshake to have begun')
    const { code, out } = await game.command('reload', 'gate1')
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('2 clients with a session go over') })
    await idleEnded
    // It was let go of at once: somebody else plays on at the gate of before, which has not found it slow.
    const drain = processes(await game.command('status', '-json')).find(({ role }) => role === 'drain')
    expect(drain).toMatchObject({ clients: 1, refused: { handshakeSlow: 0 }, tls: { handshakes: 0 } })
    plain.close()
    await until(() => !game.running.includes(`drain${pid}`), 'the gate of before to end')
    for (const one of players) {
      const before = one.heard.length
      await until(() => one.heard.length > before + 10, 'more answers')
      one.stop()
      await until(() => one.heard.length === one.said.length, 'all to be answered')
      expect(one.heard).toEqual(one.said)
    }
    const after = await gateOf(game)
    expect(after).toMatchObject({ clients: 2, addresses })
    expect(after.pid).not.toBe(pid)
    expect(await fetched(after.addresses.http)).toMatch(/^200 /)
    // A successor that cannot show a certificate does not take its place.
    rmSync(join(game.path, 'tls/gate.key'))
    const failed = await game.command('reload', 'gate1')
    expect(failed.code).toBe(1)
    expect(failed.out).toMatch(/gate1 rsa_key: .*tls\/gate\.key: no such file/)
    expect(await gateOf(game)).toMatchObject({ pid: after.pid, clients: 2, state: 'ready' })
    copyFileSync(certificate('ec.key'), join(game.path, 'tls/gate.key'))
    expect(await game.command('reload', '-all')).toMatchObject({ code: 0 })
    await talk(addresses.tcp)
    expect(await game.command('stop')).toMatchObject({ code: 0 })
  })

  test('counts who speaks no TLS, and does not tell of each', async () => {
    const game = encrypted()
    const server = game.begin('start')
    await server.said('stop: ')
    const { addresses } = await gateOf(game)
    const port = Number(new URL(addresses.tcp).port)
    for (let n = 0; n < 50; n++) {
      const socket = createConnection({ host: '127.0.0.1', port })
      onTestFinished(() => void socket.destroy())
      const closed = new Promise(
        (resolve) =>
          void socket
            .on('error', () => {})
            .on('data', () => {})
            .once('close', resolve),
      )
      socket.write('GET / HTTP/1.1\r\n\r\n')
      await closed
    }
    await until(async () => (await gateOf(game)).refused['handshake'] === 50, 'all to be counted')
    expect(server.text.match(/handshake/g)).toHaveLength(1)
    expect(server.text).toMatch(/INFO {2}127\.0\.0\.1:\d+: its TLS handshake has failed: it says "GET \/"; closed/)
    await talk(addresses.tcp)
  })

  test.each([
    ['rsa_key=nowhere.key', /^goworld: gate1 rsa_key: .*\/nowhere\.key: no such file$/m],
    ['rsa_certificate=goworld.ini', /^goworld: gate1 rsa_certificate: .*\/goworld\.ini is not in PEM format/m],
    [
      'rsa_key=other.key',
      /^goworld: gate1 rsa_key: .*\/other\.key is not the key of the .* rsa_certificate: .*gate\.crt$/m,
    ],
  ])('does not begin to start with %s', async (line, error) => {
    const files = { 'tls/gate.key': pem('ec.key'), 'tls/gate.crt': pem('ec.crt'), 'other.key': pem('rsa.key') }
    const game = encrypted(`[gate1]\n${line}\n`, { files })
    const { code, out, err } = await game.command('start')
    expect({ code, out, err }).toEqual({ code: 2, out: '', err: expect.stringMatching(error) })
    const main = [join(ROOT, 'components/gate/main.ts'), '-gid', '1', '-configfile', join(game.path, 'goworld.ini')]
    const alone = await run(process.execPath, main)
    expect(alone).toMatchObject({ code: 2 })
    expect(alone.err.replace(/^gate: /m, 'goworld: ')).toMatch(error)
  })

  test('says that a certificate has expired, and starts', async () => {
    const files = { 'tls/gate.key': pem('rsa.key'), 'tls/gate.crt': pem('expired.crt') }
    const game = encrypted('', { files })
    const { code, out } = await game.command('start', '-d')
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringMatching(/^gate1 rsa_certificate: .*\/tls\/gate\.crt has expired on 2021-01-01/m),
    })
    const { addresses, tls } = await gateOf(game)
    expect(tls.daysLeft).toBeLessThan(0)
    await talk(addresses.tcp, { verify: false })
    const refused = connect(tcpStream(addresses.tcp, { ca: pem('expired.crt') }), { session: false })
    expect(await new Promise((resolve) => void refused.onClose(resolve))).toBe('certificate has expired')
  })

  test('runs in one process, too', async () => {
    const game = encrypted()
    const server = game.begin('dev')
    await server.said('is up')
    const [, tcp] = /(tls:\/\/\S+)/.exec(server.out)!
    const [, ws] = /(wss:\/\/\S+)/.exec(server.out)!
    for (const target of [tcp!, ws!]) await talk(target)
    server.kill('SIGINT')
    expect((await server.ended).code).toBe(0)
  })
})
