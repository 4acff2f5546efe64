// A client's session over connections that are lost, against a gate that counts every byte.
import { afterEach, describe, expect, it } from 'vitest'
import { type Clock, VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import {
  type ConnectionEvent,
  type ConnectOptions,
  connect,
  type ProtocolError,
} from '../../../engine/client/client.ts'
import { SessionGate, type SessionGateOptions } from './session-gate.ts'

const AVATAR = 'avatar0000000001'

function client(
  gateOptions: SessionGateOptions = {},
  options: ConnectOptions = {},
  gates = 1,
  seed = 1,
  clock = new VirtualClock(),
) {
  const servers = Array.from({ length: gates }, () => new SessionGate(clock, gateOptions))
  const errors: ProtocolError[] = []
  const events: ConnectionEvent[] = []
  const log = new MemoryLog()
  for (const gate of servers) gate.began = () => gate.create(AVATAR, 'Avatar', {}, true)
  const game = connect(
    servers.map((gate) => gate.connect),
    {
      clock,
      log,
      random: seededRandom(seed),
      observer: { onProtocolError: (error) => void errors.push(error) },
      ...options,
    },
  )
  const heard: unknown[] = []
  const hooks: string[] = []
  game.on('Avatar', {
    created: () => hooks.push('created'),
    destroyed: () => hooks.push('destroyed'),
    heard: (n: number) => heard.push(n),
  })
  game.onConnection((event) => events.push(event))
  const states = () => events.map(({ state }) => state)
  const open = () => clock.until(() => game.connection === 'open' && game.player !== undefined)
  return { clock, gate: servers[0]!, gates: servers, game, errors, events, states, heard, hooks, open }
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
const said = (count: number) => numbers(count).map((n) => [n])

describe('a session', () => {
  it('begins with a hello, and has a player when the gate has welcomed it', async () => {
    const { clock, gate, game, events, errors, open } = client()
    expect(game.connection).toBe('connecting')
    game.call(AVATAR, 'say', 0)
    await open()
    expect(gate.hellos).toEqual([{ version: 1, features: expect.any(Number), token: '', playerId: '', received: 0 }])
    expect(events).toEqual([{ state: 'open', attempt: 1, nextTryMs: 0, reason: '', missed: false }])
    // Said before there was a session: heard when there is one.
    await clock.until(() => gate.calls.length > 0)
    expect(gate.calls).toEqual([[0]])
    expect(errors).toEqual([])
  })

  it('goes on where the connection was cut, unseen by all but those who listen for that', async () => {
    const { clock, gate, game, states, heard, hooks, open, errors } = client()
    await open()
    const { player } = game
    game.call(AVATAR, 'say', 0)
    gate.drop()
    game.call(AVATAR, 'say', 1)
    gate.send('callOnClient', { entityId: AVATAR, method: 'heard', args: [0] })
    await clock.until(() => game.connection === 'lost')
    game.call(AVATAR, 'say', 2)
    gate.send('callOnClient', { entityId: AVATAR, method: 'heard', args: [1] })
    await clock.until(() => game.connection === 'open')
    game.call(AVATAR, 'say', 3)
    gate.send('callOnClient', { entityId: AVATAR, method: 'heard', args: [2] })
    await clock.until(() => gate.calls.length === 4 && heard.length === 3)
    expect(gate.calls).toEqual(said(4))
    expect(heard).toEqual(numbers(3))
    expect(gate.hellos[1]).toMatchObject({ token: 'token 1', playerId: AVATAR })
    expect(states()).toEqual(['open', 'lost', 'open'])
    expect(hooks).toEqual(['created'])
    expect(game.player).toBe(player)
    expect(game.counters).toMatchObject({ unsureCalls: 0, droppedCalls: 0, protocolErrors: 0 })
    expect(errors).toEqual([])
  })

  /** Twelve calls each way, with a connection that is cut once at `offset`. */
  async function talk(way: 'cutDownAt' | 'cutUpAt', offset: number) {
    const { clock, gate, game, heard, open, errors, hooks } = client()
    gate[way] = offset
    await open()
    for (let n = 0; n < 12; n++) {
      game.call(AVATAR, 'say', n)
      if (n % 3 > 0) gate.send('callOnClient', { entityId: AVATAR, method: 'heard', args: [n] })
      if (n % 4 === 0) await clock.advance(60)
    }
    await clock.until(() => gate.calls.length >= 12 && heard.length >= 8)
    await clock.advance(300)
    expect(gate.calls, `${way} ${offset}`).toEqual(said(12))
    expect(heard, `${way} ${offset}`).toEqual(numbers(12).filter((n) => n % 3 > 0))
    expect(hooks).toEqual(['created'])
    expect(errors).toEqual([])
    game.close()
    return gate
  }

  it.each(['cutDownAt', 'cutUpAt'] as const)('loses and doubles nothing wherever it is cut (%s)', async (way) => {
    const whole = await talk(way, Number.POSITIVE_INFINITY)
    const bytes = way === 'cutDownAt' ? whole.downBytes : whole.upBytes
    expect(bytes).toBeGreaterThan(400)
    for (let offset = 1; offset <= bytes; offset++) await talk(way, offset)
  })

  it('says every call once and in order, however often it is cut and whichever gate it is sent on to', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed)
      const { clock, gate, game, heard, open, errors, hooks } = client({ latencyMs: random() * 40 }, {}, 1, seed)
      await open()
      let calls = 0
      for (let step = 0; step < 60; step++) {
        const dice = random()
        if (dice < 0.5) game.call(AVATAR, 'say', calls++, 'x'.repeat(random() * 300))
        if (random() < 0.4) gate.send('callOnClient', { entityId: AVATAR, method: 'heard', args: [step] })
        if (dice > 0.96) gate.drop()
        else if (dice > 0.92) gate.cutDownAt = gate.downBytes + Math.ceil(random() * 200)
        else if (dice > 0.88) gate.cutUpAt = gate.upBytes + Math.ceil(random() * 200)
        else if (dice > 0.86) game.reconnect()
        else if (dice > 0.84) gate.send('moveOn', { reason: 'a test' })
        else if (dice > 0.82) game.simulateLatency(random() * 200, random() * 100, random() * 0.2)
        await clock.advance(random() * 60)
      }
      await clock.until(() => gate.calls.length >= calls, 60_000, `seed ${seed}: ${calls} calls`)
      await clock.advance(1000)
      expect(
        gate.calls.map((args) => (args as number[])[0]),
        `seed ${seed}`,
      ).toEqual(numbers(calls))
      expect(heard, `seed ${seed}`).toEqual([...heard].sort((a, b) => (a as number) - (b as number)))
      expect(new Set(heard).size).toBe(heard.length)
      expect(hooks, `seed ${seed}`).toEqual(['created'])
      expect(errors).toEqual([])
      expect(game.counters.unsureCalls + game.counters.droppedCalls).toBe(0)
      game.close()
    }
  })
})

