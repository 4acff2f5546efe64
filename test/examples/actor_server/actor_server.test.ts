// The actor server over real WebSockets, spoken to as its clients in Go do: every frame and every line it prints.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { Program, ROOT, run, until } from '../../program.ts'

const PROGRAMS = join(ROOT, 'examples/actor_server')
const program = (name: 'server' | 'client', ...flags: string[]) =>
  new Program(process.execPath, ['--disable-warning=ExperimentalWarning', join(PROGRAMS, `${name}.ts`), ...flags])

interface Server {
  readonly program: Program
  readonly port: number
  /** What it has printed, line by line. */
  lines(): string[]
  /** Sessions, as the engine counts them. */
  sessions(): Promise<number>
  /** Messages that have come to a session. */
  calls(): Promise<number>
}

async function start(): Promise<Server> {
  const server = program('server', '-port', '0')
  await server.said('server !\n')
  const port = Number(/^starting HTTP server on port (\d+)\nserver !\n$/.exec(server.out)![1])
  return {
    program: server,
    port,
    lines: () => server.out.split('\n').slice(2, -1),
    // The nil space of the game is an entity, too.
    sessions: async () => (await status(port)).entities - 1,
    calls: async () => (await status(port)).game.calls,
  }
}

async function status(port: number): Promise<{ readonly entities: number; readonly game: { readonly calls: number } }> {
  return (await (await fetch(`http://127.0.0.1:${port}/status`)).json()) as Awaited<ReturnType<typeof status>>
}

const base64 = (text: string) => Buffer.from(text).toString('base64')
/** As Go's WriteJSON writes a struct with a []byte. */
const frame = (type: string, data: string) => `{"type":"${type}","data":"${base64(data)}"}\n`
const state = (x: number, y = 957, hp = 100) => frame('PlayerState', `{"hp":${hp},"postition":{"x":${x},"y":${y}}}`)
/** What others get of it, whole. */
const stateOf = (sid: string, x: number, y = 957, hp = 100) =>
  `{"type":"state","data":"${base64(`{"hp":${hp},"postition":{"x":${x},"y":${y}},"SessionID":${sid}}`)}"}`

class Player {
  readonly socket: WebSocket
  readonly frames: string[] = []
  sid = ''
  closed: number | undefined

  constructor(port: number) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    this.socket.on('message', (data, isBinary) => void this.frames.push(isBinary ? 'binary' : String(data)))
    this.socket.on('error', () => {})
    this.socket.on('close', (code) => {
      this.closed = code
    })
    onTestFinished(() => this.socket.terminate())
  }

  /** A player with a session. */
  static async of({ port, lines }: Server): Promise<Player> {
    const before = lines().length
    const player = new Player(port)
    await until(() => /^client with sid/.test(lines()[before + 1] ?? ''), 'a session')
    player.sid = /sid (\d+)/.exec(lines()[before + 1]!)![1]!
    await until(() => player.frames.length > 0, 'the greeting')
    return player
  }

  say(text: string | Buffer): void {
    this.socket.send(text)
  }

  async hears(count: number): Promise<void> {
    await until(() => this.frames.length >= count, `${count} frames, not ${this.frames.length}`)
  }
}

test('a player logs in and says where it is; the other hears of it, every digit of its session', async () => {
  const server = await start()
  const one = await Player.of(server)
  const two = await Player.of(server)
  expect(BigInt(one.sid)).toBeGreaterThan(2n ** 53n)
  expect(BigInt(one.sid)).toBeLessThan(2n ** 63n)
  one.say(frame('Login', '{"clientID":6908721948392573,"username":"James"}'))
  await until(() => server.lines().length === 5, 'the login')
  one.say(state(365))
  await two.hears(2)
  two.say(state(1, 2, 99))
  await one.hears(2)
  expect(one.frames).toEqual(['{"msg":"success"}', stateOf(two.sid, 1, 2, 99)])
  expect(two.frames).toEqual(['{"msg":"success"}', stateOf(one.sid, 365)])
  const came = (sid: string) => [
    'new client trying to connect',
    `client with sid ${sid} and pid local/server/session_${sid} just connected`,
  ]
  expect(server.lines()).toEqual([
    ...came(one.sid),
    ...came(two.sid),
    'recieved login msg',
    `sending this state &{100 {365 957} ${one.sid}}`,
    `sending this state &{99 {1 2} ${two.sid}}`,
  ])
  expect(server.program.err).toBe('')
})

