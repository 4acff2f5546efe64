// Tests of `goworld reload` for dispatchers, for gates, and for all of a server, with real processes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { isDeepStrictEqual } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { Dispatcher } from '../../../components/dispatcher/dispatcher.ts'
import { statusOf } from '../../../components/process/child.ts'
import type { ProcessId } from '../../../components/process/run-folder.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { silentLog } from '../../../engine/base/log.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { connect, type Game } from '../../../engine/client/client.ts'
import { tcpStream } from '../../../engine/client/tcp.ts'
import { MemoryNetwork } from '../../../engine/net/memory.ts'
import { freePort } from '../../free-port.ts'
import { Program, ROOT, run, until } from '../../program.ts'
import { LIMITS } from '../dispatcher/stage.ts'
import { ECHO } from './echo-game.ts'
import { GameFolder } from './game-folder.ts'

const DISPATCHER1 = { role: 'dispatcher', id: 1 } as const
const DISPATCHER =
  /^dispatcher(\d) swapped: away for \d+ ms, \d+ entities, [\d.]+ MB\ndispatcher\1 +\| taken over in \d+ ms, restored \d+, left \d+, back \d+: (\d+) links are back\n/

const pidsOf = (game: GameFolder) =>
  Object.fromEntries(game.run.processes().map(({ role, id, pid }) => [`${role}${id}`, pid]))
const statuses = async (game: GameFolder) =>
  (JSON.parse((await game.command('status', '-json')).out) as { processes: Record<string, unknown>[] }).processes
const logOf = (game: GameFolder, role: 'dispatcher' | 'game' | 'gate', id = 1) =>
  readFileSync(game.run.outPath({ role, id }), 'utf8')

/** Asks a process what its successor asks, as the process `pid`. */
function successor(game: GameFolder, name: ProcessId, pid: number) {
  const socket = createConnection(game.run.swapPath(name))
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  return {
    async ask(ask: string) {
      socket.write(`${JSON.stringify({ ask, pid })}\n`)
      return JSON.parse((await lines.next()).value!) as Record<string, unknown>
    },
    end: () => void socket.destroy(),
  }
}