describe('a connection that is lost', () => {
  it('is tried again at growing, random times, at one target after the other, from the last that worked on', async () => {
    const { clock, gates, game, events, open } = client({}, { random: () => 1 }, 3)
    const tried: [gate: number, ms: number][] = []
    for (const [index, gate] of gates.entries()) {
      gate.isDown = index !== 1
      gate.answer = () => {
        tried.push([index, clock.now()])
        return undefined
      }
    }
    await open()
    // Refused after 10 ms, tried again 200 ms later.
    expect(tried).toEqual([[1, 215]])
    expect(events[0]).toMatchObject({ state: 'connecting', attempt: 2, nextTryMs: 200, reason: 'cannot connect' })
    gates[1]!.isDown = true
    gates[1]!.drop()
    await clock.until(() => game.connection === 'lost')
    const lostMs = clock.now()
    await clock.advance(20_000)
    const tries = events.filter(({ state }) => state === 'lost')
    expect(tries.map(({ attempt }) => attempt)).toEqual(tries.map((_, n) => n + 1))
    expect(tries.map(({ nextTryMs }) => nextTryMs).slice(0, 8)).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000])
    gates[0]!.isDown = false
    await clock.until(() => game.connection === 'open')
    expect(clock.now()).toBeGreaterThan(lostMs)
    // Another gate knows nothing of the token.
    expect(gates[0]!.hellos.at(-1)).toMatchObject({ token: 'token 1', playerId: AVATAR })
  })

  it('is tried at once when asked for, and an open one is replaced', async () => {
    const { clock, gate, game, states, open } = client({}, { random: () => 1 })
    await open()
    gate.isDown = true
    gate.drop()
    await clock.advance(10_000)
    gate.isDown = false
    game.reconnect()
    await clock.advance(15)
    expect(game.connection).toBe('open')
    game.reconnect()
    expect(game.connection).toBe('lost')
    await clock.until(() => game.connection === 'open')
    expect(states().slice(-3)).toEqual(['open', 'lost', 'open'])
    expect(gate.hellos).toHaveLength(3)
  })

  it('is given up when the session has long been over, with the reason of the last try', async () => {
    const { clock, gate, game, open } = client({ graceMs: 15_000 }, { tryMs: 10_000 })
    const reasons: string[] = []
    game.onClose((reason) => reasons.push(reason))
    await open()
    gate.isDown = true
    gate.drop()
    await clock.advance(24_900)
    expect(game.closed).toBeUndefined()
    await clock.advance(6_000)
    expect(reasons).toEqual(['cannot connect'])
    expect(game.connection).toBe('closed')
    await clock.advance(60_000)
    expect(gate.hellos).toHaveLength(1)
  })

  it('never begins when there is nobody, and says why', async () => {
    const { clock, gate, game, states } = client({}, { tryMs: 5000 })
    gate.isDown = true
    await clock.advance(20_000)
    expect(game.closed).toBe('cannot connect')
    expect(new Set(states())).toEqual(new Set(['connecting', 'closed']))
    const other = connect(
      () => {
        throw new Error('no such socket')
      },
      { clock, tryMs: 5000 },
    )
    await clock.advance(20_000)
    expect(other.closed).toBe('no such socket')
  })

  it('is found out when nothing comes any more though nobody has ended it', async () => {
    const { clock, gate, game, events, open } = client()
    await open()
    await clock.advance(10_000)
    gate.isDeaf = true
    game.call(AVATAR, 'say', 0)
    await clock.until(() => game.connection === 'lost', 9000)
    expect(events.at(-1)).toMatchObject({ state: 'lost', reason: 'the gate is silent' })
    gate.isDeaf = false
    await clock.until(() => gate.calls.length === 1)
    expect(gate.calls).toEqual([[0]])
  })

  it('is looked for elsewhere soon when a gate cannot even be reached, and later when that goes on', async () => {
    const clock = new VirtualClock()
    const gate = new SessionGate(clock)
    gate.began = () => gate.create(AVATAR, 'Avatar', {}, true)
    let isGone = true
    const tries: number[] = []
    /** As of a machine that is gone: what is written never leaves, and nothing is answered. */
    const gone = () => {
      tries.push(clock.now())
      return { bufferedBytes: 64, write() {}, onData() {}, onClose() {}, close() {} }
    }
    const options = { clock, log: new MemoryLog(), random: () => 0, tryMs: 60_000 }
    const game = connect([() => (isGone ? gone() : gate.connect())], options)
    await clock.until(() => tries.length === 4)
    expect(tries.map((ms, at) => ms - (tries[at - 1] ?? 0))).toEqual([tries[0], 3000, 6000, 9000])
    isGone = false
    await clock.until(() => game.connection === 'open')
    const fromMs = clock.now()
    const other = connect([gone, gate.connect], options)
    await clock.until(() => other.connection === 'open')
    expect(clock.now() - fromMs).toBeLessThan(4000)
  })

  it('does not count as there while the gate does not answer the hello', async () => {
    const { clock, gate, game, events } = client()
    gate.answer = () => 'silence'
    await clock.advance(9000)
    expect(game.connection).toBe('connecting')
    expect(events).toEqual([])
    gate.answer = () => undefined
    await clock.until(() => game.connection === 'open')
    expect(events[0]).toMatchObject({ state: 'connecting', reason: 'the gate does not answer' })
  })

  it('ends the session when more is said than may wait', async () => {
    const { clock, gate, game, open } = client({}, { outBytesMax: 10_000 })
    await open()
    gate.isDown = true
    gate.drop()
    await clock.until(() => game.connection === 'lost')
    for (let n = 0; n < 9; n++) game.call(AVATAR, 'say', 'x'.repeat(1000))
    expect(game.closed).toBeUndefined()
    game.call(AVATAR, 'say', 'x'.repeat(1000))
    expect(game.closed).toBe('too much was said without a connection')
  })
})

