// Keys that all games know: who was first keeps them, everybody is told the same, and late-comers all of it.
import { expect, test } from 'vitest'
import { Registry } from '../../../components/dispatcher/registry.ts'
import { type Actor, idOf, stage } from './stage.ts'

const registerKey = (key: string, value: string, force = false) => ({ key, value, force })
/** What a game knows by now. */
const known = (game: Actor) => Object.fromEntries(game.of('keyRegistered').map(({ key, value }) => [key, value]))

async function twoGames() {
  const set = await stage({ games: 2 })
  return { set, one: await set.game(1), two: await set.game(2) }
}

test('whoever is first has the key, and all are told, the first itself too', async () => {
  const { set, one, two } = await twoGames()
  one.say('registerKey', registerKey('boss', 'orc'))
  await two.hears('keyRegistered')
  two.say('registerKey', registerKey('boss', 'troll'))
  await two.hears('keyRegistered', 2)
  await set.settle()
  expect([known(one), known(two)]).toEqual([{ boss: 'orc' }, { boss: 'orc' }])
  // Only the one who asked is told once more.
  expect([one.count('keyRegistered'), two.count('keyRegistered')]).toEqual([1, 2])
})

test('who asks again for what it has is told so, and nobody else', async () => {
  const { set, one, two } = await twoGames()
  for (const force of [false, false, true]) one.say('registerKey', registerKey('boss', 'orc', force))
  await one.hears('keyRegistered', 3)
  await set.settle()
  expect(two.count('keyRegistered')).toBe(1)
})

test('force takes a key, and all are told', async () => {
  const { one, two } = await twoGames()
  one.say('registerKey', registerKey('boss', 'orc'))
  await two.hears('keyRegistered')
  two.say('registerKey', registerKey('boss', 'troll', true))
  await one.hears('keyRegistered', 2)
  await two.hears('keyRegistered', 2)
  expect([known(one), known(two)]).toEqual([{ boss: 'troll' }, { boss: 'troll' }])
})

test('two that ask at once come to know the same', async () => {
  const { set, one, two } = await twoGames()
  for (let n = 0; n < 50; n++) {
    one.say('registerKey', registerKey(`key${n}`, 'one', n % 3 === 0))
    two.say('registerKey', registerKey(`key${n}`, 'two', n % 2 === 0))
  }
  await set.settle()
  expect(Object.keys(known(one))).toHaveLength(50)
  expect(known(one)).toEqual(known(two))
})

test('an empty value is a value, and keys are told apart to the letter', async () => {
  const { one, two } = await twoGames()
  one.say('registerKey', registerKey('', ''))
  one.say('registerKey', registerKey('Boss', 'a'))
  one.say('registerKey', registerKey('boss', 'b'))
  await two.hears('keyRegistered', 3)
  two.say('registerKey', registerKey('', 'late'))
  await two.hears('keyRegistered', 4)
  expect(known(two)).toEqual({ '': '', Boss: 'a', boss: 'b' })
})

test('a game that comes later is told all there is before it is told anything else of it', async () => {
  const { set, one } = await twoGames()
  for (let n = 0; n < 10; n++) one.say('registerKey', registerKey(`key${n}`, `${n}`))
  await one.hears('keyRegistered', 10)
  const late = await set.game(3)
  await late.hears('keyRegistered', 10)
  expect(known(late)).toEqual(known(one))
  // It stays as long as the server runs, whoever has set it.
  one.leave()
  await late.hears('gameDown')
  const later = await set.game(4)
  await later.hears('keyRegistered', 10)
  expect(known(later)).toEqual(known(late))
})

test('a game that is held hears of it when it goes on', async () => {
  const { set, one, two } = await twoGames()
  one.say('holdGame', { limitMs: 10_000 })
  await one.hears('gameHeld')
  two.say('registerKey', registerKey('boss', 'orc'))
  await two.hears('keyRegistered')
  await set.settle()
  expect(one.count('keyRegistered')).toBe(0)
  one.say('releaseGame', {})
  await one.hears('keyRegistered')
})

