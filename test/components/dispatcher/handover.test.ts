// A dispatcher in whose place another goes on: to games and gates it is the same one, and whatever it knew or kept the
// successor knows and keeps.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { describe, expect, test } from 'vitest'
import { Dispatcher } from '../../../components/dispatcher/dispatcher.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import { ROOT } from '../../program.ts'
import { Played } from './played.ts'
import { idOf, type Stage, stage } from './stage.ts'

const AVATAR = idOf('avatar')

/** Something of everything that a dispatcher keeps. */
async function busy(): Promise<Stage> {
  const set = await stage({ games: 3, gates: 1 })
  const [one, two] = [await set.game(1, { has: { [AVATAR]: 3 }, journaled: ['Avatar'] }), await set.game(2)]
  const three = await set.game(3, { report: false, ban: true, journalsClear: false })
  const gate = await set.gate(1)
  const forgotten = Array.from({ length: 20 }, (_, n) => idOf(`forgotten${n}`))
  for (const id of forgotten) one.place(id)
  await set.settle()
  for (const entityId of forgotten) one.say('entityGone', { entityId, epoch: 1 })
  await set.clock.advance(12_000)
  three.say('gameReported', {})
  for (const name of ['goer', 'mover', 'ender', 'stayer']) two.place(idOf(name), 2)
  one.say('registerKey', { key: 'weather', value: 'rain', force: false })
  one.say('gameLoad', { cpuPermille: 250, lagMs: 3, entities: 7 })
  await set.settle()
  two.say('entityGone', { entityId: idOf('goer'), epoch: 2 })
  two.say('holdEntity', { entityId: idOf('mover'), epoch: 2, gameId: 1, no: 1 })
  two.say('entityEnding', { entityId: idOf('ender'), epoch: 2 })
  one.say('createEntity', { entityId: idOf('made'), gameId: 2, type: 'M', attrs: new Uint8Array([0x80]) })
  one.say('loadEntity', { entityId: idOf('loaded'), gameId: 0, type: 'Avatar' })
  one.say('loadEntity', { entityId: idOf('ender'), gameId: 0, type: 'M' })
  gate.say('bootEntity', { entityId: idOf('booted'), gateId: 1, clientId: idOf('client'), session: '' })
  gate.say('gameHello', {
    gameId: 1,
    banBootEntity: false,
    restoring: false,
    types: [],
    journaled: [],
    journalsClear: true,
    made: idOf('game1'),
  })
  await set.settle()
  one.call(idOf('mover'), 'on the way')
  one.call(idOf('nobody'), 'dropped')
  one.call(idOf('made'), 'soon')
  two.say('holdGame', { limitMs: 9000 })
  await set.settle()
  one.call(idOf('stayer'), 'later')
  const four = await set.game(4, { has: { [idOf('lost')]: 5 }, journaled: ['Avatar'], report: true })
  four.kill()
  await set.until(() => set.status.games.every(({ id }) => id !== 4), 'game 4 is given up')
  one.say('loadEntity', { entityId: idOf('lost'), gameId: 0, type: 'Avatar' })
  await set.settle()
  gate.freezeConnection()
  one.say('setFilter', { gateId: 1, clientId: idOf('client'), key: 'unacknowledged', value: '' })
  await set.settle()
  return set
}

/** All that it knows, part by part, in whole milliseconds. */
const known = ({ dispatcher }: Stage) =>
  whole((deserialize(dispatcher.copy()) as { parts: Record<string, unknown> }).parts) as Record<string, unknown>

function whole(value: unknown): unknown {
  if (typeof value === 'number') return Math.round(value)
  if (value instanceof Float64Array) return value.map(Math.round)
  if (ArrayBuffer.isView(value) || value instanceof Set || value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(whole)
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, whole(one)]))
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, whole(one)]))
}

test('the successor knows all that the one before it knew', async () => {
  const set = await busy()
  const before = { status: set.status, parts: known(set) }
  // Nothing is compared that is not there.
  expect(before.status).toMatchObject({ ready: true, entities: 2, moving: 1, held: { entities: 2 }, placings: 4 })
  expect(before.status.games.map(({ id, held }) => [id, held])).toEqual([
    [1, false],
    [2, true],
    [3, false],
  ])
  expect(before.parts).toMatchObject({ sessions: { sessions: expect.arrayContaining([expect.anything()]) } })
  await set.swapDispatcher()
  expect({ status: set.status, parts: known(set) }).toEqual(before)
  await set.dispatcher.stop()
})