describe('a session that ends on purpose', () => {
  it.each(['says farewell', 'closes with a reason', 'says farewell instead of a welcome'])(
    'is not begun again when the gate %s',
    async (how) => {
      const { clock, gate, game, open, hooks } = client()
      await open()
      if (how === 'says farewell') gate.send('farewell', { reason: 'kicked' })
      else if (how === 'closes with a reason') gate.close('kicked')
      else {
        gate.answer = () => 'farewell'
        gate.drop()
      }
      await clock.until(() => game.closed !== undefined)
      expect(game.closed).toBe(how.endsWith('welcome') ? 'not here' : 'kicked')
      await clock.advance(60_000)
      expect(gate.hellos.length).toBe(how.endsWith('welcome') ? 2 : 1)
      expect(gate.isConnected).toBe(false)
      expect(hooks).toEqual(['created'])
    },
  )

  it('tells the gate when the client ends it, behind all that was said', async () => {
    const { clock, gate, game, states, open } = client()
    await open()
    game.call(AVATAR, 'say', 0)
    game.close()
    game.call(AVATAR, 'say', 1)
    expect(game.closed).toBe('closed')
    await clock.until(() => !gate.isConnected)
    expect(gate.heard.map(({ name }) => name)).toEqual(['callFromClient', 'farewell'])
    expect(states()).toEqual(['open', 'closed'])
    await clock.advance(60_000)
    expect(gate.hellos).toHaveLength(1)
  })

  it('ends at once while there is no connection', async () => {
    const { clock, gate, game, open } = client()
    await open()
    gate.isDown = true
    gate.drop()
    await clock.until(() => game.connection === 'lost')
    game.close()
    expect(game.closed).toBe('closed')
    gate.isDown = false
    await clock.advance(60_000)
    expect(gate.hellos).toHaveLength(1)
  })
})