test('all others hear of a state, and who has left does not', async () => {
  const server = await start()
  const players = [await Player.of(server), await Player.of(server), await Player.of(server)]
  const [one, two, three] = players as [Player, Player, Player]
  expect(await server.sessions()).toBe(3)
  one.say(state(1))
  await two.hears(2)
  await three.hears(2)
  three.socket.close(1000)
  await until(async () => (await server.sessions()) === 2, 'the one that closed is gone')
  one.say(state(2))
  await two.hears(3)
  // Its connection is cut without a word.
  two.socket.terminate()
  await until(async () => (await server.sessions()) === 1, 'the one that was cut off is gone')
  one.say(state(3))
  await until(async () => (await server.calls()) === 3, 'a state that nobody hears')
  const four = await Player.of(server)
  one.say(state(4))
  await four.hears(2)
  expect(four.frames[1]).toBe(stateOf(one.sid, 4))
  expect([one, two, three].map(({ frames }) => frames.length)).toEqual([1, 3, 2])
  const sent = server.lines().filter((line) => line.startsWith('sending'))
  expect(sent).toEqual([1, 1, 2, 4].map((x) => `sending this state &{100 {${x} 957} ${one.sid}}`))
})

test('data may be an object as it is, and the position may be spelt right', async () => {
  const server = await start()
  const one = await Player.of(server)
  const two = await Player.of(server)
  one.say('{"type":"Login","data":{"clientID":1,"username":"James"}}')
  one.say('{"type":"PlayerState","data":{"hp":100,"postition":{"x":1,"y":957}}}')
  one.say('{"data":{"position":{"y":957,"x":2},"hp":100},"type":"PlayerState"}')
  one.say(frame('PlayerState', '{"hp":100,"position":{"x":3,"y":957}}'))
  await two.hears(4)
  expect(two.frames.slice(1)).toEqual([1, 2, 3].map((x) => stateOf(one.sid, x)))
})

test('200 messages come in the order in which they were said', async () => {
  const server = await start()
  const one = await Player.of(server)
  const two = await Player.of(server)
  // Before one has so much as read its greeting: the first of them wait for the session.
  const eager = new Player(server.port)
  await once(eager.socket, 'open')
  for (let x = 0; x < 50; x++) eager.say(state(x))
  for (let x = 0; x < 200; x++) one.say(state(x))
  await two.hears(251)
  const [own, others] = [true, false].map((mine) =>
    two.frames.slice(1).filter((text) => decoded(text).mine(one.sid) === mine),
  )
  expect(own).toEqual(Array.from({ length: 200 }, (_, x) => stateOf(one.sid, x)))
  expect(others!.map((text) => decoded(text).x)).toEqual([...Array(50).keys()])
})

function decoded(text: string): { readonly x: number; mine(sid: string): boolean } {
  const said = Buffer.from((JSON.parse(text) as { data: string }).data, 'base64').toString()
  return { x: Number(/"x":(\d+)/.exec(said)![1]), mine: (sid) => said.includes(`"SessionID":${sid}}`) }
}

