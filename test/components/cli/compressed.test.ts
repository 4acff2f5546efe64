// A whole server with compress_connection=1, of real processes: bots of test_client play on it, and sessions of our SDK.
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connect } from '../../../engine/client/client.ts'
import { compressed, tcpStream } from '../../../engine/client/tcp.ts'
import { freePort } from '../../free-port.ts'
import { ROOT, run } from '../../program.ts'
import { GameFolder } from './game-folder.ts'

const HELLO = `
  import { attr, entity, game, string } from 'goworld'
  class Account extends entity({ ownClient: { login: [string] } }) {
    login(name: string) {
      const avatar = this.game.create(Avatar)
      avatar.attrs.name = name
      this.giveClientTo(avatar)
    }
  }
  class Avatar extends entity({
    attrs: { name: attr('', 'client') },
    ownClient: { say: [string] },
    client: { heard(_line: string) {} },
  }) {
    say(line: string) {
      this.client.heard(line)
    }
  }
  export default game([Account, Avatar])`

const gateOf = (out: string) => /gate1 +tcp:\/\/(\S+)/.exec(out)![1]!

test('bots of test_client play without a fault, by TCP and by WebSockets', { timeout: 120_000 }, async () => {
  const game = new GameFolder({ example: 'test_game', ini: 'compress_connection=1\n' })
  const server = game.begin('start')
  await server.said('stop: ')
  const web = /ws:\/\/\S+/.exec(server.out)![0]
  for (const target of [gateOf(server.out), web]) {
    const flags = ['-server', target, '-compress', '-N', '20', '-duration', '5', '-think', '200', '-strict', '-json']
    const bots = await run(join(ROOT, 'examples/test_client/test_client'), flags)
    expect(bots.code, bots.err + bots.out).toBe(0)
    const summary = JSON.parse(bots.out.trim().split('\n').at(-1)!) as { connected: number; errors: number }
    expect(summary).toMatchObject({ connected: 20, errors: 0 })
  }
})

test('the bots of examples/arena play as goworld.ini says', { timeout: 60_000 }, async () => {
  const ini = `compress_connection=1\n[gate1]\nlisten_addr=127.0.0.1:${await freePort()}\n`
  const game = new GameFolder({ example: 'arena', ini })
  const server = game.begin('start', '-bots', '4')
  await server.said('stop: ')
  const playing = async () => {
    const status = JSON.parse((await game.command('status', '-json')).out) as {
      processes: { role: string; clients?: number; refused?: Record<string, number> }[]
    }
    return status.processes.find(({ role }) => role === 'gate')
  }
  await vi.waitFor(async () => expect(await playing()).toMatchObject({ clients: 4, refused: { notSnappy: 0 } }), {
    timeout: 30_000,
    interval: 200,
  })
})

test('a session plays, loses its connection and goes on', { timeout: 60_000 }, async () => {
  const game = new GameFolder({ source: HELLO, ini: 'compress_connection=1\n' })
  const server = game.begin('start')
  await server.said('stop: ')
  const heard: string[] = []
  let logins = 0
  const client = connect(() => compressed(tcpStream(gateOf(server.out))))
  onTestFinished(() => client.close())
  client.on('Account', {
    created() {
      logins++
      this.server['login']!('Ada')
    },
  })
  client.on('Avatar', {
    heard(line: unknown) {
      heard.push(String(line))
    },
  })
  const say = (line: string) => client.call(client.player!.id, 'say', line)
  await vi.waitFor(() => expect(client.player?.type).toBe('Avatar'), { timeout: 20_000, interval: 5 })
  say('first')
  await vi.waitFor(() => expect(heard).toEqual(['first']), { timeout: 10_000, interval: 5 })
  client.reconnect()
  say('second'.repeat(30_000))
  await vi.waitFor(() => expect(heard).toEqual(['first', 'second'.repeat(30_000)]), { timeout: 10_000, interval: 5 })
  expect([client.connection, logins]).toEqual(['open', 1])
})
