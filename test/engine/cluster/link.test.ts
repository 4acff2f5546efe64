// Links between processes: whatever happens to connections, each packet arrives once and in order; and the death of a
// process is told from a broken connection.
import { expect, test } from 'vitest'
import type { Address } from '../../../engine/base/address.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { Turn } from '../../../engine/base/turn.ts'
import type { Link, LinkEvents } from '../../../engine/cluster/link.ts'
import { LinkAcceptor } from '../../../engine/cluster/link-acceptor.ts'
import { LinkConnector } from '../../../engine/cluster/link-connector.ts'
import type { Connection, Transport } from '../../../engine/net/connection.ts'
import { MemoryNetwork } from '../../../engine/net/memory.ts'
import { messages } from '../../../engine/wire/messages.ts'

const ADDRESS: Address = { kind: 'unix', path: '/dispatcher' }

class Bench {
  readonly clock = new VirtualClock()
  readonly log = new MemoryLog()
  readonly random: () => number
  readonly network: MemoryNetwork
  readonly heard: string[] = []

  constructor(seed: number, split = false) {
    this.random = seededRandom(seed)
    this.network = new MemoryNetwork(this.clock, { random: this.random, split })
  }

  #common(turn: Turn) {
    return { clock: this.clock, turn, log: this.log, random: this.random, graceMs: 3000, resendBytesMax: 1_000_000 }
  }

  #events(name: string, got: number[], seen?: (fresh: boolean) => void): LinkEvents {
    return {
      up: (fresh, forgotten) => {
        this.heard.push(`${name} up ${fresh}${forgotten ? ', forgotten' : ''}`)
        seen?.(fresh)
      },
      packet: (bytes, start, end) => void got.push(messages.holdGame.read(bytes, start + 2, end).limitMs),
      down: (reason) => void this.heard.push(`${name} down: ${reason}`),
      congested: (backlog) => void this.heard.push(`${name} has a backlog: ${backlog}`),
    }
  }

  /** `losesFirst`: what it says by its first connection is lost with that. */
  async dispatcher({ losesFirst = false } = {}) {
    const turn = new Turn(this.clock)
    const got: number[] = []
    let link: Link | undefined
    const acceptor = new LinkAcceptor({ self: { role: 'dispatcher', id: 1 }, ...this.#common(turn) }, (fresh) => {
      link = fresh
      return this.#events('dispatcher', got)
    })
    turn.stage(() => acceptor.flush())
    const accepted: Connection[] = []
    const listener = await this.network.transport.listen(ADDRESS, (connection) => {
      if (losesFirst && accepted.length === 0)
        connection.write = (_bytes, done) => {
          done?.()
          this.clock.defer(() => connection.destroy())
        }
      accepted.push(connection)
      acceptor.accept(connection)
    })
    return { acceptor, accepted, got, listener, link: () => link! }
  }

  game(id = 1) {
    const turn = new Turn(this.clock)
    const got: number[] = []
    let killed = false
    const { listen, connect } = this.network.transport
    // A process that was killed makes no more connections.
    const transport: Transport = { listen, connect: (address) => (killed ? new Promise(() => {}) : connect(address)) }
    const connector = new LinkConnector(
      {
        self: { role: 'game', id },
        process: `process of game ${id}`.slice(0, 16),
        ...this.#common(turn),
        transport,
        address: ADDRESS,
      },
      this.#events(`game ${id}`, got),
    )
    turn.stage(() => connector.link.flush())
    connector.start()
    const kill = () => {
      killed = true
    }
    return { connector, got, link: connector.link, kill }
  }
}

