// What is said to many: with few writes while it is much, at once while it is little or waited for, and in its order.
import { describe, expect, test } from 'vitest'
import { RESUMED } from '../../../engine/wire/client-wire.ts'
import { AUDIENCE_ALL } from '../../../engine/wire/messages.ts'
import type { SessionClient } from '../session-client.ts'
import { SessionStage } from './session-stage.ts'
import { bodyOf, type FakeClient, idOf, Stage } from './stage.ts'

const COUNT = 300
/** What was said has arrived, unless it waits: in two steps, of a millisecond each at the most. */
const PATH_MS = 3

/** So many players, in one place. */
async function crowd(): Promise<{ stage: Stage; players: FakeClient[] }> {
  const stage = await Stage.start()
  const players: FakeClient[] = []
  for (let n = 0; n < COUNT; n++) players.push(await stage.player(idOf(`p${n}`)))
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
    await stage.clock.advance(100)
    for (const player of players) expect(heardBy(player)).toEqual(texts(100))
    // One in 36 milliseconds: 300 writes at 0.1 ms, and a fifth more for positions that may come.
    for (const { chunks } of players) expect(chunks).toBeLessThan(6)
  })

  test('leaves at once after a pause', async () => {
    const { stage, players } = await crowd()
    say(stage, '0')
    await stage.clock.advance(PATH_MS)
    expect(players.every((player) => heardBy(player).length === 1)).toBe(true)
    await stage.clock.advance(500)
    say(stage, '1')
    await stage.clock.advance(PATH_MS)
    expect(players.every((player) => heardBy(player).length === 2)).toBe(true)
  })

  test('leaves at once for a client that has made a call, and for others later', async () => {
    const { stage, players } = await crowd()
    const [asker, other] = [players[0]!, players[1]!]
    say(stage, '0')
    await stage.clock.advance(PATH_MS)
    asker.call(idOf('p0'), 'say')
    await stage.clock.advance(PATH_MS)
    say(stage, '1')
    await stage.clock.advance(PATH_MS)
    expect(heardBy(asker)).toEqual(['0', '1'])
    expect(heardBy(other)).toEqual(['0'])
    await stage.clock.advance(40)
    expect(heardBy(other)).toEqual(['0', '1'])
    // For a tenth of a second after it has called.
    asker.call(idOf('p0'), 'say')
    for (let n = 2; n < 11; n++) {
      await stage.clock.advance(10 - PATH_MS)
      say(stage, `${n}`)
      await stage.clock.advance(PATH_MS)
      expect(heardBy(asker).at(-1)).toBe(`${n}`)
    }
    // Some time later it is one of many again.
    await sayMany(stage, 200)
    await stage.clock.advance(200)
    say(stage, 'all hear this')
    await stage.clock.advance(PATH_MS)
    say(stage, 'and wait for this')
    await stage.clock.advance(PATH_MS)
    expect(heardBy(asker).at(-1)).toBe('all hear this')
  })

  test('leaves in front of what is said later and does not wait', async () => {
    const { stage, players } = await crowd()
    const [ann, bob] = [players[0]!, players[1]!]
    stage.show(idOf('p1'), [ann])
    say(stage, '0')
    await stage.clock.advance(PATH_MS)
    say(stage, '1')
    stage.callClient(bob, idOf('p1'), '2')
    stage.set(idOf('p1'), 'hp', 3, AUDIENCE_ALL)
    await stage.clock.advance(PATH_MS)
    expect(heardBy(ann)).toEqual(['0', '1', 3])
    expect(heardBy(bob)).toEqual(['0', '1', '2', 3])
    // Those who see nothing of this have it before them.
    expect(heardBy(players[2]!)).toEqual(['0'])
    await stage.clock.advance(40)
    expect(heardBy(players[2]!)).toEqual(['0', '1'])
  })

  test('leaves with the positions that its client hears of', async () => {
    const { stage, players } = await crowd()
    const [ann, bob] = [players[0]!, players[1]!]
    stage.show(idOf('p2'), [ann])
    const heardMs = [0, 0]
    let rounds = 0
    for (; rounds < 20; rounds++) {
      say(stage, `${2 * rounds}`)
      await stage.clock.advance(PATH_MS)
      say(stage, `${2 * rounds + 1}`)
      stage.positions(1, [idOf('p2'), rounds])
      const before = [ann, bob].map((player) => heardBy(player).length)
      for (let ms = 0; ms < 100; ms++) {
        await stage.clock.advance(1)
        for (const [at, player] of [ann, bob].entries()) if (heardBy(player).length === before[at]) heardMs[at]!++
      }
    }
    await stage.interval()
    expect([heardBy(ann), heardBy(bob)]).toEqual(Array(2).fill(texts(2 * rounds)))
    // Half of the time its positions are the first to leave.
    expect(heardMs[0]).toBeLessThan(heardMs[1]!)
    expect(ann.chunks).toBeLessThan(bob.chunks + rounds)
  })

  test('arrives also when the client is closed meanwhile', async () => {
    const { stage, players } = await crowd()
    const [ann] = players
    say(stage, '0')
    await stage.clock.advance(PATH_MS)
    say(stage, '1')
    stage.games.tell('closeClient', { clientId: ann!.id, handed: 0, reason: 'enough' })
    await ann!.isClosed()
    expect(heardBy(ann!)).toEqual(['0', '1'])
    await sayMany(stage, 30)
    await stage.clock.advance(100)
    expect(heardBy(players[1]!)).toHaveLength(32)
  })
})

test('what waits for a client that loses its connection is heard on the next, once', async () => {
  const sessions = await SessionStage.start()
  const { stage } = sessions
  for (let n = 0; n < 200; n++) await stage.player(idOf(`p${n}`))
  const { one } = await sessions.player(idOf('ann'))
  await stage.clock.advance(1000)
  one.acknowledges = false
  for (const text of texts(3)) {
    say(stage, text)
    await stage.clock.advance(PATH_MS)
  }
  // The first has left, the others wait: one in ten milliseconds.
  expect(heardBy(one)).toEqual(['0'])
  one.drop()
  say(stage, '3')
  await stage.settle()
  say(stage, '4')
  await stage.settle()
  await one.connect()
  await stage.settle()
  expect([one.answers.at(-1), heardBy(one)]).toEqual([RESUMED.stream, texts(5)])
})

describe('what would wait alone', () => {
  test('does not wait, though it comes before its time', async () => {
    const { stage, players } = await crowd()
    // 300 writes at 0.1 ms are 30, a fifth more for positions 36.
    expect(await inTime(stage, players, 30)).toBeGreaterThan(0.8)
  })

  test('does not either where others have lost their connections, for whom it is kept', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const players: FakeClient[] = []
    for (let n = 0; n < 100; n++) players.push(await stage.player(idOf(`p${n}`)))
    for (let n = 0; n < 50; n++) (await sessions.player(idOf(`s${n}`))).one.drop()
    await stage.clock.advance(1000)
    for (const player of players) player.forget()
    // 100 writes are 10, and 12.
    expect(await inTime(stage, players, 10)).toBeGreaterThan(0.8)
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