/** What is not handed over, and why that is well. */
const LEFT_BEHIND: Readonly<Record<string, string>> = {
  'directory.ts #table': 'made anew: its hash is a secret of the process',
  'dispatcher.ts #gathering': 'a timer: when it is due goes over',
  'dispatcher.ts #listener': 'the successor has its own',
  'dispatcher.ts #tidying': 'a timer: when it is due goes over',
  'held.ts #byteCount': 'counted anew',
  'placement.ts #games': 'added by whoever has them',
  'placings.ts #byteCount': 'counted anew',
  'routes.ts #runLink': 'there is none between two batches',
  'routes.ts #runBytes': 'as the run',
  'routes.ts #runFrom': 'as the run',
  'routes.ts #runTo': 'as the run',
  'routes.ts #links': 'set by whoever has them',
  'routes.ts #slow': 'follows from the backlogs of peers',
  'routes.ts games': 'set by whoever has them',
  'routes.ts gates': 'set by whoever has them',
}

test('whatever a dispatcher keeps is in what it hands over, or has a reason not to be', () => {
  const folder = join(ROOT, 'components/dispatcher')
  const forgotten: string[] = []
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts') && file !== 'part.ts')
  for (const file of files) {
    const text = readFileSync(join(folder, file), 'utf8')
    const saves = [/^ {2}save\([\s\S]*?^ {2}}$/gm, /this\.#parts = {[\s\S]*?^ {4}}$/gm, /#standing: [\s\S]*?^ {2}}$/gm]
    const saved = saves.flatMap((block) => text.match(block) ?? []).join('\n')
    const classes = (text.match(/^(export )?class [\s\S]*?^}$/gm) ?? []).join('\n')
    // What has a value from the start, or may get another; the rest is handed in.
    for (const [, readonly, name, , value] of classes.matchAll(/^ {2}(readonly )?(#?\w+)(: [^=\n]+)?( = .*)?$/gm)) {
      if (readonly && (!value || value === ' = {')) continue
      const isSaved = new RegExp(`${name!.startsWith('#') ? '' : '\\b'}${name}\\b`).test(saved)
      if (!isSaved) forgotten.push(`${file} ${name}`)
    }
  }
  expect(forgotten.sort()).toEqual(Object.keys(LEFT_BEHIND).sort())
})

test('its peers come back to it, and notice nothing', async () => {
  const set = await busy()
  const one = await set.game(5, { has: { [idOf('five')]: 1 } })
  await one.hears('gateDown')
  let freshSessions = 0
  one.onUp = () => freshSessions++
  one.heard = []
  one.call(AVATAR, 'before')
  await set.swapDispatcher()
  one.call(idOf('five'), 'after')
  await one.hears('callEntity')
  // At once: a connection that had stood is looked for without a pause.
  expect(set.dispatcher.connections.connected).toBeGreaterThan(2)
  await set.clock.advance(5000)
  expect(freshSessions).toBe(0)
  expect(one.heard.map(({ name }) => name).filter((name) => /Up|Down|gathered|deployment/.test(name))).toEqual([])
})

test('who does not come back to it in time is gone', async () => {
  const set = await stage({ games: 2 })
  const [one, two] = [await set.game(1), await set.game(2)]
  await set.settle()
  two.freezeConnection()
  await set.swapDispatcher()
  await one.hears('gameDown')
  expect(one.of('gameDown')).toEqual([{ gameId: 2 }])
  two.thawConnection()
})

test('limits of time go on where they were', async () => {
  const set = await stage({ games: 3 })
  const [one, two] = [await set.game(1), await set.game(2)]
  await set.settle()
  one.call(AVATAR, 'to somebody unknown')
  two.say('holdGame', { limitMs: 4000 })
  await set.clock.advance(1000)
  two.leave()
  await set.settle()
  for (let time = 0; time < 3; time++) {
    await set.swapDispatcher()
    await set.clock.advance(900)
  }
  expect(set.status).toMatchObject({ gathering: true, held: { packets: 1 } })
  expect(set.status.games.map(({ id }) => id)).toEqual([1, 2])
  await set.clock.advance(400)
  expect(set.status.games.map(({ id }) => id)).toEqual([1])
  await set.clock.advance(2000)
  expect(set.status).toMatchObject({ gathering: false, held: { packets: 0 } })
  expect(set.counters.neverPlaced).toBe(1)
})

test('a game that is given bit by bit what had waited gets the rest in order', async () => {
  const set = await stage({ games: 2, linkResendBytesMax: 1 << 20, gameQueueBytesMax: 8 << 20 })
  const [one, two] = [await set.game(1, { has: { [AVATAR]: 1 } }), await set.game(2)]
  await set.clock.advance(1500)
  one.say('holdGame', { limitMs: 10_000 })
  await set.settle()
  for (let n = 0; n < 30_000; n++) {
    two.call(AVATAR, String(n))
    if (n % 500 === 0) await set.clock.advance(2)
  }
  await set.settle()
  one.pause()
  one.say('releaseGame', {})
  await set.settle()
  const [game] = set.status.games
  expect([game?.held, game!.queuedPackets > 1000, game!.unackedBytes > 1000]).toEqual([false, true, true])
  await set.swapDispatcher()
  two.call(AVATAR, 'last')
  await one.hears('callEntity', 30_001)
  expect(one.calls()).toEqual([...Array.from({ length: 30_000 }, (_, n) => String(n)), 'last'])
})

test('who is behind is known to be so', async () => {
  const set = await stage({ games: 2, linkResendBytesMax: 1 << 20 })
  const [one, two] = [await set.game(1, { has: { [AVATAR]: 1 } }), await set.game(2)]
  const gate = await set.gate(1)
  await set.settle()
  one.freezeConnection()
  for (let n = 0; n < 12_000; n++) two.call(AVATAR, String(n))
  const positions = () => gate.say('positionsFromClients', { gameId: 1, records: new Uint8Array(32) })
  const full = () => set.until(() => gate.of('gameSlow').some((said) => said.full), 'it is behind')
  await full()
  positions()
  await set.until(() => set.status.shed === 1, 'its positions are shed')
  await set.swapDispatcher()
  positions()
  await set.until(() => set.status.shed === 2, 'they still are')
  one.thawConnection()
  await one.hears('callEntity', 12_000)
  await set.until(() => gate.of('gameSlow').at(-1)?.slow === false, 'it keeps up again')
  positions()
  await one.hears('positionsFromClients')
})

test('the one before takes all back when there is no successor', async () => {
  const set = await busy()
  const { status } = set
  const one = await set.game(5)
  await set.swapDispatcher({ fails: true })
  one.call(AVATAR, 'still there')
  await set.until(() => set.status.forwarded > status.forwarded, 'it goes on')
  expect(set.status.entities).toBe(status.entities)
  await set.swapDispatcher()
  await set.until(() => set.dispatcher.connections.connected > 2, 'its peers are back')
})

describe('a document is refused that is', () => {
  const document = async () => (await stage()).dispatcher.copy()
  const changed = async (fields: object) => serialize({ ...deserialize(await document()), ...fields })

  test.each([
    ['of another dispatcher', { id: 2 }, 'dispatcher 2 cannot go on as dispatcher 1'],
    [
      'of one at another address',
      { address: '10.0.0.9:1' },
      'it listens on 10.0.0.9:1, and by its configuration on unix:',
    ],
    [
      'in another format',
      { format: 99, engine: '9.9.9' },
      'it is of format 99 (engine 9.9.9), and this engine reads 2',
    ],
  ])('%s', async (_what, fields, why) => {
    const bytes = await changed(fields)
    const { options } = await stage()
    const restore = () => new Dispatcher(options).restore(bytes)
    expect(restore).toThrow(OperatorError)
    expect(restore).toThrow(why)
  })
})

/** What games and gates hear in a seed, and what is left at the dispatcher. */
async function play(seed: number, swaps: boolean) {
  const played = new Played(seed)
  await played.start()
  for (let step = 0; step < 60; step++) {
    const withinMs = played.step()
    // All has come: a limit of time begins when the dispatcher hears of it. (What is on its way, the simulator swaps.)
    await played.set.clock.advance(10)
    const swap = played.random()
    if (swaps && swap < 0.3) await played.set.swapDispatcher({ fails: swap < 0.08 })
    await played.set.clock.advance(withinMs)
  }
  await played.set.clock.advance(6000)
  const outcome = played.outcome()
  await played.set.dispatcher.stop()
  return outcome
}

test('whatever was going on, games and gates hear what they would have heard without it', async () => {
  const counts: Record<string, number> = {}
  for (let seed = 1; seed <= 60; seed++) {
    const without = await play(seed, false)
    expect(await play(seed, true), `seed ${seed}`).toEqual(without)
    for (const name of without.names) counts[name] = (counts[name] ?? 0) + 1
  }
  // It was about something.
  for (const name of [
    'callEntity',
    'createHere',
    'loadHere',
    'bootHere',
    'arriveHere',
    'entityMoved',
    'gameDown',
    'undelivered',
  ])
    expect([name, counts[name] ?? 0]).toEqual([name, expect.toSatisfy((count: number) => count > 20)])
})