test('nothing is lost, doubled or out of order, however often the connection breaks', async () => {
  for (let seed = 1; seed <= 150; seed++) {
    const bench = new Bench(seed, true)
    const dispatcher = await bench.dispatcher()
    const game = bench.game()
    await bench.clock.until(() => game.link.up && dispatcher.link()?.up === true)
    const sent: [number[], number[]] = [[], []]
    for (let step = 0; step < 60; step++) {
      const burst = Math.floor(bench.random() * 5)
      for (let n = 0; n < burst; n++) {
        const side = bench.random() < 0.5 ? 0 : 1
        const limitMs = step * 10 + n
        ;(side === 0 ? game.link : dispatcher.link()).send('holdGame', { limitMs })
        sent[side].push(limitMs)
      }
      if (bench.random() < 0.15) bench.network.dropRandom()
      await bench.clock.advance(bench.random() * 30)
    }
    await bench.clock.until(
      () => dispatcher.got.length === sent[0].length && game.got.length === sent[1].length,
      10_000,
      `seed ${seed}: all packets`,
    )
    expect([seed, dispatcher.got, game.got]).toEqual([seed, ...sent])
    expect(bench.heard.filter((line) => line.includes('down'))).toEqual([])
    expect(game.link.unackedBytes + dispatcher.link().unackedBytes).toBeGreaterThanOrEqual(0)
    await bench.clock.until(() => game.link.unackedBytes === 0 && dispatcher.link().unackedBytes === 0)
  }
})

test('a connection that does not come back in time ends the session; what comes later is a new one', async () => {
  const bench = new Bench(1)
  const dispatcher = await bench.dispatcher()
  const game = bench.game()
  await bench.clock.until(() => game.link.up)
  await dispatcher.listener.close()
  bench.network.dropAll()
  await bench.clock.advance(3100)
  expect(bench.heard.filter((line) => line.includes('down')).sort()).toEqual([
    'dispatcher down: its connection was lost and did not come back in 3000 ms',
    'game 1 down: its connection was lost and did not come back in 3000 ms',
  ])
  game.link.send('holdGame', { limitMs: 1 })
  await bench.clock.advance(1)
  expect(game.link.droppedBatches).toBe(1)
  bench.heard.length = 0
  await bench.network.transport.listen(ADDRESS, (connection) => dispatcher.acceptor.accept(connection))
  await bench.clock.until(() => game.link.up)
  expect(bench.heard).toEqual(['dispatcher up true', 'game 1 up true, forgotten'])
})

test('a restarted dispatcher is told from one that was out of reach', async () => {
  const bench = new Bench(1)
  const first = await bench.dispatcher()
  const game = bench.game()
  await bench.clock.until(() => game.link.up)
  await first.listener.close()
  bench.network.dropAll()
  await bench.clock.advance(3100)
  bench.heard.length = 0
  await bench.dispatcher()
  await bench.clock.until(() => game.link.up)
  expect(bench.heard).toEqual(['dispatcher up true', 'game 1 up true'])
})

test('a restarted game is told from a broken connection: the old session goes down first', async () => {
  const bench = new Bench(2)
  const dispatcher = await bench.dispatcher()
  const first = bench.game()
  await bench.clock.until(() => first.link.up)
  first.kill()
  bench.network.dropAll()
  const second = bench.game()
  await bench.clock.until(() => second.link.up)
  expect(bench.heard.filter((line) => line.startsWith('dispatcher'))).toEqual([
    'dispatcher up true',
    'dispatcher down: it came back as a new process',
    'dispatcher up true',
  ])
  second.link.send('holdGame', { limitMs: 7 })
  await bench.clock.until(() => dispatcher.got.includes(7))
})

test('a game that says goodbye is gone at once', async () => {
  const bench = new Bench(3)
  await bench.dispatcher()
  const game = bench.game()
  await bench.clock.until(() => game.link.up)
  game.link.send('holdGame', { limitMs: 9 })
  game.connector.close()
  await bench.clock.advance(10)
  expect(bench.heard).toContain('dispatcher down: it has left')
})

test('a dispatcher that was restarted is a new session for its games', async () => {
  const bench = new Bench(4)
  const first = await bench.dispatcher()
  const game = bench.game()
  await bench.clock.until(() => game.link.up)
  await first.listener.close()
  bench.network.dropAll()
  const second = await bench.dispatcher()
  await bench.clock.until(() => bench.heard.filter((line) => line === 'game 1 up true').length === 2)
  expect(bench.heard.filter((line) => line.startsWith('game'))).toEqual([
    'game 1 up true',
    'game 1 down: it was restarted',
    'game 1 up true',
  ])
  second.link().send('holdGame', { limitMs: 5 })
  await bench.clock.until(() => game.got.includes(5))
})