describe('a session that is sent on', () => {
  it('goes to the next gate when this one has all calls, and lets the old connection go', async () => {
    const { clock, gates, game, hooks, states, open, errors } = client({ takenMs: 300 }, {}, 2)
    const [first, second] = gates as [SessionGate, SessionGate]
    second.answer = () => 'player'
    second.began = () => {
      second.create(AVATAR, 'Avatar', {}, true)
      second.send('restated', { missed: false })
    }
    await open()
    const { player } = game
    await clock.advance(1000)
    game.call(AVATAR, 'say', 0)
    first.send('moveOn', { reason: 'it is replaced' })
    await clock.advance(6)
    // Held back until it is known which gate is the next to hear.
    game.call(AVATAR, 'say', 1)
    await clock.advance(100)
    expect([first.calls, second.hellos.length]).toEqual([[[0]], 0])
    expect(game.connection).toBe('open')
    await clock.until(() => second.calls.length > 0)
    expect(second.calls).toEqual([[1]])
    expect(first.calls).toEqual([[0]])
    await clock.until(() => !first.isConnected)
    expect(states()).toEqual(['open', 'open', 'restated'])
    expect(hooks).toEqual(['created'])
    expect(game.player).toBe(player)
    expect(game.counters.unsureCalls).toBe(0)
    expect(errors).toEqual([])
  })

  it('hears what the old gate has still to say before it hears the new one, and waits no longer than a second', async () => {
    for (const ends of [true, false]) {
      const { clock, gates, game, heard, hooks, states, open, errors } = client({}, {}, 2)
      const [first, second] = gates as [SessionGate, SessionGate]
      second.answer = () => 'player'
      second.began = () => {
        second.create(AVATAR, 'Avatar', {}, true)
        second.send('restated', { missed: false })
        second.send('callOnClient', { entityId: AVATAR, method: 'heard', args: [2] })
      }
      await open()
      await clock.advance(1000)
      first.send('moveOn', { reason: 'it is replaced' })
      await clock.until(() => second.hellos.length > 0)
      await clock.advance(50)
      second.send('callOnClient', { entityId: AVATAR, method: 'heard', args: [3] })
      first.send('callOnClient', { entityId: AVATAR, method: 'heard', args: [1] })
      await clock.advance(50)
      expect([heard, states()]).toEqual([[1], ['open']])
      const beganMs = clock.now()
      if (ends) first.drop()
      await clock.until(() => heard.length === 3)
      expect(clock.now() - beganMs).toBeLessThan(ends ? 20 : 1000)
      expect([heard, hooks, states()]).toEqual([[1, 2, 3], ['created'], ['open', 'open', 'restated']])
      game.call(AVATAR, 'say', 0)
      await clock.until(() => second.calls.length === 1)
      expect(errors).toEqual([])
    }
  })

  it('is not lost when the old gate lets it go before the new one has answered, unless that does not', async () => {
    for (const answer of ['player', 'silence'] as const) {
      const { clock, gates, game, states, open } = client({}, {}, 2)
      const [first, second] = gates as [SessionGate, SessionGate]
      second.answer = () => {
        first.drop()
        return answer
      }
      await open()
      await clock.advance(1000)
      first.send('moveOn', { reason: 'it is replaced' })
      await clock.until(() => !first.isConnected)
      game.call(AVATAR, 'say', 0)
      await clock.advance(9000)
      expect([game.connection, states()]).toEqual(['open', answer === 'player' ? ['open', 'open'] : ['open']])
      await clock.advance(2000)
      expect(game.connection).toBe('open')
      expect(states()).toEqual(answer === 'player' ? ['open', 'open'] : ['open', 'lost', 'open'])
      expect((answer === 'player' ? second : first).calls).toEqual([[0]])
    }
  })

  it('stays where it is until it is welcome elsewhere', async () => {
    const { clock, gates, game, states, open } = client({}, {}, 2)
    const [first, second] = gates as [SessionGate, SessionGate]
    await open()
    second.isDown = true
    const tries: string[] = []
    first.answer = () => {
      tries.push('first')
      return 'silence'
    }
    first.send('moveOn', { reason: 'it is replaced' })
    await clock.advance(1000)
    game.call(AVATAR, 'say', 0)
    await clock.until(() => first.calls.length > 0)
    expect(game.connection).toBe('open')
    // Its end is a lost connection like any other.
    first.isDown = true
    first.drop()
    await clock.until(() => game.connection === 'lost')
    second.isDown = false
    await clock.until(() => game.connection === 'open')
    expect(states()).toContain('lost')
  })
})

