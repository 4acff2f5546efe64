// A client that says too much: it alone is read more slowly, and loses nothing.
import { describe, expect, test } from 'vitest'
import { UNFINISHED_MS } from '../../../components/gate/heartbeat.ts'
import { BURST_MS } from '../../../components/gate/rate-limit.ts'
import { clientMessages } from '../../../engine/wire/client-wire.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import { type FakeClient, idOf, LIMITS, Pipe, Stage } from './stage.ts'

const ANN = idOf('ann')
const BOB = idOf('bob')
const RATE = 100
/** What `RATE` allows who was silent. */
const BURST = (RATE * BURST_MS) / 1000

const callsOf = (stage: Stage, entityId: string) =>
  stage.games.of('callFromClient').flatMap((call) => (call.entityId === entityId ? [call.method] : []))
const numbers = (count: number) => Array.from({ length: count }, (_, n) => `${n}`)

/** Many calls in one piece, numbered. */
function callAtOnce(client: FakeClient, entityId: string, count: number): void {
  const writer = new PacketWriter()
  for (const method of numbers(count)) clientMessages.callFromClient.write(writer, { entityId, method, args: [] })
  client.connection.write(writer.copy())
}

/** Many calls, each by itself. */
function callEach(client: FakeClient, entityId: string, count: number): void {
  for (const method of numbers(count)) client.call(entityId, method)
}

describe('a client that floods', () => {
  test('is heard at its rate, in order, and loses no call; another beside it is heard at once', async () => {
    const stage = await Stage.start({ clientRateMax: RATE })
    const [flooder, other] = [await stage.player(ANN), await stage.player(BOB)]
    const from = stage.clock.now()
    callEach(flooder, ANN, 1000)
    for (let second = 1; second <= 5; second++) {
      other.call(BOB, 'hi')
      await stage.settle()
      expect(callsOf(stage, BOB)).toHaveLength(second)
      await stage.clock.advance(1000 - (stage.clock.now() - from - (second - 1) * 1000))
      const heard = callsOf(stage, ANN).length
      expect(heard).toBeLessThanOrEqual(BURST + second * RATE + 1)
      expect(heard).toBeGreaterThan(BURST + (second - 0.2) * RATE)
    }
    expect(stage.gate.status()).toMatchObject({ limited: 1, paused: false, clients: 2 })
    await stage.games.hears('callFromClient', 1005)
    expect(stage.clock.now() - from).toBeGreaterThan(((1000 - BURST) * 1000) / RATE - 100)
    expect(callsOf(stage, ANN)).toEqual(numbers(1000))
    await stage.settle()
    const { limited, timesLimited } = stage.gate.status()
    expect(limited).toBe(0)
    expect(timesLimited).toBeGreaterThan(10)
    expect(stage.log.matching('warn', `says more than client_rate_max=${RATE} allows`)).toHaveLength(1)
    expect([flooder.closed, other.closed]).toEqual([undefined, undefined])
  })

  test('within one piece is heard, and pays for it before it is heard again', async () => {
    const stage = await Stage.start({ clientRateMax: RATE })
    const ann = await stage.player(ANN)
    callAtOnce(ann, ANN, BURST + 5 * RATE)
    ann.call(ANN, 'after')
    await stage.games.hears('callFromClient', BURST + 5 * RATE)
    const from = stage.clock.now()
    expect(stage.gate.status().limited).toBe(1)
    await stage.games.hears('callFromClient', BURST + 5 * RATE + 1)
    expect(stage.clock.now() - from).toBeGreaterThan(4900)
    expect(stage.clock.now() - from).toBeLessThan(5100)
  })

  test('with bytes is heard at the rate of bytes', async () => {
    const stage = await Stage.start({ clientBytesRateMax: 10_000 })
    const ann = await stage.player(ANN)
    const from = stage.clock.now()
    for (const method of numbers(60)) ann.call(ANN, method, 'x'.repeat(960))
    await stage.games.hears('callFromClient', 60)
    expect(callsOf(stage, ANN)).toEqual(numbers(60))
    expect(stage.clock.now() - from).toBeGreaterThan(3900)
    expect(stage.clock.now() - from).toBeLessThan(4300)
    expect(stage.log.matching('warn', 'says more than client_bytes_rate_max=10000 allows')).toHaveLength(1)
  })

  test('with positions is held to the same', async () => {
    const stage = await Stage.start({ clientRateMax: RATE })
    const ann = await stage.player(ANN)
    for (let x = 0; x < BURST + RATE; x++) ann.move(ANN, x)
    await stage.settle()
    expect(stage.gate.status()).toMatchObject({ limited: 1 })
    expect(stage.gate.status().positions).toBeLessThan(BURST + 10)
    await stage.clock.until(() => stage.gate.status().positions === BURST + RATE, 2000, 'the last position')
  })

  test('with messages that have nothing in them is held to the same', async () => {
    const stage = await Stage.start({ clientRateMax: RATE })
    const pipe = new Pipe()
    stage.gate.accept(pipe)
    for (let n = 0; n < BURST + 1; n++) pipe.receive(new Uint8Array(0))
    expect(stage.gate.status().limited).toBe(1)
  })

  test('and leaves is limited no more', async () => {
    const stage = await Stage.start({ clientRateMax: RATE })
    const ann = await stage.player(ANN)
    callAtOnce(ann, ANN, 10_000)
    await stage.games.hears('callFromClient', 10_000)
    expect(stage.gate.status().limited).toBe(1)
    ann.connection.destroy()
    await stage.games.hears('clientGone')
    expect(stage.gate.status()).toMatchObject({ limited: 0, clients: 0 })
    // Who comes next, in its slot, begins with what is its own.
    const bob = await stage.player(BOB)
    callEach(bob, BOB, BURST - 10)
    await stage.settle()
    expect(callsOf(stage, BOB)).toHaveLength(BURST - 10)
    expect(stage.gate.status().timesLimited).toBe(1)
  })

  test('without a limit is heard at once', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    callAtOnce(ann, ANN, 10_000)
    callEach(ann, ANN, 1000)
    await stage.settle()
    expect(callsOf(stage, ANN)).toHaveLength(11_000)
    expect(stage.gate.status()).toMatchObject({ limited: 0, timesLimited: 0 })
  })
})

