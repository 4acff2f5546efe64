// What clients hear of attributes that newer code has otherwise than the code that froze the game: that, and nothing else.
import { afterEach, describe, expect, test } from 'vitest'
import {
  attr,
  type EntityClass,
  entity,
  integer,
  list,
  map,
  optional,
  record,
  space,
  string,
  value,
} from '../../../components/game/goworld.ts'
import type { SavedData } from '../../../engine/entity/contract.ts'
import { freezeWorld } from '../../../engine/entity/freezing.ts'
import { restoreWorld } from '../../../engine/entity/restoring.ts'
import { AUDIENCE_ALL, AUDIENCE_OWN } from '../../../engine/wire/messages.ts'
import { clientMessage } from './client-message.ts'
import { client, Harness } from './harness.ts'

let open: Harness[] = []
afterEach(() => {
  for (const harness of open) harness.stop()
  open = []
})
function start(types: readonly EntityClass[], starts = true): Harness {
  const harness = new Harness(types, { starts })
  open.push(harness)
  return harness
}

class Field extends space({ attrs: { weather: attr('dry', 'allClients') } }) {}
const idOf = (name: string) => name.padEnd(16, '.')

type AvatarContract = Parameters<typeof entity>[0]
function avatar(contract: AvatarContract): EntityClass {
  class Avatar extends entity({ aoi: 20, ...contract }) {}
  return Avatar as unknown as EntityClass
}

/** What is told when a game of two avatars, one of them with a client, goes on with other code; by audience. */
async function retold(before: AvatarContract, given: Record<string, unknown>, after: AvatarContract, field = Field) {
  const h = start([avatar(before), Field])
  h.world.create(h.world.kindOf(Field), {}, { id: idOf('field'), spaceKind: 1 })
  for (const name of ['ann', 'orc']) {
    const birth = { id: idOf(name), ...(name === 'ann' && { client: client(1) }) }
    const core = h.world.create(h.world.kinds.get('Avatar')!, given, birth)
    await h.world.enterSpace(core, idOf('field'), { x: 0, y: 0, z: 0 })
  }
  await h.settle()
  const chunks = freezeWorld(h.world).map((chunk) => chunk.slice())
  const there = start([avatar(after), field], false)
  there.world.standStill()
  const restoring = restoreWorld(there.world, chunks)
  there.world.goOn()
  there.take()
  restoring.tellClients()
  await there.settle()
  const said = there.take().map(({ name, values }) => {
    const { audience, type, body } = values as { audience: number; type: number; body: Uint8Array }
    const { entityId, ...told } = clientMessage(type, body)
    const to = audience === AUDIENCE_ALL ? 'all' : audience === AUDIENCE_OWN ? 'own' : 'nobody'
    return [name, (entityId as string).replaceAll('.', ''), to, told]
  })
  // Once is enough.
  restoring.tellClients()
  expect(there.take()).toEqual([])
  return said
}
const set = (who: string, to: string, key: string, val: unknown) => [
  'changeAttr',
  who,
  to,
  { name: 'mapSet', path: null, key, value: val },
]
const gone = (who: string, to: string, key: string) => ['changeAttr', who, to, { name: 'mapDelete', path: null, key }]

describe('when time goes on, clients are told', () => {
  test('nothing of what they know as it is, however deep it is', async () => {
    const contract = {
      attrs: {
        hp: attr(100, 'allClients', 'persistent'),
        none: attr(null, 'allClients', 'persistent'),
        title: optional(string, 'client'),
        bag: map(value, 'allClients', 'persistent'),
        bytes: attr(new Uint8Array(2), 'client'),
        stats: record({ str: attr(1), dex: attr(2) }, 'client'),
        secret: attr(0, 'persistent'),
      },
    }
    const given = { hp: 7, bag: { sword: { edge: [1, { a: null }] } }, stats: { dex: 5, str: 4 }, secret: 2 }
    expect(await retold(contract, given, contract)).toEqual([])
    const { hp, secret: _, ...attrs } = contract.attrs
    const turned = { attrs: { mood: attr(0), ...attrs, secret: attr(0), hp } }
    expect(await retold(contract, given, turned)).toEqual([])
  })

  test('what is new, by those who may know', async () => {
    const after = { attrs: { hp: attr(1, 'allClients'), gold: attr(5, 'client'), log: list(integer, 'allClients') } }
    expect(await retold({ attrs: { hp: attr(1, 'allClients') } }, {}, after)).toEqual([
      set('ann', 'own', 'gold', 5),
      set('ann', 'all', 'log', []),
      set('orc', 'all', 'log', []),
    ])
  })

  test('what a migration has made of the rest, and a field that is new within', async () => {
    const before = {
      attrs: {
        gold: attr(0, 'client', 'persistent'),
        log: list(value, 'allClients', 'persistent'),
        stats: record({ str: attr(1) }, 'client'),
      },
    }
    const after = {
      version: 2,
      migrations: {
        2: ({ gold, log, ...rest }: SavedData) => ({ ...rest, gold: gold * 100, log: ['migrated', ...log] }),
      },
      attrs: { ...before.attrs, stats: record({ str: attr(1), dex: attr(9) }, 'client') },
    }
    const said = await retold(before, { gold: 53, log: ['one'] }, after)
    expect(said.filter(([, who]) => who === 'ann')).toEqual([
      set('ann', 'own', 'gold', 5300),
      set('ann', 'all', 'log', ['migrated', 'one']),
      set('ann', 'own', 'stats', { str: 1, dex: 9 }),
    ])
    expect(said.filter(([, who, to]) => who === 'orc' && to === 'all')).toEqual([
      set('orc', 'all', 'log', ['migrated', 'one']),
    ])
  })

  test('what is gone, and what is not for them any more', async () => {
    const before = {
      attrs: {
        a: attr(1, 'allClients'),
        b: attr(2, 'client'),
        c: attr(3, 'allClients'),
        d: attr(4, 'allClients'),
        e: attr(5),
      },
    }
    const after = {
      drops: ['a', 'b'],
      attrs: { c: attr(3), d: attr(4, 'client'), e: attr(5, 'allClients') },
    }
    const said = await retold(before, {}, after)
    expect(said.filter(([, who]) => who === 'ann')).toEqual([
      gone('ann', 'all', 'd'),
      set('ann', 'own', 'd', 4),
      set('ann', 'all', 'e', 5),
      gone('ann', 'all', 'a'),
      gone('ann', 'own', 'b'),
      gone('ann', 'all', 'c'),
    ])
  })

  test('what is new of the space that they are in', async () => {
    class Windy extends space({ attrs: { weather: attr('', 'allClients'), wind: attr(3, 'allClients') } }) {}
    Object.defineProperty(Windy, 'name', { value: 'Field' })
    const none = { attrs: {} }
    expect(await retold(none, {}, none, Windy as never)).toEqual([set('field', 'all', 'wind', 3)])
  })
})
