// What is said to many: with few writes while it is much, at once while it is little or waited for, and in its order.
import { describe, expect, test } from 'vitest'
import type { Phases } from '../../../components/gate/phases.ts'
import { Unasked } from '../../../components/gate/unasked.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { RESUMED } from '../../../engine/wire/client-wire.ts'
import { AUDIENCE_ALL } from '../../../engine/wire/messages.ts'
import type { SessionClient } from '../session-client.ts'
import { SessionStage } from './session-stage.ts'
import { bodyOf, type FakeClient, idOf, Stage } from './stage.ts'

const COUNT = 600
/** What was said has arrived, unless it waits: in two steps, of a millisecond each at the most. */
const PATH_MS = 3

/** So many players, in one place. */
async function crowd(count = COUNT): Promise<{ stage: Stage; players: FakeClient[] }> {
  const stage = await Stage.start({ clientsMax: count })
  const players: FakeClient[] = []
  for (let n = 0; n < count; n++) players.push(await stage.player(idOf(`p${n}`)))
  await stage.settle()
  // What was said until now was not little.
  await stage.clock.advance(1000)
  for (const player of players) player.forget()
  return { stage, players }
}

const say = (stage: Stage, text: string) =>
  stage.games.tell('callFilteredClients', {
    body: bodyOf('callFiltered', { op: 0, key: '', value: '', method: text, args: [] }),
  })
const heardBy = ({ heard }: Pick<FakeClient | SessionClient, 'heard'>) =>
  heard.flatMap(({ name, values }) =>
    name === 'callFiltered' || name === 'callOnClient'
      ? [values['method']]
      : name === 'mapSet'
        ? [values['value']]
        : [],
  )
const texts = (count: number) => Array.from({ length: count }, (_, n) => `${n}`)

async function sayMany(stage: Stage, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    say(stage, `${n}`)
    await stage.clock.advance(1)
  }
}

describe('what is said to all', () => {
  test('leaves with one write for several while there is much of it, and all of it arrives', async () => {
    const { stage, players } = await crowd()
    await sayMany(stage, 100)
    await stage.interval()
    for (const player of players) expect(heardBy(player)).toEqual(texts(100))
    // The first few at once, then once in an interval.
    for (const { chunks } of players) expect(chunks).toBeLessThan(6)
  })

  test('leaves at a time of its own for each', async () => {
    const { stage, players } = await crowd()
    await sayMany(stage, 20)
    const together: number[] = []
    for (let n = 0; n < 200; n++) {
      if (n % 2 === 0) say(stage, `${n}`)
      const before = players.map(({ chunks }) => chunks)
      await stage.clock.advance(1)
      together.push(players.filter(({ chunks }, at) => chunks > before[at]!).length)
    }
    expect(Math.max(...together)).toBeLessThan(COUNT / 20)
  })

  test('leaves at once after a pause', async () => {
    const { stage, players } = await crowd()
    for (let pause = 0; pause < 3; pause++) {
      for (const player of players) player.forget()
      say(stage, '0')
      await stage.clock.advance(PATH_MS)
      expect(players.every((player) => heardBy(player).length === 1)).toBe(true)
      await sayMany(stage, 10)
      await stage.clock.advance(500)
    }
  })

  test('leaves at once for a client that has made a call, and for others later', async () => {
    const { stage, players } = await crowd()
    const [asker, other] = [players[0]!, players[1]!]
    await sayMany(stage, 60)
    asker.call(idOf('p0'), 'say')
    await stage.interval()
    const before = heardBy(other).length
    await sayMany(stage, 30)
    asker.call(idOf('p0'), 'say')
    await stage.clock.advance(PATH_MS)
    // For some hundredths of a second after it has called.
    let othersLate = 0
    for (let n = 0; n < 6; n++) {
      await stage.clock.advance(4 - PATH_MS)
      say(stage, `late ${n}`)
      await stage.clock.advance(PATH_MS)
      expect(heardBy(asker).at(-1)).toBe(`late ${n}`)
      if (heardBy(other).at(-1) !== `late ${n}`) othersLate++
    }
    expect(othersLate).toBeGreaterThan(3)
    await stage.interval()
    expect(heardBy(other).slice(before)).toEqual([...texts(30), ...Array.from({ length: 6 }, (_, n) => `late ${n}`)])
    // Soon after it is one of many again.
    await sayMany(stage, 20)
    asker.call(idOf('p0'), 'say')
    await sayMany(stage, 60)
    let askersLate = 0
    for (let n = 0; n < 9; n++) {
      say(stage, `last ${n}`)
      await stage.clock.advance(10)
      if (heardBy(asker).at(-1) !== `last ${n}`) askersLate++
    }
    expect(askersLate).toBeGreaterThan(6)
  })

  test('leaves in front of what is said later and does not wait', async () => {
    const { stage, players } = await crowd()
    const [ann, bob] = [players[0]!, players[1]!]
    stage.show(idOf('p1'), [ann])
    await sayMany(stage, 20)
    for (let n = 20; n < 40; n++) {
      say(stage, `${n}`)
      stage.callClient(bob, idOf('p1'), 'call')
      stage.set(idOf('p1'), 'hp', n, AUDIENCE_ALL)
      await stage.clock.advance(PATH_MS)
      expect(heardBy(ann).slice(-2)).toEqual([`${n}`, n])
      expect(heardBy(bob).slice(-2)).toContain(n)
    }
    await stage.interval()
    // A call on one client may wait as well, in its place.
    const bobs = heardBy(bob)
    for (let n = 20; n < 40; n++) {
      const at = bobs.indexOf(`${n}`)
      expect(bobs.slice(at, at + 3)).toEqual([`${n}`, 'call', n])
    }
    // Those who see nothing of this hear it at their own times.
    expect(heardBy(players[2]!)).toEqual(texts(40))
    expect(players[2]!.chunks).toBeLessThan(6)
  })

  test('leaves with the positions that its client hears of', async () => {
    const { stage, players } = await crowd()
    const [ann, bob] = [players[0]!, players[1]!]
    stage.show(idOf('p2'), [ann])
    await sayMany(stage, 50)
    await stage.interval()
    for (const player of [ann, bob]) player.forget()
    for (let n = 0; n < 50; n++) {
      say(stage, `${n}`)
      stage.positions(1, [idOf('p2'), n])
      await stage.clock.advance(20)
    }
    await stage.interval()
    expect([heardBy(ann), heardBy(bob)]).toEqual(Array(2).fill(texts(50)))
    expect(ann.positions().length).toBeGreaterThanOrEqual(10)
    expect(Math.abs(ann.chunks - bob.chunks)).toBeLessThanOrEqual(2)
  })

  test('arrives also when the client is closed meanwhile', async () => {
    const { stage, players } = await crowd()
    const ann = players[0]!
    await sayMany(stage, 50)
    expect(heardBy(ann).length).toBeLessThan(50)
    stage.games.tell('closeClient', { clientId: ann.id, handed: 0, reason: 'enough' })
    await ann.isClosed()
    expect(heardBy(ann)).toEqual(texts(50))
    await stage.interval()
    expect(heardBy(players[1]!)).toHaveLength(50)
  })
})

