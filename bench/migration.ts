// What it costs to go from one game to another: CPU of all processes together (dispatcher, two games, gate) for each
// player that migrates with all it has, its client watching. Beside it, in the same run, encoding and decoding as much
// data as a player is.
//
//     make bench ONLY=migration          JSON=1 for an object a line, SECONDS=10 for longer
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type Game } from '../engine/client/client.ts'
import { tcpStream } from '../engine/client/tcp.ts'
import { decode, encode } from '../engine/wire/codec.ts'
import { median, report } from './kit/report.ts'
import { BenchServer } from './kit/server.ts'
import type * as wanderGame from './kit/wander-game/wander-game.ts'

const SECONDS = Number(process.env['SECONDS'] ?? 10)
const WINDOWS = 5
const WARM_UP_MS = 2000
const PLAYERS = Number(process.env['PLAYERS'] ?? 200)
const CODINGS = 20_000

/** Encodes and decodes what such a player is, once; microseconds of CPU. */
function codingUs(): number {
  const player = {
    type: 'Account',
    id: 'x'.repeat(16),
    parts: {
      attrs: {
        name: 'wanderer',
        level: 7,
        hp: 100,
        gold: 1000,
        exp: 123_456,
        skills: Array.from({ length: 10 }, (_, n) => n),
        bag: Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`slot${n}`, `item ${n}`])),
      },
      place: [1.5, 0, 2.5, 0, 50],
    },
  }
  for (let n = 0; n < CODINGS / 4; n++) decode(encode(player))
  const before = process.cpuUsage()
  for (let n = 0; n < CODINGS; n++) decode(encode(player))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / CODINGS
}

const server = new BenchServer(join(import.meta.dirname, 'kit/wander-game'), { flags: ['-games', '2'] })
const clients: Game[] = []
try {
  const reference = codingUs()
  for (let n = 0; n < PLAYERS; n++) {
    const client = connect<typeof wanderGame>(tcpStream(server.gate))
    client.on('Account', {
      created() {
        if (this.isOwn) this.server.wander()
      },
    })
    clients.push(client as Game)
  }
  await sleep(WARM_UP_MS)
  const arrived = () => server.sum('game', 'arrived')
  const cpuOf = (role: string) => server.cpuSeconds(role)
  const roles = ['dispatcher', 'game', 'gate'] as const
  const windows: { count: number; seconds: number; us: number[] }[] = []
  for (let n = 0; n < WINDOWS; n++) {
    const before = { arrived: arrived(), at: performance.now(), cpu: roles.map(cpuOf) }
    await sleep((SECONDS * 1000) / WINDOWS)
    const count = arrived() - before.arrived
    const us = roles.map((role, at) => ((cpuOf(role) - before.cpu[at]!) * 1e6) / count)
    windows.push({ count, seconds: (performance.now() - before.at) / 1000, us })
  }
  // Others on the machine make all of it dearer for a while.
  const us = roles.map((_, role) => median(windows.map((window) => window.us[role]!)))
  const all = us.reduce((sum, one) => sum + one, 0)
  const scenario = `migration: ${PLAYERS} players with clients go to and fro between two games`
  report({ scenario, metric: 'CPU of all processes for each migration', value: all, unit: 'µs', atMost: 100 })
  for (const [role, name] of roles.entries())
    report({ scenario, metric: `of which ${name}${name === 'game' ? 's' : ''}`, value: us[role]!, unit: 'µs' })
  report({
    scenario,
    metric: 'migrations',
    value: median(windows.map(({ count, seconds }) => count / seconds)),
    unit: '/s',
  })
  report({ scenario, metric: 'encode and decode as much, once', value: reference, unit: 'µs' })
  report({ scenario, metric: 'ratio', value: all / reference, unit: '×' })
} finally {
  for (const client of clients) client.close()
  server.stop()
}
process.exit()