test('a second living process with the same number is refused', async () => {
  const bench = new Bench(5)
  await bench.dispatcher()
  const game = bench.game()
  await bench.clock.until(() => game.link.up)
  const twin = bench.game()
  await bench.clock.until(
    () => bench.log.matching('error', 'the dispatcher refuses us: there is a game 1 already').length > 0,
  )
  expect([game.link.up, twin.link.up]).toEqual([true, false])
  twin.connector.close()
})

test('what a peer does not acknowledge is bounded', async () => {
  const bench = new Bench(6)
  const dispatcher = await bench.dispatcher()
  const game = bench.game()
  await bench.clock.until(() => game.link.up)
  await dispatcher.listener.close()
  bench.network.dropAll()
  for (let n = 0; n < 200; n++) {
    game.link.send('createEntity', { entityId: 'e'.repeat(16), gameId: 0, type: 'T', attrs: new Uint8Array(10_000) })
    await bench.clock.advance(1)
    if (!game.link.up) break
  }
  expect(bench.heard).toContain('game 1 has a backlog: large')
  expect(bench.heard).toContain('game 1 down: it did not keep up')
  expect(bench.log.matching('error', 'does not keep up')).toHaveLength(1)
})

test('what waits for long is a backlog, however little it is, until it has been taken', async () => {
  const bench = new Bench(8)
  const dispatcher = await bench.dispatcher()
  const game = bench.game()
  await bench.clock.until(() => game.link.up)
  const backlogs = () => bench.heard.filter((line) => line.includes('backlog'))
  dispatcher.accepted[0]!.pause()
  for (let n = 0; n < 40; n++) {
    game.link.send('holdGame', { limitMs: n })
    await bench.clock.advance(10)
  }
  expect(backlogs()).toEqual([])
  for (let n = 40; n < 60; n++) {
    game.link.send('holdGame', { limitMs: n })
    await bench.clock.advance(10)
  }
  expect(backlogs()).toEqual(['game 1 has a backlog: old'])
  dispatcher.accepted[0]!.resume()
  await bench.clock.advance(100)
  expect(backlogs().at(-1)).toBe('game 1 has a backlog: little')
  expect(dispatcher.got).toHaveLength(60)
})

test('a stranger on the port costs nobody else anything', async () => {
  const bench = new Bench(7)
  await bench.dispatcher()
  const game = bench.game()
  await bench.clock.until(() => game.link.up)
  for (const garbage of [
    [0xff, 0xff, 0xff, 0xff],
    [5, 0, 0, 0, 1, 2, 3, 4, 5],
    [1, 0, 0, 0, 4],
    [],
    [30, 0, 0, 0, 1, 0x57, 0x47],
  ]) {
    const connection = await (async () => {
      const connecting = bench.network.transport.connect(ADDRESS)
      await bench.clock.advance(5)
      return connecting
    })()
    let closed = ''
    connection.handle({ data() {}, close: (reason) => (closed = reason) })
    connection.write(new Uint8Array(garbage))
    await bench.clock.until(() => closed !== '', 10_000, `closing after ${garbage}`)
  }
  expect(game.link.up).toBe(true)
})

test('a session whose first welcome was lost stands on both sides when the next one arrives', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const bench = new Bench(seed, true)
    const dispatcher = await bench.dispatcher()
    const game = bench.game()
    // Breaks connections while the first greetings are on their way.
    for (let step = 0; step < 12; step++) {
      await bench.clock.advance(bench.random())
      if (bench.random() < 0.5) bench.network.dropAll()
    }
    await bench.clock.until(() => game.link.up && game.link.isConnected && dispatcher.link()?.up === true)
    game.link.send('holdGame', { limitMs: seed })
    dispatcher.link().send('holdGame', { limitMs: seed })
    await bench.clock.until(() => dispatcher.got.includes(seed) && game.got.includes(seed), 5000, `seed ${seed}`)
    expect(bench.heard).toContain('game 1 up true')
    game.connector.close()
    await bench.clock.advance(100)
  }
})