/** A process that does nothing until it is killed. */
function sleeper() {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

test('swaps a dispatcher and nothing else, again and again; to games and gates it is the same one', async () => {
  const port = await freePort()
  const game = new GameFolder({ ini: `[dispatcher2]\nlisten_addr=127.0.0.1:${port}\n` })
  await game.command('start', '-d', '-games', '2', '-dispatchers', '2')
  for (const [id, other] of [
    [1, 2],
    [2, 1],
    [1, 2],
  ] as const) {
    const before = pidsOf(game)
    const { code, out, err } = await game.command('reload', '-dispatcher', String(id))
    expect({ code, err, out }).toEqual({ code: 0, err: '', out: expect.stringMatching(DISPATCHER) })
    expect(DISPATCHER.exec(out)!.slice(1)).toEqual([String(id), '3'])
    const after = pidsOf(game)
    expect(after).toEqual({ ...before, [`dispatcher${id}`]: expect.any(Number) })
    expect(after[`dispatcher${id}`]).not.toBe(before[`dispatcher${id}`])
    expect(after[`dispatcher${other}`]).toBe(before[`dispatcher${other}`])
  }
  expect(await game.command('status')).toMatchObject({ code: 0 })
  for (const [role, id] of [
    ['game', 1],
    ['game', 2],
    ['gate', 1],
  ] as const)
    expect(logOf(game, role, id)).not.toMatch(/WARN|ERROR|gone/)
  const [one, two, ...others] = await statuses(game)
  expect([one, two]).toMatchObject([
    { role: 'dispatcher', id: 1, ready: true, swap: { peers: 3, missing: 0 } },
    { role: 'dispatcher', id: 2, ready: true, swap: { peers: 3, missing: 0 } },
  ])
  expect(others.map(({ ready }) => ready)).toEqual([true, true, true])
  expect(await game.command('stop')).toMatchObject({ code: 0 })
})

test('-all swaps dispatchers, then gates, then games', async () => {
  const game = new GameFolder({ ini: '[dispatcher2]\nlisten_addr=unix:dispatcher2.link\n' })
  await game.command('start', '-d', '-games', '2', '-dispatchers', '2')
  const before = pidsOf(game)
  const { code, out } = await game.command('reload', '-all')
  expect({ code, out }).toEqual({ code: 0, out: expect.anything() })
  expect(out.match(/^\w+ swapped/gm)).toEqual(
    ['dispatcher1', 'dispatcher2', 'gate1', 'game1', 'game2'].map((one) => `${one} swapped`),
  )
  const after = pidsOf(game)
  expect(Object.keys(before).filter((name) => before[name] === after[name])).toEqual([])
  expect(await game.command('status')).toMatchObject({ code: 0 })
})

test('stops at the first that fails, which goes on, and says what is not done', async () => {
  const game = new GameFolder()
  await game.command('start', '-d')
  const before = pidsOf(game)
  const ini = join(game.path, 'goworld.ini')
  writeFileSync(ini, readFileSync(ini, 'utf8').replace('unix:dispatcher1.link', 'unix:elsewhere.link'))
  const { code, out } = await game.command('reload', '-all')
  expect(code).toBe(1)
  expect(out).toMatch(/^dispatcher1 is not swapped: its successor exited with code 2$/m)
  expect(out).toMatch(
    /^dispatcher1 +\| .*it listens on unix:.*dispatcher1\.link, and by its configuration on unix:.*elsewhere/m,
  )
  expect(out).toMatch(/^dispatcher1 goes on as it was\nnot reloaded: gate1, game1\n$/m)
  expect(pidsOf(game)).toEqual(before)
  expect(await game.command('status')).toMatchObject({ code: 0 })
})

test('says which dispatcher does not run', async () => {
  const game = new GameFolder()
  await game.command('start', '-d')
  const { code, out } = await game.command('reload', '-dispatcher', '7')
  expect({ code, out }).toEqual({ code: 1, out: `dispatcher7 does not run in ${game.run.path}\n` })
})

test.each([
  ['after the dispatcher has stopped to listen', ['release']],
  ['after it has handed everything over', ['release', 'take']],
])('a dispatcher takes all back when its successor falls silent %s', async (_what, steps) => {
  const game = new GameFolder()
  await game.command('start', '-d', '-games', '2')
  const before = pidsOf(game)
  const asleep = sleeper()
  const { ask, end } = successor(game, DISPATCHER1, asleep.pid!)
  for (const step of steps) expect(await ask(step)).not.toHaveProperty('error')
  end()
  await until(() => asleep.signalCode === 'SIGKILL', 'the successor to be killed')
  await until(() => /its successor has failed, so it goes on/.test(logOf(game, 'dispatcher')), 'it goes on')
  await until(async () => (await game.command('status')).code === 0, 'all to be well')
  // It may have looked for a dispatcher while nobody was there.
  expect(logOf(game, 'game').replace(/^.* WARN .* yet: .*$/gm, '')).not.toMatch(/WARN|ERROR|gone/)
  expect(await game.command('reload', '-dispatcher', '1')).toMatchObject({ code: 0 })
  expect(pidsOf(game)).toEqual({ ...before, dispatcher1: expect.any(Number) })
})

/** In the place of a dispatcher that is swapped: it says nothing any more when it is asked to leave. */
async function dyingDispatcher(game: GameFolder): Promise<void> {
  const clock = new VirtualClock()
  const document = new Dispatcher({
    id: 1,
    clock,
    transport: new MemoryNetwork(clock, { random: seededRandom(1) }).transport,
    listen: { kind: 'unix', path: join(game.path, 'dispatcher1.link') },
    log: silentLog,
    random: seededRandom(1),
    deployment: { games: 1, gates: 1 },
    cluster: { ...LIMITS },
  }).copy()
  game.run.create()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    createInterface({ input: socket }).on('line', (line) => {
      const { ask } = JSON.parse(line) as { ask: string }
      if (ask === 'done') return socket.destroy()
      if (ask === 'release') return socket.write(`${JSON.stringify({ peers: 0 })}\n`)
      socket.write(`${JSON.stringify({ bytes: document.length })}\n`)
      return socket.write(document)
    })
  })
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => void server.listen(game.run.swapPath(DISPATCHER1), resolve))
}

const succeed = (game: GameFolder) =>
  new Program(join(ROOT, 'components/dispatcher/dispatcher'), [
    '-succeed',
    '-configfile',
    join(game.path, 'goworld.ini'),
  ])

