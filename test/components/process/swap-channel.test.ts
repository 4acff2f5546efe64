// A process that is handed over, question by question; whatever becomes of its successor, one of the two goes on.
import { type ChildProcess, spawn } from 'node:child_process'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { SwapClient, type Swapped, SwappedIsGone, SwapServer } from '../../../components/process/swap-channel.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { until } from '../../program.ts'
import { tempFolder } from '../../temp-folder.ts'

const LARGE = new Uint8Array(3_000_000).map((_, at) => at * 7)

let path: string
let log: MemoryLog
let said: string[]
let server: SwapServer

async function serve(questions: Partial<Pick<Swapped, 'looks' | 'steps' | 'seen'>> = {}): Promise<void> {
  server = new SwapServer(path, log, {
    looks: { look: async () => ({ here: 'it is' }), large: async () => LARGE },
    steps: {
      begin: async (pid) => ({ pid }),
      hand: async () => LARGE,
      fail: async () => {
        throw new Error('it cannot be')
      },
    },
    ...questions,
    back: async (why) => void said.push(`back: ${why}`),
    done: () => void said.push('done'),
  })
  await server.listen()
  onTestFinished(() => server.close())
}

beforeEach(() => {
  path = join(tempFolder(), 'one.swap')
  log = new MemoryLog()
  said = []
})

/** A successor in a process of its own, which the other end may kill. */
function stranger() {
  const child: ChildProcess = spawn('sleep', ['1000'], { stdio: 'ignore' })
  const socket = createConnection(path)
  socket.on('error', () => {})
  onTestFinished(() => {
    child.kill('SIGKILL')
    socket.destroy()
  })
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  const ask = async (what: string) => {
    socket.write(`${JSON.stringify({ ask: what, pid: child.pid })}\n`)
    return JSON.parse((await lines.next()).value as string) as object
  }
  return { child, socket, ask }
}

test('a successor asks its way to the place of the other', async () => {
  await serve()
  const swap = await SwapClient.connect(path)
  expect(await swap.ask('look')).toEqual({ here: 'it is' })
  expect(Buffer.compare(await swap.askBytes('large'), LARGE)).toBe(0)
  expect(await swap.ask('begin')).toEqual({ pid: process.pid })
  expect(Buffer.compare(await swap.askBytes('hand'), LARGE)).toBe(0)
  await swap.done()
  await until(() => said.length > 0, 'it to be done')
  expect(said).toEqual(['done'])
})

test('it is known whether anybody has come, and when nobody is there any more', async () => {
  await serve()
  await server.visited(10)
  await server.alone()
  const mute = createConnection(path)
  onTestFinished(() => void mute.destroy())
  const visited = server.visited(60_000)
  const { socket, ask } = stranger()
  await ask('look')
  await visited
  await server.visited(60_000)
  let isAlone = false
  const alone = server.alone().then(() => {
    isAlone = true
  })
  await ask('large')
  expect(isAlone).toBe(false)
  socket.destroy()
  // Who is there and has asked nothing does not count.
  await alone
})

test('who has looked and goes away has changed nothing', async () => {
  await serve()
  const { child, socket, ask } = stranger()
  await ask('look')
  socket.destroy()
  await server.settled()
  expect([said, child.signalCode]).toEqual([[], null])
})

test('who goes away in the middle of a look is gone when that has come to its end', async () => {
  const { promise, resolve } = Promise.withResolvers<object>()
  const seen: string[] = []
  const slow = () => {
    seen.push('looks')
    return promise.finally(() => void seen.push('has looked'))
  }
  await serve({ looks: { slow }, seen: () => void seen.push('gone') })
  const { socket, ask } = stranger()
  ask('slow').catch(() => {})
  await until(() => seen.length > 0, 'the look')
  socket.destroy()
  // By then the other end knows.
  const other = await SwapClient.connect(path)
  await expect(other.ask('no question')).rejects.toThrow()
  expect(seen).toEqual(['looks', 'gone'])
  resolve({})
  await until(() => seen.length === 4, 'the end')
  expect(seen).toEqual(['looks', 'gone', 'has looked', 'gone'])
})

test.each([
  ['ends', (socket: { destroy(): void }) => socket.destroy(), 'back: it has ended', 'SIGKILL'],
  [
    'says that it has failed',
    (socket: { end(text: string): void }) =>
      socket.end(`${JSON.stringify({ ask: 'failed', pid: 1, why: 'no room' })}\n`),
    'back: no room',
    null,
  ],
])('when a successor that has begun %s, the other goes on', async (_what, act, back, signal) => {
  await serve()
  const { child, socket, ask } = stranger()
  await ask('begin')
  act(socket as never)
  await until(() => said.length > 0, 'it to go on')
  await server.settled()
  expect(said).toEqual([back])
  // It must not go on beside us; one that says so does not.
  if (signal) await until(() => child.signalCode !== null, 'its end')
  expect(child.signalCode).toBe(signal)
})