test('a dispatcher that was restarted is told what the games know, and all come to know the same again', async () => {
  const { set, one, two } = await twoGames()
  one.say('registerKey', registerKey('boss', 'orc'))
  await two.hears('keyRegistered')
  for (const game of [one, two]) {
    const hello = game.onUp!
    game.onUp = () => {
      hello()
      for (const said of game.of('keyRegistered')) game.say('keyKnown', said)
    }
  }
  await set.restartDispatcher()
  await set.until(() => set.status.games.filter(({ reported }) => reported).length === 2, 'both are back')
  const late = await set.game(3)
  await late.hears('keyRegistered')
  expect([known(one), known(two), known(late)]).toEqual(Array.from({ length: 3 }, () => ({ boss: 'orc' })))
})

/** Two games, and a dispatcher that has just been started again: they have said nothing to it yet. */
async function restarted() {
  const { set, one, two } = await twoGames()
  const connected = new Set<Actor>()
  for (const game of [one, two]) game.onUp = () => void connected.add(game)
  await set.restartDispatcher()
  await set.until(() => connected.size === 2, 'both are connected')
  const hello = (game: Actor, gameId: number) => () =>
    game.say('gameHello', {
      gameId,
      banBootEntity: false,
      restoring: false,
      types: [],
      journaled: [],
      journalsClear: true,
      made: idOf(`made-0000${gameId}`),
    })
  return { set, one, two, helloOne: hello(one, 1), helloTwo: hello(two, 2) }
}

test.each(['first', 'second'])('who missed the last change sets nobody back, whether it speaks %s', async (when) => {
  const { set, one, two, helloOne, helloTwo } = await restarted()
  const says = [
    () => {
      helloOne()
      one.say('keyKnown', { key: 'boss', value: 'orc', version: 7 })
    },
    () => {
      helloTwo()
      two.say('keyKnown', { key: 'boss', value: 'troll', version: 8 })
    },
  ]
  for (const say of when === 'first' ? says : says.reverse()) {
    say()
    await set.settle()
  }
  const late = await set.game(3)
  await late.hears('keyRegistered')
  expect(late.of('keyRegistered')).toEqual([{ key: 'boss', value: 'troll', version: 8 }])
  expect(one.of('keyRegistered').at(-1)).toEqual({ key: 'boss', value: 'troll', version: 8 })
})

test('a key is nobody else’s while a game that may have it has yet to say so', async () => {
  const { set, one, two, helloOne, helloTwo } = await restarted()
  helloOne()
  one.say('registerKey', registerKey('boss', 'orc'))
  one.say('registerKey', registerKey('door', 'open'))
  one.say('registerKey', registerKey('roof', 'red', true))
  await one.hears('keyRegistered')
  await set.settle()
  // By force it is taken at once.
  expect(known(one)).toEqual({ roof: 'red' })
  helloTwo()
  two.say('keyKnown', { key: 'boss', value: 'troll', version: 8 })
  two.say('gameReported', {})
  one.say('gameReported', {})
  await two.hears('keyRegistered', 3)
  await one.hears('keyRegistered', 4)
  const all = { boss: 'troll', door: 'open', roof: 'red' }
  expect([known(one), known(two)]).toEqual([all, all])
})

test('a game that is gone gets nothing of what it wished for', async () => {
  const { set, one, two, helloOne, helloTwo } = await restarted()
  helloOne()
  one.say('registerKey', registerKey('boss', 'orc'))
  await set.settle()
  helloTwo()
  one.kill()
  await two.hears('gameDown')
  two.say('registerKey', registerKey('boss', 'troll'))
  two.say('gameReported', {})
  await two.hears('keyRegistered')
  expect(known(two)).toEqual({ boss: 'troll' })
})