test('a session stands when the first welcome of a restarted dispatcher was lost', async () => {
  const bench = new Bench(10)
  const before = await bench.dispatcher()
  const game = bench.game()
  await bench.clock.until(() => game.link.up && before.link()?.up === true)
  for (let n = 1; n <= 5; n++) {
    game.link.send('holdGame', { limitMs: n })
    await bench.clock.advance(50)
  }
  // Its process is gone, with all that it knew, and of the next one the first connection breaks when it has said hello.
  await before.listener.close()
  for (const connection of before.accepted) connection.destroy()
  const dispatcher = await bench.dispatcher({ losesFirst: true })
  await bench.clock.until(() => bench.heard.includes('game 1 up true') && game.link.isConnected, 5000)
  game.link.send('holdGame', { limitMs: 6 })
  await bench.clock.until(() => dispatcher.got.includes(6), 5000, 'a packet to arrive')
  dispatcher.link().send('holdGame', { limitMs: 7 })
  await bench.clock.until(() => game.got.includes(7), 5000, 'a packet to come')
  expect(bench.heard.filter((line) => line.startsWith('game 1'))).toEqual([
    'game 1 up true',
    'game 1 down: it was restarted',
    'game 1 up true',
  ])
  expect(bench.log.matching('error', '')).toEqual([])
})

test('batch numbers go through their wrap without anybody noticing, also when the connection breaks there', async () => {
  const bench = new Bench(8)
  const dispatcher = await bench.dispatcher()
  const game = bench.game()
  await bench.clock.until(() => game.link.up)
  for (let n = 0; n < 600; n++) {
    game.link.send('holdGame', { limitMs: n })
    dispatcher.link().send('holdGame', { limitMs: n })
    await bench.clock.advance(1)
    if (n > 230 && n < 280 && n % 10 === 0) bench.network.dropAll()
  }
  const all = Array.from({ length: 600 }, (_, n) => n)
  await bench.clock.until(() => dispatcher.got.length === 600 && game.got.length === 600)
  expect([dispatcher.got, game.got]).toEqual([all, all])
})

test('what is counted as kept is what it takes, and one large packet does not make the next ones large', async () => {
  const bench = new Bench(9)
  const dispatcher = await bench.dispatcher()
  const game = bench.game()
  await bench.clock.until(() => game.link.up)
  const entity = { entityId: 'e'.repeat(16), gameId: 0, type: 'T' }
  game.link.send('createEntity', { ...entity, attrs: new Uint8Array(500_000) })
  await bench.clock.until(() => game.link.unackedBytes === 0)
  await dispatcher.listener.close()
  bench.network.dropAll()
  const before = process.memoryUsage().arrayBuffers
  for (let n = 0; n < 60; n++) {
    game.link.send('createEntity', { ...entity, attrs: new Uint8Array(10_000) })
    await bench.clock.advance(0.1)
  }
  const taken = process.memoryUsage().arrayBuffers - before
  expect(game.link.unackedBytes).toBeGreaterThan(600_000)
  expect(taken).toBeLessThan(game.link.unackedBytes * 3)
})

test('a packet that is longer than anybody takes is dropped where it is written; those around it arrive', async () => {
  const bench = new Bench(10)
  const dispatcher = await bench.dispatcher()
  const game = bench.game()
  await bench.clock.until(() => game.link.up)
  game.link.send('holdGame', { limitMs: 1 })
  const attrs = new Uint8Array(64 * 1024 * 1024)
  game.link.send('createEntity', { entityId: 'e'.repeat(16), gameId: 0, type: 'T', attrs })
  game.link.send('holdGame', { limitMs: 2 })
  await bench.clock.until(() => dispatcher.got.length === 2)
  expect(dispatcher.got).toEqual([1, 2])
  expect(bench.log.matching('error', 'is dropped: the limit is')).toHaveLength(1)
})