test.each([
  ['when it has begun', ['begin']],
  ['at a later step', ['begin', 'hand']],
])('a successor that does nothing more %s is ended after 20 s, and the other goes on', async (_what, steps) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  await serve()
  const { child, ask } = stranger()
  for (const step of steps) {
    // Each step has its own time.
    vi.advanceTimersByTime(19_000)
    await ask(step)
  }
  vi.advanceTimersByTime(19_999)
  expect([said, child.signalCode]).toEqual([[], null])
  vi.advanceTimersByTime(1)
  vi.useRealTimers()
  await until(() => child.signalCode !== null && said.length > 0, 'its end')
  expect([said, child.signalCode]).toEqual([['back: it did nothing for 20 s'], 'SIGKILL'])
  await server.settled()
})

test('a step that fails is told, and ends the swap', async () => {
  await serve()
  const { child, ask } = stranger()
  await ask('begin')
  expect(await ask('fail')).toEqual({ error: 'it cannot be' })
  await until(() => child.signalCode !== null, 'its end')
  expect(said).toEqual(['back: it cannot be'])
})

test('when the first step fails nothing has begun', async () => {
  await serve()
  const swap = await SwapClient.connect(path)
  await expect(swap.ask('fail')).rejects.toThrow('it cannot be')
  await server.settled()
  expect(said).toEqual([])
})

test('a question that it does not know is an error', async () => {
  await serve()
  const swap = await SwapClient.connect(path)
  await expect(swap.ask('sing')).rejects.toThrow("it does not know what 'sing' is")
})

test('there is one successor at a time', async () => {
  await serve()
  const first = await SwapClient.connect(path)
  await first.ask('begin')
  const second = await SwapClient.connect(path)
  await expect(second.ask('begin')).rejects.toThrow('it is being swapped already')
  await first.done()
})

test('a successor hears of the end of the other', async () => {
  let answered: Promise<object> = new Promise(() => {})
  await serve({ looks: { wait: () => answered } })
  const { promise, resolve } = Promise.withResolvers<object>()
  answered = promise
  const swap = await SwapClient.connect(path)
  const asked = swap.ask('wait')
  asked.catch(() => {})
  const other = createConnection(path)
  other.destroy()
  resolve({ at: 'last' })
  expect(await asked).toEqual({ at: 'last' })
  // The end of the server's side of it.
  swap.close()
  await expect(swap.ask('wait')).rejects.toThrow(SwappedIsGone)
})

test('who talks nonsense is turned away, and nothing else happens', async () => {
  await serve()
  const socket = createConnection(path)
  onTestFinished(() => void socket.destroy())
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  socket.write('GET / HTTP/1.1\n')
  expect(JSON.parse((await lines.next()).value!)).toEqual({ error: expect.stringMatching(/JSON/) })
  await until(() => socket.destroyed, 'the end of the connection')
  expect(said).toEqual([])
  const swap = await SwapClient.connect(path)
  expect(await swap.ask('look')).toEqual({ here: 'it is' })
  swap.close()
})

test.each([
  ['the first step', 'slow', []],
  ['a later step', 'begin', ['slow']],
])(
  'a successor that ends in the middle of %s is taken back once, and only when that step is done',
  async (_, first, rest) => {
    const step = Promise.withResolvers<object>()
    let asked = 0
    const slow = () => {
      asked++
      return step.promise
    }
    await serve({ steps: { begin: async () => ({}), slow } })
    const gone = stranger()
    for (const name of [first, ...rest]) {
      const answer = gone.ask(name).catch(() => {})
      if (name !== 'slow') await answer
    }
    await until(() => asked === 1, 'the step to begin')
    gone.socket.destroy()
    const next = await SwapClient.connect(path)
    await expect(next.ask('begin')).rejects.toThrow('it is being swapped already')
    expect(said).toEqual([])
    step.resolve({})
    await server.settled()
    expect(said).toEqual(['back: it has ended'])
    const another = await SwapClient.connect(path)
    await another.ask('begin')
    await another.done()
  },
)

test('nobody begins once it is closed, though connected before', async () => {
  await serve()
  const swap = await SwapClient.connect(path)
  await swap.ask('look')
  server.close()
  await expect(swap.ask('begin')).rejects.toThrow('it is stopping')
})

test('a successor that is killed just before its answer costs the other nothing', async () => {
  let gone: ReturnType<typeof stranger> | undefined
  const broken = async () => {
    gone!.socket.destroy()
    return LARGE
  }
  await serve({ steps: { broken } })
  gone = stranger()
  void gone.ask('broken').catch(() => {})
  await until(() => said.length > 0, 'it to be taken back')
  expect(said).toEqual(['back: it has ended'])
  await server.settled()
})