test('a wish that waits goes with a dispatcher that is swapped', async () => {
  const { set, one, two, helloOne, helloTwo } = await restarted()
  helloOne()
  helloTwo()
  one.say('registerKey', registerKey('boss', 'orc'))
  await set.settle()
  await set.swapDispatcher()
  for (const game of [one, two]) game.say('gameReported', {})
  for (const game of [one, two]) await game.hears('keyRegistered')
  expect([known(one), known(two)]).toEqual([{ boss: 'orc' }, { boss: 'orc' }])
})

test.each([false, true])(
  'what was given here is newer than what was before, whatever the clock says; swapped: %s',
  async (isSwapped) => {
    const { set, one, two, helloOne, helloTwo } = await restarted()
    helloOne()
    one.say('registerKey', registerKey('boss', 'orc', true))
    await set.settle()
    if (isSwapped) await set.swapDispatcher()
    helloTwo()
    const version = Math.floor(set.clock.wallMs()) + 100_000
    two.say('keyKnown', { key: 'boss', value: 'troll', version })
    await two.hears('keyRegistered')
    await set.settle()
    for (const game of [one, two])
      expect(game.of('keyRegistered').at(-1)).toEqual({ key: 'boss', value: 'orc', version: version + 1 })
  },
)

test('what is said later is newer, also by a dispatcher that has not heard of what there was', async () => {
  const { set, one, two, helloOne, helloTwo } = await restarted()
  helloOne()
  const version = set.clock.wallMs() - 1000
  one.say('registerKey', registerKey('boss', 'orc', true))
  await set.settle()
  helloTwo()
  two.say('keyKnown', { key: 'boss', value: 'troll', version })
  await two.hears('keyRegistered')
  await set.settle()
  expect([known(one), known(two)]).toEqual([{ boss: 'orc' }, { boss: 'orc' }])
})

test('there is room for so many keys: more are refused, and those that are there can still be changed', () => {
  const registry = new Registry()
  const register = (key: string, value: string, force = false) => registry.register({ key, value, force }, 1000)
  for (let n = 0; n < 65_536; n++) expect(register(`key${n}`, 'a')!.changed).toBe(true)
  expect(register('one more', 'a')).toBeUndefined()
  expect(register('one more', 'a', true)).toBeUndefined()
  expect(register('key7', 'b')).toEqual({ known: { value: 'a', version: 1000 }, changed: false })
  // In the same moment.
  expect(register('key7', 'b', true)).toEqual({ known: { value: 'b', version: 1001 }, changed: true })
  expect(registry.recall({ key: 'one more', value: 'a', version: 5000 })).toBeUndefined()
  expect(registry.recall({ key: 'key7', value: 'c', version: 5000 })?.changed).toBe(true)
  for (let n = 0; n < 65_536; n++) expect(registry.wait({ gameId: 1, key: `${n}`, value: '' })).toBe(true)
  expect(registry.wait({ gameId: 1, key: 'one more', value: '' })).toBe(false)
})

test('what there is no room for is counted, and nobody is told', async () => {
  const { set, one, two } = await twoGames()
  for (let from = 0; from < 65_536; from += 8192) {
    for (let n = from; n < from + 8192; n++) one.say('registerKey', registerKey(`${n}`, ''))
    await one.hears('keyRegistered', from + 8192)
  }
  two.say('registerKey', registerKey('one more', ''))
  await set.until(() => set.counters.registryFull === 1, 'it is refused')
  await set.settle()
  expect(two.heard.some(({ values }) => values['key'] === 'one more')).toBe(false)
})

test('gates have no part in it', async () => {
  const { set, one } = await twoGames()
  const gate = await set.gate(1)
  gate.say('registerKey', registerKey('boss', 'gate'))
  await set.until(() => set.counters.forbidden === 1, 'it is refused')
  expect(one.count('keyRegistered')).toBe(0)
})
