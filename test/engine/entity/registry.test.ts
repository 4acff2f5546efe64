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
  registry.registered('boss', 'troll')
  expect(registry.get('boss')).toBe('troll')
})

test('listeners hear of each change once, until they end that', () => {
  const { registry } = start()
  const heard: string[] = []
  const end = registry.listen((key, value) => void heard.push(`${key}=${value}`))
  registry.listen((key, value) => void heard.push(`${registry.get(key) === value}`))
  registry.registered('boss', 'orc')
  registry.registered('boss', 'orc')
  registry.registered('boss', 'troll')
  expect(heard).toEqual(['boss=orc', 'true', 'boss=troll', 'true'])
  end()
  end()
  registry.registered('boss', 'elf')
  expect(heard).toEqual(['boss=orc', 'true', 'boss=troll', 'true', 'true'])
})

test('an empty value is one', () => {
  const { registry } = start()
  const heard: string[] = []
  registry.listen((key) => void heard.push(key))
  registry.registered('', '')
  expect([registry.get(''), heard]).toEqual(['', ['']])
})

test('entries are those whose key begins so', () => {
  const { registry } = start()
  for (const key of ['space/1', 'space/2', 'spa', 'boss']) registry.registered(key, key.toUpperCase())
  expect([...registry.entries('space/')]).toEqual([
    ['space/1', 'SPACE/1'],
    ['space/2', 'SPACE/2'],
  ])
  expect([...registry.entries()]).toHaveLength(4)
  expect([...registry.entries('none')]).toEqual([])
})

test('a dispatcher that knows nothing is told its keys, and no others; whoever came first there keeps them', () => {
  const { registry, links, said } = start()
  for (const key of ['boss', 'arena', 'door']) registry.registered(key, '1')
  registry.tellAgain(links[0] as unknown as PacketSink)
  expect(said()).toEqual([
    ['a', 'registerKey', { key: 'boss', value: '1', force: false }],
    ['a', 'registerKey', { key: 'door', value: '1', force: false }],
  ])
})

test('what a frozen game knew comes back without a word', () => {
  const { registry, said } = start()
  const heard: string[] = []
  registry.listen((key) => void heard.push(key))
  registry.restore([
    ['boss', 'orc'],
    ['arena', '7'],
  ])
  expect([[...registry.entries()].length, heard, said()]).toEqual([2, [], []])
  registry.registered('boss', 'orc')
  expect(heard).toEqual([])
})

test('a listener that throws costs the others nothing, and the game neither', async () => {
  const h = new Harness([])
  const heard: string[] = []
  h.game.registry.listen(() => {
    throw new Error('boom')
  })
  h.game.registry.listen((key) => void heard.push(key))
  h.world.registry.registered('a', '1')
  expect([heard, h.world.authorErrors]).toEqual([['a'], 1])
  h.stop()
})