test('a client that keeps to its rate is never limited, and may say much after a silence, again and again', async () => {
  const stage = await Stage.start({ clientRateMax: RATE })
  const ann = await stage.player(ANN)
  for (let n = 0; n < 10 * RATE; n++) {
    ann.call(ANN, 'm')
    await stage.clock.advance(1000 / RATE)
  }
  for (let time = 0; time < 3; time++) {
    await stage.clock.advance(BURST_MS)
    callEach(ann, ANN, BURST)
    await stage.settle()
  }
  expect(callsOf(stage, ANN)).toHaveLength(10 * RATE + 3 * BURST)
  expect(stage.gate.status().timesLimited).toBe(0)
})

describe('a client that is not read', () => {
  const heartbeatMs = 4000

  test('is not silent, however long that is; it is when it says nothing afterwards', async () => {
    const stage = await Stage.start({ clientRateMax: RATE, heartbeatMs })
    const ann = await stage.player(ANN)
    callAtOnce(ann, ANN, BURST + 60 * RATE)
    await stage.clock.advance(59_000)
    expect(stage.gate.status()).toMatchObject({ limited: 1, clients: 1 })
    await stage.clock.until(() => stage.gate.status().limited === 0, 2000, 'it is read again')
    await stage.clock.advance(heartbeatMs - 100)
    expect(ann.closed).toBeUndefined()
    await ann.isClosed()
    expect(stage.gate.status().refused.silent).toBe(1)
  })

  test('may take long for a frame', async () => {
    const stage = await Stage.start({ clientBytesRateMax: 1000, heartbeatMs })
    const ann = await stage.player(ANN)
    const writer = new PacketWriter()
    clientMessages.callFromClient.write(writer, { entityId: ANN, method: 'long', args: ['x'.repeat(60_000)] })
    const frame = writer.copy()
    const from = stage.clock.now()
    for (let at = 0; at < frame.length; at += 500) ann.connection.write(frame.subarray(at, at + 500))
    await stage.clock.until(() => callsOf(stage, ANN).length > 0, 90_000, 'the call')
    expect(stage.clock.now() - from).toBeGreaterThan(UNFINISHED_MS + 10_000)
    expect(ann.closed).toBeUndefined()
  })

  test('may take long for a frame, also when it is read whenever the gate looks who is silent', async () => {
    const stage = await Stage.start({ clientBytesRateMax: 1000, heartbeatMs })
    const pipe = new Pipe()
    stage.gate.accept(pipe)
    const piece = new Uint8Array(1000).fill(1)
    // A frame of 60,000 bytes, of which there is half a second more than the limit allows after each second.
    pipe.receive(Uint8Array.of(0x60, 0xea, 0, 0))
    for (let n = 0; n < 2; n++) pipe.receive(piece.subarray(0, 750))
    for (let second = 0; second < 50; second++) {
      pipe.receive(piece)
      expect(stage.gate.status().limited).toBe(1)
      await stage.clock.advance(900)
      expect(stage.gate.status().limited).toBe(0)
      await stage.clock.advance(100)
    }
    expect(pipe.ended).toBeUndefined()
    await stage.clock.advance(2 * heartbeatMs)
    expect(pipe.ended).toBe('silent')
  })

  test('for both reasons, itself and the servers, is read when neither holds', async () => {
    const stage = await Stage.start({ clientRateMax: RATE })
    const [ann, bob] = [await stage.player(ANN), await stage.player(BOB)]
    const slow = async (on: boolean) => {
      stage.games.say('gameSlow', { gameId: 1, slow: on, full: on })
      await stage.clock.until(() => stage.gate.status().paused === on, 1000, `the gate to be paused: ${on}`)
    }
    const floods = async () => {
      stage.games.heard = []
      callAtOnce(ann, ANN, BURST + 2 * RATE)
      await stage.games.hears('callFromClient', BURST + 2 * RATE)
      expect(stage.gate.status().limited).toBe(1)
      stage.games.heard = []
      ann.call(ANN, 'after')
      bob.call(BOB, 'too')
    }
    await floods()
    await stage.games.hears('callFromClient')
    await slow(true)
    bob.call(BOB, 'while the servers are slow')
    await slow(false)
    await stage.clock.advance(1000)
    expect(stage.games.of('callFromClient').map(({ method }) => method)).toEqual(['too', 'while the servers are slow'])
    await stage.clock.until(() => callsOf(stage, ANN).length === 1, 2000, 'its call')

    await stage.clock.advance(BURST_MS)
    await floods()
    await stage.games.hears('callFromClient')
    await slow(true)
    await stage.clock.until(() => stage.gate.status().limited === 0, 5000, 'it is limited no more')
    await stage.clock.advance(1000)
    expect(callsOf(stage, ANN)).toEqual([])
    await slow(false)
    await stage.clock.until(() => callsOf(stage, ANN).length === 1, 1000, 'its call')
  })

  test('hears what is said to it all the same', async () => {
    const stage = await Stage.start({ clientRateMax: RATE })
    const ann = await stage.player(ANN)
    callAtOnce(ann, ANN, BURST + 60 * RATE)
    await stage.clock.until(() => stage.gate.status().limited === 1, 1000, 'it is limited')
    stage.callClient(ann, ANN, 'slowly')
    await ann.hears('callOnClient')
    expect(stage.gate.status().limited).toBe(1)
  })

  test('goes with its gate', async () => {
    const stage = await Stage.start({ clientRateMax: RATE })
    const ann = await stage.player(ANN)
    callAtOnce(ann, ANN, BURST + 60 * RATE)
    await stage.clock.until(() => stage.gate.status().limited === 1, 1000, 'it is limited')
    const stopped = stage.gate.stop()
    await stage.clock.advance(LIMITS.linkGraceMs + 5000)
    await stopped
    expect(stage.gate.status()).toMatchObject({ limited: 0, clients: 0 })
  })
})