describe('what has come', () => {
  it('is acknowledged after half a second, and not again for acknowledgements alone', async () => {
    const { clock, gate, open } = client()
    await open()
    // Between two pings.
    await clock.advance(5500)
    gate.acks.length = 0
    gate.send('callOnClient', { entityId: AVATAR, method: 'heard', args: [0] })
    const sentMs = clock.now()
    await clock.until(() => gate.acks.length > 0)
    expect(gate.acks[0]!.ms - sentMs).toBeLessThanOrEqual(510)
    expect(gate.acks[0]!.ms - sentMs).toBeGreaterThan(260)
    const { pings, chunks } = gate
    await clock.advance(20_000)
    expect(gate.pings - pings).toBe(10)
    // In front of each ping, and never otherwise.
    expect(gate.chunks - chunks).toBe(10)
    expect(gate.acks).toHaveLength(11)
  })

  it('is acknowledged in front of what is said anyway, and at once when it is much', async () => {
    const { clock, gate, game, open } = client()
    await open()
    await clock.advance(4100)
    gate.acks.length = 0
    gate.send('callOnClient', { entityId: AVATAR, method: 'heard', args: [0] })
    await clock.advance(5 + 300)
    expect(gate.acks).toEqual([])
    const { chunks } = gate
    game.call(AVATAR, 'say', 0)
    await clock.advance(10)
    expect(gate.chunks).toBe(chunks + 1)
    expect(gate.acks).toHaveLength(1)

    gate.acks.length = 0
    gate.send('callOnClient', { entityId: AVATAR, method: 'heard', args: ['x'.repeat(33_000)] })
    await clock.advance(10)
    expect(gate.acks).toHaveLength(1)
  })
})

describe('in a page that is hidden, whose timers run once a minute,', () => {
  /** The connection of a page that is hidden from now on. */
  async function hidden() {
    const clock = new VirtualClock()
    let isHidden = false
    const throttled: Clock = {
      now: () => clock.now(),
      wallMs: () => clock.wallMs(),
      defer: (action) => clock.defer(action),
      after: (ms, action) =>
        clock.after(isHidden ? Math.ceil((clock.now() + ms) / 60_000) * 60_000 - clock.now() : ms, action),
    }
    const { gate, open } = client({}, { clock: throttled }, 1, 1, clock)
    await open()
    await clock.advance(5000)
    isHidden = true
    return { clock, gate }
  }

  it('what comes is acknowledged as ever, and so is the way measured', async () => {
    const { clock, gate } = await hidden()
    const { pings } = gate
    const fromMs = clock.now()
    gate.acks.length = 0
    for (let second = 0; second < 120; second++) {
      gate.send('callOnClient', { entityId: AVATAR, method: 'heard', args: [second] })
      await clock.advance(1000)
    }
    expect(gate.pings - pings).toBeGreaterThanOrEqual(30)
    const times = [fromMs, ...gate.acks.map(({ ms }) => ms)]
    expect(Math.max(...times.map((ms, at) => ms - (times[at - 1] ?? ms)))).toBeLessThan(5000)
  })

  it('and where nothing comes, the gate hears of it in each', async () => {
    const { clock, gate } = await hidden()
    const { pings } = gate
    await clock.advance(600_000)
    expect(gate.pings - pings).toBeGreaterThanOrEqual(9)
  })
})