describe('bad input', () => {
  const deep = '['.repeat(100_000)
  const dropped: [name: string, frame: string][] = [
    ['no JSON', 'hello?'],
    ['an unknown type', frame('Logout', '{}')],
    ['a type that is a hook', frame('onDestroyed', '{}')],
    ['a type that is not for clients', frame('hearState', '{"hp":1,"postition":{"x":1,"y":1},"SessionID":1}')],
    ['a type of all objects', frame('constructor', '{}')],
    ['base64 of garbage', '{"type":"PlayerState","data":"3q2+7w=="}'],
    ['no base64', '{"type":"PlayerState","data":"?"}'],
    ['no data', '{"type":"PlayerState"}'],
    ['data that is a list', '{"type":"PlayerState","data":[]}'],
    ['a position that is not there', frame('PlayerState', '{"hp":100}')],
    ['a position that is no number', frame('PlayerState', '{"hp":100,"postition":{"x":"1","y":2}}')],
    ['a position that is not finite', frame('PlayerState', '{"hp":100,"postition":{"x":1e999,"y":2}}')],
    ['hp beyond all bounds', frame('PlayerState', '{"hp":5777754122544690289,"postition":{"x":1,"y":2}}')],
    ['a login without a name', frame('Login', '{"clientID":1}')],
    ['a login with the wrong fields', frame('Login', '{"clientID":"1","username":2}')],
    ['depth in the frame', `{"type":"PlayerState","data":${deep}`],
    ['depth in the data', frame('PlayerState', deep)],
  ]

  test('costs the message, with a reason that is logged once', async () => {
    const server = await start()
    const good = await Player.of(server)
    for (const [name, text] of dropped) {
      const bad = await Player.of(server)
      const errors = server.program.err.length
      bad.say(text)
      bad.say(text)
      bad.say(state(7))
      const heard = good.frames.length
      await good.hears(heard + 1)
      expect(good.frames.at(-1), name).toBe(stateOf(bad.sid, 7))
      await until(() => server.program.err.length > errors, `a reason, for ${name}`)
      expect(server.program.err.slice(errors).trimEnd().split('\n'), name).toHaveLength(1)
      bad.socket.close()
      await until(async () => (await server.sessions()) === 1, 'it has left')
    }
    expect(server.program.out).not.toContain('recieved login msg')
  })

  test.each<[string, number, string | Buffer]>([
    ['a binary frame', 1003, Buffer.from(frame('Login', '{"clientID":1,"username":"James"}'))],
    ['a huge frame', 1009, `{"type":"Login","data":"${'A'.repeat(5_000_000)}"}`],
  ])('costs the connection when it is %s', async (_name, code, text) => {
    const server = await start()
    const good = await Player.of(server)
    const bad = await Player.of(server)
    bad.say(text)
    await until(() => bad.closed !== undefined, 'the end of the connection')
    expect(bad.closed).toBe(code)
    await until(async () => (await server.sessions()) === 1, 'the end of the session')
    expect(server.program.err.trimEnd().split('\n')).toHaveLength(1)
    const next = await Player.of(server)
    next.say(state(8))
    await good.hears(2)
    expect(good.frames[1]).toBe(stateOf(next.sid, 8))
  })

  test('on the wrong path is not found', async () => {
    const { port } = await start()
    const socket = new WebSocket(`ws://127.0.0.1:${port}/other`)
    const [error] = (await once(socket, 'error')) as [Error]
    expect(error.message).toContain('404')
  })
})

test('the client prints what others do, and the server what it says', async () => {
  const server = await start()
  const one = await Player.of(server)
  const client = program('client', '-port', String(server.port))
  await one.hears(2)
  expect(server.lines().slice(2)).toEqual([
    'new client trying to connect',
    expect.stringMatching(/^client with sid (\d+) and pid local\/server\/session_\1 just connected$/),
    'recieved login msg',
    expect.stringMatching(/^sending this state &\{100 \{\d{1,3} \d{1,3}\} \d+\}$/),
  ])
  one.say(state(365))
  await client.said(`need to update the state of player {100 {365 957} ${one.sid}}\n`)
  // It goes on by itself.
  await one.hears(3)
  client.kill('SIGINT')
  expect(await client.ended).toMatchObject({ code: 0, err: '' })
  await until(async () => (await server.sessions()) === 1, 'its session is gone')
})

describe('the programs', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('end in order on %s', async (signal) => {
    const server = await start()
    const player = await Player.of(server)
    const client = program('client', '-port', String(server.port))
    await player.hears(2)
    client.kill(signal)
    expect(await client.ended).toMatchObject({ code: 0, err: '' })
    server.program.kill(signal)
    expect(await server.program.ended).toMatchObject({ code: 0, err: '' })
    expect(player.closed).toBe(1000)
  })

  test('say in one line what they cannot do', async () => {
    const taken = createServer()
    onTestFinished(() => void taken.close())
    await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const script = (name: string) => join(PROGRAMS, `${name}.ts`)
    const address = `0.0.0.0:${port}`
    expect(await run(process.execPath, [script('server'), '-port', String(port)])).toMatchObject({
      code: 2,
      out: '',
      err: `actor_server: JSON clients: cannot listen on ${address}: the address is in use by another process\n`,
    })
    expect(await run(process.execPath, [script('server'), '-port', '70000'])).toMatchObject({
      code: 2,
      err: 'actor_server: flag -port=70000: must be a whole number from 0 to 65535\n',
    })
    taken.close()
    expect(await run(process.execPath, [script('client'), '-port', String(port)])).toMatchObject({
      code: 1,
      out: '',
      err: `actor_client: there is no server at ws://127.0.0.1:${port}/ws\n`,
    })
  })

  test('the client says so when its server ends', async () => {
    const server = await start()
    const client = program('client', '-port', String(server.port))
    await until(async () => (await server.sessions()) === 1, 'its session')
    server.program.kill('SIGTERM')
    const { code, err } = await client.ended
    expect({ code, err }).toEqual({ code: 1, err: 'actor_client: the server closed the connection: the gate stops\n' })
  })
})