test('a successor goes on when the dispatcher was killed before it could say that it leaves', async () => {
  const game = new GameFolder()
  await dyingDispatcher(game)
  succeed(game)
  await until(() => game.running.includes('dispatcher1'), 'the successor to have its name')
  await until(async () => (await statusOf(game.run, DISPATCHER1))?.swap !== undefined, 'it to answer')
})

test('and ends when the dispatcher lives: that may have taken all back', async () => {
  const game = new GameFolder()
  await dyingDispatcher(game)
  const release = game.run.claim(DISPATCHER1, sleeper().pid)
  const { code, err } = await succeed(game).ended
  release()
  expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('the process that is swapped is gone') })
})

// --- gates -----------------------------------------------------------------------------------------------------------------

const GATE1 = { role: 'gate', id: 1 } as const
const GATE =
  /^gate1 swapped: nobody could connect for \d+ ms, joined in \d+ ms\ngate1 +\| (\d+) clients with a session go over to it; (\d+ others may play on for 8 s where they are|there are no others)\n/

interface Talk {
  readonly client: Game
  /** What was said and answered, in order. */
  readonly said: number[]
  readonly heard: number[]
  stop(): void
}

/** A client that says a number every few milliseconds. */
async function talk(target: string, isSession: boolean): Promise<Talk> {
  const stream = () => tcpStream(target)
  const client = target.startsWith('ws')
    ? connect(target, { session: isSession })
    : connect(stream, { session: isSession })
  onTestFinished(() => client.close())
  const [said, heard]: [number[], number[]] = [[], []]
  client.on('Account', { said: (n: number) => heard.push(n) } as never)
  await until(() => client.player, 'the client to play')
  const timer = setInterval(() => {
    if (client.closed !== undefined) return
    said.push(said.length)
    client.call(client.player!.id, 'say', said.length - 1)
  }, 5)
  onTestFinished(() => clearInterval(timer))
  return { client, said, heard, stop: () => clearInterval(timer) }
}

async function echoServer(): Promise<{ game: GameFolder; tcp: string; ws: string }> {
  const game = new GameFolder({ source: ECHO, ini: '[gate1]\ndrain_seconds=8\n' })
  await game.command('start', '-d')
  const addresses = (await statuses(game)).find(({ role }) => role === 'gate')!['addresses'] as Record<string, string>
  return { game, tcp: addresses['tcp']!, ws: addresses['ws']! }
}

test('a gate is replaced under its clients: those with a session go over without a call lost, others play on for a while', async () => {
  const { game, tcp, ws } = await echoServer()
  const before = pidsOf(game)
  const sessions = [await talk(tcp, true), await talk(ws, true)]
  const plain = await talk(tcp, false)
  const players = sessions.map(({ client }) => client.player)
  const { code, out, err } = await game.command('reload', '-gate', '1')
  expect({ code, err, out }).toEqual({ code: 0, err: '', out: expect.stringMatching(GATE) })
  expect(GATE.exec(out)!.slice(1)).toEqual(['2', '1 others may play on for 8 s where they are'])
  const drain = `drain${before['gate1']}`
  expect(pidsOf(game)).toEqual({
    ...before,
    gate1: expect.not.toSatisfy((pid) => pid === before['gate1']),
    [drain]: before['gate1'],
  })
  const status = await game.command('status')
  expect(status).toMatchObject({ code: 0, out: expect.stringMatching(new RegExp(`^${drain} .* draining `, 'm')) })
  // The doors are the same.
  const late = [await talk(tcp, true), await talk(ws, false)]
  await until(() => plain.client.closed !== undefined, 'the time of the others to be over')
  await until(() => !game.running.includes(drain), 'the gate that was replaced to end')
  for (const one of [...sessions, ...late]) {
    one.stop()
    await until(() => one.heard.length === one.said.length, 'all to be answered')
    expect(one.heard).toEqual(one.said)
    expect(one.client.closed).toBeUndefined()
  }
  expect(sessions.map(({ client }) => client.player)).toEqual(players)
  expect(plain.heard).toEqual(plain.said.slice(0, plain.heard.length))
  expect((await statuses(game)).filter(({ role }) => role === 'gate')).toMatchObject([{ clients: 4, number: 1001 }])
  expect(await game.command('stop')).toMatchObject({ code: 0 })
})