describe('a gate that does what it must not', () => {
  it('is left for another session when it has lost the thread', async () => {
    const { clock, gate, game, errors, hooks, states, open } = client()
    await open()
    game.call(AVATAR, 'say', 0)
    await clock.advance(1000)
    // It has forgotten what it had taken.
    const before = gate.token
    let tries = 0
    gate.answer = (hello) => {
      if (tries++ > 0) return undefined
      expect(hello.token).toBe(before)
      gate.forget()
      return 'stream'
    }
    gate.drop()
    await clock.until(() => states().includes('restarted'))
    await clock.until(() => game.player !== undefined)
    expect(errors.map(({ kind }) => kind)).toEqual(['wire'])
    expect(hooks).toEqual(['created', 'destroyed', 'created'])
  })

  it('is tried again when it says something else than a welcome', async () => {
    const { clock, gate, game, errors, events } = client()
    let tries = 0
    gate.answer = () => (tries++ === 0 ? 'nonsense' : undefined)
    await clock.until(() => game.connection === 'open')
    expect(errors.map(({ kind }) => kind)).toEqual(['wire'])
    expect(events[0]).toMatchObject({ state: 'connecting' })
  })

  it('is told of when it takes what was never said', async () => {
    const { clock, gate, game, errors, open } = client()
    await open()
    gate.send('taken', { bytes: 1_000_000 })
    await clock.advance(10)
    expect(errors.map(({ message }) => message)).toEqual(['1000000 bytes taken, which were not said'])
    expect(game.connection).toBe('open')
  })
})

describe('in a page', () => {
  const page = globalThis as { addEventListener?: unknown }
  afterEach(() => {
    delete page.addEventListener
  })

  /** A window that a test tells of events. */
  function open() {
    const events = new EventTarget()
    page.addEventListener = events.addEventListener.bind(events)
    const opened = client({}, { random: () => 1 })
    const say = (type: string, fields = {}) => events.dispatchEvent(Object.assign(new Event(type), fields))
    return { ...opened, say }
  }

  it.each(['online', 'visibilitychange'])('a session is tried at once when the page hears %s', async (type) => {
    const { clock, gate, game, say, open: begun } = open()
    await begun()
    gate.isDown = true
    gate.drop()
    await clock.advance(20_000)
    gate.isDown = false
    say(type)
    await clock.advance(15)
    expect(game.connection).toBe('open')
    // A connection that is there is looked at.
    await clock.advance(5000)
    gate.isDeaf = true
    say(type)
    await clock.until(() => game.connection === 'lost', 4000)
  })

  it('a session ends with the page, unless that is only put aside', async () => {
    const { clock, gate, game, say, open: begun } = open()
    await begun()
    say('pagehide', { persisted: true })
    expect(game.closed).toBeUndefined()
    say('pagehide', { persisted: false })
    expect(game.closed).toBe('the page is gone')
    await clock.until(() => !gate.isConnected)
    expect(gate.heard).toEqual([{ name: 'farewell', values: { reason: 'the page is gone' } }])
    say('online')
    await clock.advance(20_000)
    expect(gate.hellos).toHaveLength(1)
  })
})

it('a stream that is handed in can be a session, which ends with it', async () => {
  const clock = new VirtualClock()
  const gate = new SessionGate(clock)
  gate.began = () => gate.create(AVATAR, 'Avatar', {}, true)
  const game = connect(gate.connect(), { clock, session: true, tryMs: 1000, random: seededRandom(1) })
  await clock.until(() => game.player !== undefined)
  gate.drop()
  await clock.until(() => game.closed !== undefined)
  expect(game.closed).toBe('no other connection was given')
})
