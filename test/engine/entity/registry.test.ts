// A game's copy of what all games know: asked for at a dispatcher, true when that says so.
import { expect, test } from 'vitest'
import type { Outbound, PacketSink } from '../../../engine/entity/outbound.ts'
import { Registry } from '../../../engine/entity/registry.ts'
import { Harness } from './harness.ts'

function start() {
  const links = ['a', 'b'].map((name) => {
    const said: [string, string, unknown][] = []
    return { name, said, send: (message: string, values: unknown) => void said.push([name, message, values]) }
  })
  const toKey = (key: string) => links[key.length % 2] as unknown as PacketSink
  const registry = new Registry({ toKey } as Outbound, (listener) => listener())
  return { registry, links, said: () => links.flatMap(({ said }) => said.splice(0)) }
}

test('to register is to ask the dispatcher of the key: nothing is true before it says so', () => {
  const { registry, said } = start()
  registry.register('boss', 'orc')
  registry.register('arena', '7', { force: true })
  expect(said()).toEqual([
    ['a', 'registerKey', { key: 'boss', value: 'orc', force: false }],
    ['b', 'registerKey', { key: 'arena', value: '7', force: true }],
  ])
  expect([registry.get('boss'), [...registry.entries()]]).toEqual([undefined, []])
  registry.registered('boss', { value: 'troll', version: 1 })
  expect(registry.get('boss')).toBe('troll')
})

test('listeners hear of each change once, until they end that', () => {
  const { registry } = start()
  const heard: string[] = []
  const end = registry.listen((key, value) => void heard.push(`${key}=${value}`))
  registry.listen((key, value) => void heard.push(`${registry.get(key) === value}`))
  registry.registered('boss', { value: 'orc', version: 1 })
  registry.registered('boss', { value: 'orc', version: 1 })
  registry.registered('boss', { value: 'troll', version: 1 })
  expect(heard).toEqual(['boss=orc', 'true', 'boss=troll', 'true'])
  end()
  end()
  registry.registered('boss', { value: 'elf', version: 1 })
  expect(heard).toEqual(['boss=orc', 'true', 'boss=troll', 'true', 'true'])
})

test('an empty value is one', () => {
  const { registry } = start()
  const heard: string[] = []
  registry.listen((key) => void heard.push(key))
  registry.registered('', { value: '', version: 1 })
  expect([registry.get(''), heard]).toEqual(['', ['']])
})

test('entries are those whose key begins so', () => {
  const { registry } = start()
  for (const key of ['space/1', 'space/2', 'spa', 'boss'])
    registry.registered(key, { value: key.toUpperCase(), version: 1 })
  expect([...registry.entries('space/')]).toEqual([
    ['space/1', 'SPACE/1'],
    ['space/2', 'SPACE/2'],
  ])
  expect([...registry.entries()]).toHaveLength(4)
  expect([...registry.entries('none')]).toEqual([])
})

test('a dispatcher that knows nothing is told its keys, and no others, and what was asked of it', () => {
  const { registry, links, said } = start()
  for (const [at, key] of ['boss', 'arena', 'door'].entries())
    registry.registered(key, { value: '1', version: 2 ** 41 + at })
  registry.register('roof', 'red', { force: true })
  said()
  registry.tellAgain(links[0] as unknown as PacketSink)
  expect(said()).toEqual([
    ['a', 'keyKnown', { key: 'boss', value: '1', version: 2 ** 41 }],
    ['a', 'keyKnown', { key: 'door', value: '1', version: 2 ** 41 + 2 }],
    ['a', 'registerKey', { key: 'roof', value: 'red', force: true }],
  ])
})

test('what is older than what is known changes nothing, and answers no wish', () => {
  const { registry, links, said } = start()
  const heard: string[] = []
  registry.listen((key, value) => void heard.push(`${key}=${value}`))
  registry.registered('boss', { value: 'troll', version: 7 })
  registry.register('boss', 'orc', { force: true })
  registry.registered('boss', { value: 'orc', version: 6 })
  expect([registry.get('boss'), heard]).toEqual(['troll', ['boss=troll']])
  said()
  registry.tellAgain(links[0] as unknown as PacketSink)
  expect(said()).toEqual([
    ['a', 'keyKnown', { key: 'boss', value: 'troll', version: 7 }],
    ['a', 'registerKey', { key: 'boss', value: 'orc', force: true }],
  ])
  registry.registered('boss', { value: 'orc', version: 8 })
  registry.tellAgain(links[0] as unknown as PacketSink)
  expect(said()).toEqual([['a', 'keyKnown', { key: 'boss', value: 'orc', version: 8 }]])
})

test('what a frozen game knew comes back without a word', () => {
  const { registry, said } = start()
  const heard: string[] = []
  registry.listen((key) => void heard.push(key))
  registry.restore([
    ['boss', 'orc', 5],
    ['arena', '7'],
  ])
  expect(registry.save()).toEqual([
    ['boss', 'orc', 5],
    // Of an engine that knew no versions.
    ['arena', '7', 1],
  ])
  expect([[...registry.entries()].length, heard, said()]).toEqual([2, [], []])
  registry.registered('boss', { value: 'elf', version: 1 })
  registry.registered('boss', { value: 'orc', version: 6 })
  expect([registry.get('boss'), heard]).toEqual(['orc', []])
})

test('a listener that throws costs the others nothing, and the game neither', async () => {
  const h = new Harness([])
  const heard: string[] = []
  h.game.registry.listen(() => {
    throw new Error('boom')
  })
  h.game.registry.listen((key) => void heard.push(key))
  h.world.registry.registered('a', { value: '1', version: 1 })
  expect([heard, h.world.authorErrors]).toEqual([['a'], 1])
  h.stop()
})