test('a gate goes on when its successor fails after it has opened the doors for it', async () => {
  const { game, tcp, ws } = await echoServer()
  const before = pidsOf(game)
  const one = await talk(tcp, true)
  const asleep = sleeper()
  const { ask, end } = successor(game, GATE1, asleep.pid!)
  expect(await ask('who')).toMatchObject({ number: 1 })
  expect(await ask('release')).toMatchObject({ sessions: 1, others: 0 })
  expect(Object.keys(pidsOf(game))).toContain(`drain${before['gate1']}`)
  end()
  await until(() => asleep.signalCode === 'SIGKILL', 'the successor to be killed')
  await until(() => game.running.includes('gate1'), 'the gate to have its name')
  await until(async () => (await game.command('status')).code === 0, 'all to be well')
  expect(pidsOf(game)).toEqual(before)
  await talk(ws, true)
  await talk(tcp, false)
  one.stop()
  await until(() => one.heard.length === one.said.length, 'all to be answered')
  expect(one.heard).toEqual(one.said)
  expect(await game.command('reload', '-gate', '1')).toMatchObject({ code: 0 })
})

test('a gate whose successor cannot listen goes on', async () => {
  const { game, tcp } = await echoServer()
  const before = pidsOf(game)
  const one = await talk(tcp, true)
  const taken = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const ini = join(game.path, 'goworld.ini')
  writeFileSync(ini, `${readFileSync(ini, 'utf8')}listen_addr=127.0.0.1:${port}\n`)
  const { code, out } = await game.command('reload', '-gate', '1')
  expect(code).toBe(1)
  expect(out).toMatch(/^gate1 is not swapped: its successor exited with code 2$/m)
  expect(out).toMatch(/^gate1 +\| .*cannot listen on 127\.0\.0\.1:\d+: the address is in use/m)
  expect(out).toMatch(/^gate1 goes on as it was$/m)
  // What its successor leaves behind is put away by whoever looks next.
  await until(() => isDeepStrictEqual(pidsOf(game), before), 'all to be as it was')
  await talk(tcp, false)
  one.stop()
  await until(() => one.heard.length === one.said.length, 'all to be answered')
})

test('a server stops with the gates that it has replaced', async () => {
  const { game, tcp } = await echoServer()
  const server = await talk(tcp, false)
  await game.command('reload', '-gate', '1')
  expect(game.running.filter((name) => name.startsWith('drain'))).toHaveLength(1)
  const { code, out } = await game.command('stop')
  expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/^stopping drain\d+\nstopping gate1\n/) })
  expect(game.running).toEqual([])
  await until(() => server.client.closed !== undefined, 'its client to be closed')
})

test('so does one in the foreground', async () => {
  const game = new GameFolder({ source: ECHO, ini: '[gate1]\ndrain_seconds=60\n' })
  const server = game.begin('start')
  await server.said('stop: ')
  const addresses = (await statuses(game)).find(({ role }) => role === 'gate')!['addresses'] as Record<string, string>
  const plain = await talk(addresses['tcp']!, false)
  expect(await game.command('reload', '-gate', '1')).toMatchObject({ code: 0 })
  server.kill('SIGINT')
  expect((await server.ended).code).toBe(0)
  const order = [...server.out.matchAll(/^stopping ([a-z]+)\d+$/gm)].map(([, role]) => role)
  expect(order).toEqual(['drain', 'gate', 'game', 'dispatcher'])
  expect(game.running).toEqual([])
  await until(() => plain.client.closed !== undefined, 'its client to be closed')
})

test('a gate that is started anew while one that was replaced still has clients takes nothing from it', async () => {
  const { game, tcp } = await echoServer()
  const plain = await talk(tcp, false)
  expect(await game.command('reload', 'gate1')).toMatchObject({ code: 0 })
  process.kill(game.pidOf('gate'), 'SIGKILL')
  await until(() => !game.running.includes('gate1'), 'its end')
  const main = [join(ROOT, 'components/gate/main.ts'), '-gid', '1', '-d', '-configfile', join(game.path, 'goworld.ini')]
  expect(await run(process.execPath, main)).toMatchObject({ code: 0 })
  await until(async () => (await game.command('status')).code === 0, 'the new gate to be ready')
  expect(game.running.filter((name) => name.startsWith('drain'))).toHaveLength(1)
  const heard = plain.heard.length
  await until(() => plain.heard.length > heard + 10, 'the client of the old gate to be answered')
})