test('what waits for a client that loses its connection is heard on the next, once', async () => {
  const sessions = await SessionStage.start()
  const { stage } = sessions
  for (let n = 0; n < COUNT; n++) await stage.player(idOf(`p${n}`))
  const { one } = await sessions.player(idOf('ann'))
  await stage.clock.advance(1000)
  one.acknowledges = false
  await sayMany(stage, 30)
  // Some wait.
  expect(heardBy(one).length).toBeLessThan(30)
  one.drop()
  for (const text of ['30', '31']) {
    say(stage, text)
    await stage.settle()
  }
  await one.connect()
  await stage.interval()
  expect([one.answers.at(-1), heardBy(one)]).toEqual([RESUMED.stream, texts(32)])
})

describe('what would wait alone', () => {
  test('does not wait, though it is much', async () => {
    const { stage, players } = await crowd()
    expect(await inTime(stage, players, 110)).toBeGreaterThan(0.8)
  })

  test.each([
    [600, 140],
    [700, 100],
    [560, 60],
  ])('does not wait: calls on %i clients, each on one of them, every %i ms', async (count, everyMs) => {
    const { stage, players } = await crowd(count)
    let late = 0
    for (let round = 0; round < 20; round++) {
      for (const [n, player] of players.entries()) stage.callClient(player, idOf(`p${n}`), `${round}`)
      await stage.clock.advance(5)
      late += players.filter((player) => heardBy(player).length !== round + 1).length
      await stage.clock.advance(everyMs - 5)
    }
    expect(late / (20 * count)).toBeLessThan(0.02)
  })

  test('does not wait for long, where each is for somebody else', async () => {
    const count = 1500
    const { stage, players } = await crowd(count)
    // 15,000 calls a second, ten on each.
    const late: boolean[] = []
    for (let ms = 0; ms < 3000; ms++) {
      for (let n = 0; n < 15; n++) {
        const one = (ms * 15 + n) % count
        stage.callClient(players[one]!, idOf(`p${one}`), `${ms}`)
      }
      await stage.clock.advance(1)
      if (ms > 5) late.push(heardBy(players[((ms - 5) * 15) % count]!).at(-1) !== `${ms - 5}`)
    }
    // Now and then it is tried.
    expect(late.filter((isLate) => isLate).length / late.length).toBeLessThan(0.4)
    expect(late).toContain(true)
  })

  test('does not either where others have lost their connections, for whom it is kept', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const players: FakeClient[] = []
    for (let n = 0; n < COUNT; n++) players.push(await stage.player(idOf(`p${n}`)))
    for (let n = 0; n < 50; n++) (await sessions.player(idOf(`s${n}`))).one.drop()
    await stage.clock.advance(1000)
    for (const player of players) player.forget()
    expect(await inTime(stage, players, 110)).toBeGreaterThan(0.8)
  })
})

/** How much of what is said every so many milliseconds is heard by all as soon as can be. */
async function inTime(stage: Stage, players: readonly FakeClient[], everyMs: number): Promise<number> {
  const lateMs: number[] = []
  for (let n = 0; n < 100; n++) {
    const saidMs = stage.clock.now()
    say(stage, `${n}`)
    await stage.clock.until(() => players.every((player) => heardBy(player).length === n + 1), 1000)
    lateMs.push(stage.clock.now() - saidMs)
    await stage.clock.advance(Math.max(0, saidMs + everyMs - stage.clock.now()))
  }
  return lateMs.filter((ms) => ms < PATH_MS).length / lateMs.length
}

test('who comes into the place of a client that has made a call has made none', async () => {
  const clock = new VirtualClock()
  const unasked = new Unasked(clock, { told: (slot: number) => slot % 2 === 0 } as unknown as Phases)
  for (let slot = 0; slot < 700; slot++) unasked.add(slot)
  for (let round = 0; round < 12; round++) {
    unasked.begin()
    for (let slot = 1; slot < 700; slot++) unasked.waits(slot)
    await clock.advance(50)
    unasked.turnEnds()
  }
  unasked.asked(0)
  unasked.begin()
  expect([unasked.waits(0), unasked.waits(1)]).toEqual([false, true])
  unasked.add(0)
  expect(unasked.waits(0)).toBe(true)
})
