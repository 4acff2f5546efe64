// What games say reaches those clients that it is for, in the form and order of GoWorld's protocol.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../engine/base/random.ts'
import { clientMessages } from '../../../engine/wire/client-wire.ts'
import { HANDED_MAX, SYNC_OWN, SYNC_WATCHERS } from '../../../engine/wire/messages.ts'
import { getU16, PacketWriter } from '../../../engine/wire/packet.ts'
import {
  bodyOf,
  createBody,
  destroyBody,
  type FakeClient,
  GATE_ID,
  idOf,
  positionsIn,
  recordsOf,
  Stage,
} from './stage.ts'

const ANN = idOf('ann')
const BOB = idOf('bob')
const CAT = idOf('cat')

describe('a player', () => {
  test('is created on its client and destroyed when it is taken away', async () => {
    const stage = await Stage.start()
    const client = await stage.client()
    stage.bind(client, client.bootId, { type: 'Account', attrs: { level: 3 } })
    await client.hears('createEntity')
    stage.unbind(client, client.bootId, { type: 'Account' })
    await client.hears('destroyEntity')
    const addressed = { gateId: GATE_ID, clientId: client.id }
    expect(client.heard.map(({ values }) => values)).toEqual([
      {
        ...addressed,
        isPlayer: true,
        entityId: client.bootId,
        type: 'Account',
        ...{ x: 0, y: 0, z: 0, yaw: 0 },
        attrs: { level: 3 },
      },
      { ...addressed, type: 'Account', entityId: client.bootId },
    ])
    expect(stage.gate.status().entities).toBe(0)
  })

  test('of a client that has gone is told so', async () => {
    const stage = await Stage.start()
    const client = await stage.client()
    client.connection.close()
    await stage.games.hears('clientGone')
    stage.bind(client, client.bootId)
    await stage.games.hears('clientRefused')
    const gone = { entityId: client.bootId, clientId: client.id }
    expect(stage.games.of('clientGone')).toEqual([gone])
    // To the game that binds it: the dispatcher of the entity may not know where that is.
    expect(stage.games.of('clientRefused')).toEqual([{ gameId: 1, ...gone, handed: HANDED_MAX }])
    expect(stage.gate.status().entities).toBe(0)
  })

  test('that comes to another game is not created anew, and late words of the first game are ignored', async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    stage.bind(client, ANN, { epoch: 2, gameId: 2, syncing: true })
    stage.unbind(client, ANN, { epoch: 1 })
    stage.bind(client, ANN, { epoch: 1, gameId: 1 })
    await stage.settle()
    expect(client.heard).toEqual([])
    client.move(ANN, 4)
    await stage.games.hears('positionsFromClients')
    expect(stage.games.of('positionsFromClients')).toMatchObject([{ gameId: 2 }])
    expect(stage.gate.status().stale).toBe(2)
  })

  test('that replaces another without a word takes its place at the client', async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    stage.bind(client, BOB)
    await client.hears('createEntity')
    stage.unbind(client, ANN)
    await stage.settle()
    expect(client.names).toEqual(['destroyEntity', 'createEntity'])
    expect(client.of('destroyEntity')).toMatchObject([{ entityId: ANN, type: 'Avatar' }])
  })

  test('that another client takes over is no longer the first one’s', async () => {
    const stage = await Stage.start()
    const first = await stage.player(ANN)
    const second = await stage.player()
    stage.bind(second, ANN)
    await second.hears('createEntity')
    first.move(ANN, 1)
    await stage.settle()
    expect(first.names).toEqual(['destroyEntity'])
    expect(stage.gate.status().refused.notOwnPlayer).toBe(1)
    stage.set(ANN, 'k', 1, 0)
    await second.hears('mapSet')
    stage.games.tell('setSyncing', { clientId: second.id, syncing: true })
    await stage.settle()
    second.move(ANN, 2)
    await stage.games.hears('positionsFromClients')
    stage.unbind(second, ANN)
    await second.hears('destroyEntity', 2)
    expect(stage.gate.status().entities).toBe(0)
  })
})

describe('a view', () => {
  test('is shown to and hidden from each client in the list, each by its own id', async () => {
    const stage = await Stage.start()
    const clients = [await stage.player(ANN), await stage.player(BOB)]
    const other = await stage.player(CAT)
    stage.show(idOf('monster'), clients, { type: 'Monster', attrs: { hp: 9 } })
    for (const client of clients) await client.hears('createEntity')
    stage.hide(idOf('monster'), clients, { type: 'Monster' })
    for (const client of clients) {
      await client.hears('destroyEntity')
      expect(client.heard.map(({ values }) => values)).toMatchObject([
        { gateId: GATE_ID, clientId: client.id, isPlayer: false, type: 'Monster', attrs: { hp: 9 } },
        { gateId: GATE_ID, clientId: client.id, type: 'Monster', entityId: idOf('monster') },
      ])
    }
    expect(other.heard).toEqual([])
    expect(stage.gate.status()).toMatchObject({ entities: 3, watchings: 0 })
  })

  test('is created once however often it is shown, and destroyed only where it was seen', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    const bob = await stage.player(BOB)
    stage.show(CAT, [ann])
    stage.show(CAT, [ann, ann])
    stage.hide(CAT, [ann, bob])
    stage.hide(CAT, [ann, bob])
    await stage.settle()
    expect(ann.names).toEqual(['createEntity', 'destroyEntity'])
    expect(bob.names).toEqual([])
  })

  test('of an older placement neither shows nor hides', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN, { gameId: 2 })
    const bob = await stage.player(BOB)
    stage.show(CAT, [ann], { epoch: 7, gameId: 2 })
    stage.hide(CAT, [ann], { epoch: 6 })
    stage.show(CAT, [bob], { epoch: 6 })
    await stage.settle()
    expect([ann.names, bob.names]).toEqual([['createEntity'], []])
    expect(stage.gate.status().stale).toBe(2)
  })

  test('of a newer placement replaces what was seen of the older one', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    const bob = await stage.player(BOB, { gameId: 2 })
    stage.show(CAT, [ann], { epoch: 1, type: 'Cat' })
    stage.show(CAT, [bob], { epoch: 2, gameId: 2, type: 'Cat' })
    await stage.settle()
    expect([ann.names, bob.names]).toEqual([['createEntity', 'destroyEntity'], ['createEntity']])
    expect(ann.of('destroyEntity')).toMatchObject([{ entityId: CAT, type: 'Cat', clientId: ann.id }])
    // The game it left says the same, too late.
    stage.hide(CAT, [ann, bob], { epoch: 1 })
    stage.set(CAT, 'mood', 1, 1, 1)
    stage.games.tell('positions', { gameId: 1, audience: 1, step: 6, records: recordsOf([CAT, 5]) })
    stage.set(CAT, 'mood', 2, 1, 2)
    await bob.hears('mapSet')
    expect([bob.of('mapSet').map(({ value }) => value), bob.names]).toEqual([[2], ['createEntity', 'mapSet']])
    expect(ann.of('destroyEntity')).toHaveLength(1)
    expect(bob.of('destroyEntity')).toEqual([])
  })

  test('of a client that has left is forgotten', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    const bob = await stage.player(BOB)
    stage.show(ANN, [bob])
    stage.show(BOB, [ann])
    stage.show(CAT, [ann])
    await ann.hears('createEntity', 2)
    ann.connection.close()
    await stage.games.hears('clientGone')
    expect(stage.gate.status()).toMatchObject({ clients: 1, entities: 2, watchings: 1 })
    stage.hide(CAT, [ann])
    stage.positions(SYNC_WATCHERS, [BOB, 1], [CAT, 2])
    await stage.settle()
    expect(bob.names).toEqual(['createEntity'])
  })
})

describe('an attribute change', () => {
  const bodies = {
    mapSet: bodyOf('mapSet', { entityId: ANN, path: ['a', 'b'], key: 'k', value: { n: 1 } }),
    mapDelete: bodyOf('mapDelete', { entityId: ANN, path: null, key: 'k' }),
    listSet: bodyOf('listSet', { entityId: ANN, path: ['l'], index: 3, value: [1, 'two'] }),
    listPop: bodyOf('listPop', { entityId: ANN, path: ['l'] }),
    listAppend: bodyOf('listAppend', { entityId: ANN, path: [0, 'l'], value: true }),
    mapClear: bodyOf('mapClear', { entityId: ANN, path: null }),
  }

  test.each(Object.entries(bodies))(
    '%s reaches the own client, and watchers when it is for all',
    async (name, body) => {
      const stage = await Stage.start()
      const own = await stage.player(ANN)
      const watcher = await stage.player(BOB)
      const stranger = await stage.player(CAT)
      stage.show(ANN, [watcher])
      await watcher.hears('createEntity')
      watcher.forget()
      const { code: type } = clientMessages[name as keyof typeof bodies]
      stage.games.tell('changeAttr', { gameId: 1, audience: 1, type, body })
      stage.games.tell('changeAttr', { gameId: 1, audience: 0, type, body })
      await stage.settle()
      expect(own.names).toEqual([name, name])
      expect(watcher.names).toEqual([name])
      expect(stranger.names).toEqual([])
      for (const client of [own, watcher]) {
        const frame = client.frames[0]!
        expect(frame.subarray(24)).toEqual(body)
        expect(client.heard[0]!.values).toMatchObject({ gateId: GATE_ID, clientId: client.id, entityId: ANN })
      }
    },
  )

  test('for an entity that nobody here sees is dropped and counted', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    stage.set(BOB, 'k', 1)
    await stage.settle()
    expect(ann.heard).toEqual([])
    expect(stage.gate.status().missedEntities).toBe(1)
  })

  test.each([0, 1, 7, 8, 9, 488, 489, 512, 600, 5000, 70_000, 200_000])('of %d bytes arrives whole', async (length) => {
    const stage = await Stage.start({ clientQueueBytesMax: 1024 * 1024 })
    const ann = await stage.player(ANN)
    const bob = await stage.player(BOB)
    stage.show(ANN, [bob])
    stage.set(ANN, 'text', 'x'.repeat(length))
    stage.set(ANN, 'after', 1)
    for (const client of [ann, bob]) {
      await client.hears('mapSet', 2)
      expect(client.of('mapSet').map(({ key, clientId, value }) => [key, clientId, value])).toEqual([
        ['text', client.id, 'x'.repeat(length)],
        ['after', client.id, 1],
      ])
    }
  })
})

describe('a call', () => {
  test('of one client reaches that one', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    const bob = await stage.player(BOB)
    stage.callClient(ann, ANN, 'hello', 1, 'two')
    await ann.hears('callOnClient')
    expect(ann.of('callOnClient')).toEqual([
      { gateId: GATE_ID, clientId: ann.id, entityId: ANN, method: 'hello', args: [1, 'two'] },
    ])
    expect(bob.heard).toEqual([])
  })

  test('that says the same to many reaches each as if it had been said to it alone, in its place', async () => {
    const stage = await Stage.start()
    const [ann, bob, cat] = [await stage.player(ANN), await stage.player(BOB), await stage.player(CAT)]
    const gone = cat.id
    cat.connection.close()
    await stage.games.hears('clientGone')
    const said = bodyOf('callOnClient', { entityId: ANN, method: 'hello', args: [1, 'two'] }).slice(16)
    const tell = (...calls: readonly [clientId: string, entityId: string][]) =>
      stage.games.tell('callClients', { run: 1, said, calls: Buffer.from(calls.flat().join('')) })
    stage.callClient(bob, BOB, 'first')
    const { deliveredMessages: before } = stage.gate.status()
    // To one that is gone, to one on an entity that is not its player, and to one twice.
    tell([ann.id, ANN], [gone, CAT], [bob.id, BOB], [ann.id, BOB], [ann.id, ANN])
    stage.callClient(bob, BOB, 'last')
    tell()
    await bob.hears('callOnClient', 3)
    const heardBy = ({ id }: FakeClient, entityId: string) => ({
      ...{ gateId: GATE_ID, clientId: id, entityId },
      ...{ method: 'hello', args: [1, 'two'] },
    })
    expect(ann.of('callOnClient')).toEqual([heardBy(ann, ANN), heardBy(ann, ANN)])
    expect(bob.of('callOnClient')[1]).toEqual(heardBy(bob, BOB))
    expect(bob.of('callOnClient').map(({ method }) => method)).toEqual(['first', 'hello', 'last'])
    expect(stage.gate.status()).toMatchObject({ missedClients: 1, missedEntities: 1, deliveredMessages: before + 5 })
  })

  test.each([
    ['in what is said', [32, 0, 0, 0]],
    ['in the ids', [2, 0, 0, 0, 0, 0, ...Array(31).fill(65)]],
    ['in its length', [0]],
  ])('on many that is cut off %s is counted, and reaches nobody', async (_, bytes) => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    const { unreadable } = stage.gate.status()
    stage.games.sayBytes(98, Uint8Array.from([GATE_ID, 0, 1, 0, 0, 0, ...(bytes as number[])]))
    stage.callClient(ann, ANN, 'fine')
    await ann.hears('callOnClient')
    expect(stage.gate.status()).toMatchObject({ unreadable: unreadable + 1, missedClients: 0, missedEntities: 0 })
    expect(ann.of('callOnClient')).toHaveLength(1)
  })

  test('of one that has gone is dropped and counted', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    ann.connection.close()
    await stage.games.hears('clientGone')
    stage.callClient(ann, ANN, 'hello')
    await stage.settle()
    expect(stage.gate.status().missedClients).toBe(1)
  })

  test('of all clients reaches the own one and those that see the entity', async () => {
    const stage = await Stage.start()
    const [ann, bob, cat] = [await stage.player(ANN), await stage.player(BOB), await stage.player(CAT)]
    stage.show(ANN, [bob])
    stage.games.tell('callAllClients', {
      gameId: 1,
      body: bodyOf('callOnClient', { entityId: ANN, method: 'm', args: [] }),
    })
    await stage.settle()
    expect([ann.names, bob.names, cat.names]).toEqual([['callOnClient'], ['createEntity', 'callOnClient'], []])
    expect(bob.of('callOnClient')).toMatchObject([{ clientId: bob.id, entityId: ANN }])
  })

  test('of filtered clients reaches those that match, with the same bytes', async () => {
    const stage = await Stage.start()
    const [ann, bob, cat] = [await stage.player(ANN), await stage.player(BOB), await stage.player(CAT)]
    const waiting = await stage.client()
    stage.games.tell('setFilter', { clientId: ann.id, key: 'level', value: '9' })
    stage.games.tell('setFilter', { clientId: bob.id, key: 'level', value: '10' })
    const body = (op: number, key: string, value: string) =>
      bodyOf('callFiltered', { op, key, value, method: `${op}`, args: [1] })
    // 9 < 10 as numbers; as texts it would not be. Cat has no level and matches nothing.
    stage.games.tell('callFilteredClients', { body: body(3, 'level', '10') })
    stage.games.tell('callFilteredClients', { body: body(1, 'level', '9') })
    stage.games.tell('callFilteredClients', { body: body(0, '', '') })
    await stage.settle()
    expect([ann, bob, cat, waiting].map((client) => client.of('callFiltered').map(({ method }) => method))).toEqual([
      ['3', '0'],
      ['1', '0'],
      ['0'],
      [],
    ])
    expect(ann.frames[0]!.subarray(6)).toEqual(body(3, 'level', '10'))
    stage.games.tell('clearFilters', { clientId: ann.id })
    stage.unbind(bob, BOB)
    stage.games.tell('callFilteredClients', { body: body(4, 'level', '0') })
    await stage.settle()
    expect([ann, bob].map((client) => client.of('callFiltered').length)).toEqual([2, 2])
  })
})

test('a call on a client goes only to the one whose player it is, to the last character', async () => {
  const stage = await Stage.start()
  const name = 'abcdefghijklmno'
  const ann = await stage.player(`${name}p`)
  for (const [at, other] of [3, 7, 11, 15].map((at) => [at, `${name}p`.split('')] as const)) {
    other[at] = '-'
    stage.callClient(ann, other.join(''), 'no')
  }
  stage.callClient(ann, `${name}p`, 'yes')
  await ann.hears('callOnClient')
  expect(ann.of('callOnClient').map(({ method }) => method)).toEqual(['yes'])
  expect(stage.gate.status().missedEntities).toBe(4)
})

describe('positions', () => {
  test('reach watchers, the own client, or both', async () => {
    const stage = await Stage.start()
    const [ann, bob] = [await stage.player(ANN), await stage.player(BOB)]
    stage.show(ANN, [bob])
    for (const [audience, x] of [
      [SYNC_WATCHERS, 1],
      [SYNC_OWN, 2],
      [SYNC_WATCHERS | SYNC_OWN, 3],
    ] as const) {
      stage.positions(audience, [ANN, x])
      await stage.interval()
    }
    expect(ann.positions()).toEqual([
      [ANN, 2],
      [ANN, 3],
    ])
    expect(bob.positions()).toEqual([
      [ANN, 1],
      [ANN, 3],
    ])
  })

  test('of a turn are one frame for each client, all in one write', async () => {
    const stage = await Stage.start()
    const [ann, bob] = [await stage.player(ANN), await stage.player(BOB)]
    const crowd = Array.from({ length: 100 }, (_, n) => idOf(`npc${n}`))
    for (const id of crowd) stage.show(id, [ann, bob])
    await ann.hears('createEntity', 100)
    ann.forget()
    stage.positions(SYNC_WATCHERS, ...crowd.slice(0, 60).map((id, n): [string, number] => [id, n]))
    stage.positions(SYNC_WATCHERS | SYNC_OWN, ...crowd.slice(60).map((id, n): [string, number] => [id, 60 + n]))
    await ann.hears('positions')
    expect([ann.names, ann.chunks]).toEqual([['positions'], 1])
    expect(ann.positions()).toEqual(crowd.map((id, n) => [id, n]))
  })

  test('of an entity that is not there are none, whether it has gone or come back', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    stage.show(CAT, [ann])
    stage.positions(SYNC_WATCHERS, [CAT, 1])
    await stage.interval()
    stage.positions(SYNC_WATCHERS, [CAT, 2])
    stage.hide(CAT, [ann])
    stage.positions(SYNC_WATCHERS, [CAT, 3])
    await stage.interval()
    stage.show(CAT, [ann])
    await stage.interval()
    stage.positions(SYNC_WATCHERS, [CAT, 4])
    // Within an interval it goes and is seen anew, where it then is.
    stage.hide(CAT, [ann])
    stage.show(CAT, [ann])
    await stage.interval()
    expect(ann.names).toEqual([
      ...['createEntity', 'positions', 'destroyEntity', 'createEntity'],
      ...['destroyEntity', 'createEntity'],
    ])
    expect(ann.positions()).toEqual([[CAT, 1]])
  })

  test('are heard once in an interval, the newest of each, by every client at its own time', async () => {
    const stage = await Stage.start()
    const players: FakeClient[] = []
    for (let n = 0; n < 50; n++) players.push(await stage.player(idOf(`p${n}`)))
    stage.show(CAT, players)
    stage.show(BOB, players)
    await stage.interval()
    for (const player of players) player.forget()
    /** How many heard of anything in the same two milliseconds. */
    const together: number[] = []
    for (let x = 0; x < 500; x++) {
      stage.positions(SYNC_WATCHERS, [CAT, x])
      if (x % 150 === 0) stage.positions(SYNC_WATCHERS, [BOB, x])
      const before = players.map(({ chunks }) => chunks)
      await stage.clock.advance(2)
      together.push(players.filter(({ chunks }, at) => chunks > before[at]!).length)
    }
    expect(Math.max(...together)).toBeLessThanOrEqual(6)
    await stage.interval()
    for (const player of players) {
      const places = player.positions()
      const cats = places.flatMap(([id, x]) => (id === CAT ? x : []))
      expect(cats.length).toBeGreaterThanOrEqual(10)
      expect(cats.length).toBeLessThanOrEqual(12)
      expect(cats.pop()).toBe(499)
      // Each is as new as can be: what is said every two milliseconds is 100 farther in 50 of them. The first may be a little late.
      for (let at = 2; at < cats.length; at++) expect(Math.abs(cats[at]! - cats[at - 1]! - 50)).toBeLessThanOrEqual(2)
      // What has not moved since is not said again.
      expect(places.flatMap(([id, x]) => (id === BOB ? x : []))).toEqual([0, 150, 300, 450])
    }
  })

  test('are heard by a client that says where its player is in the turn in which it does', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    stage.show(CAT, [ann])
    await stage.interval()
    let heardAtOnce = 0
    for (let x = 0; x < 100; x++) {
      stage.positions(SYNC_WATCHERS, [CAT, x])
      await stage.clock.advance(98)
      const before = ann.chunks
      ann.move(ANN, x)
      // There and back.
      await stage.clock.advance(2)
      if (x >= 50) heardAtOnce += ann.chunks - before
    }
    expect(heardAtOnce).toBe(50)
    expect(ann.positions()).toHaveLength(100)
  })

  test('are heard as often as their game says', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    stage.show(CAT, [ann])
    stage.games.tell('positionsFlushed', { gameId: 1, timeMs: 0, intervalMs: 500 })
    await stage.interval()
    for (let x = 0; x < 300; x++) {
      stage.positions(SYNC_WATCHERS, [CAT, x])
      await stage.clock.advance(10)
    }
    expect(ann.positions()).toHaveLength(6)
  })

  test('take along who comes and goes by a client’s move; what else is said takes that along', async () => {
    const stage = await Stage.start()
    const [ann, bob] = [await stage.player(ANN), await stage.player(BOB)]
    await stage.interval()
    stage.show(CAT, [ann, bob], { calm: true })
    stage.positions(SYNC_WATCHERS, [CAT, 1])
    stage.callClient(bob, BOB, 'hello')
    await stage.clock.advance(3)
    expect([ann.names, bob.names]).toEqual([[], ['createEntity', 'callOnClient']])
    await stage.interval()
    expect([ann.names, ann.chunks]).toEqual([['createEntity', 'positions'], 1])
    ann.forget()
    stage.hide(CAT, [ann, bob], { calm: true })
    await stage.interval()
    expect(ann.names).toEqual(['destroyEntity'])
  })

  test('of what comes and goes, in whatever order, are the newest of what is seen, and of nothing else', async () => {
    const random = seededRandom(11)
    const pick = (count: number) => Math.floor(random() * count)
    const stage = await Stage.start({ seed: 11 })
    const players = [await stage.player(ANN), await stage.player(BOB), await stage.player(idOf('eve'))]
    await stage.interval()
    // They differ in their last characters only.
    const ids = Array.from({ length: 200 }, (_, n) => `entity${n}`.padStart(16, '.'))
    const places = new Map(ids.map((id) => [id, 0]))
    const seen = players.map(() => new Set<string>())
    const show = (id: string, at: number) => {
      const create = {
        isPlayer: false,
        entityId: id,
        type: 'Avatar',
        x: places.get(id)!,
        y: 0,
        z: 0,
        yaw: 0,
        attrs: {},
      }
      const body = bodyOf('createEntity', create)
      const one = { entityId: id, epoch: 1, gameId: 1, calm: pick(2) === 0, clientIds: [players[at]!.id] }
      stage.games.tell('showEntity', { ...one, body })
      seen[at]!.add(id)
    }
    for (let x = 1; x <= 4000; x++) {
      const id = ids[pick(ids.length)]!
      const at = pick(players.length)
      if (seen[at]!.has(id) ? pick(4) > 0 : pick(2) > 0) {
        places.set(id, x)
        // Nobody hears of what nobody here sees.
        if (seen.some((one) => one.has(id))) stage.positions(SYNC_WATCHERS, [id, x])
      } else if (seen[at]!.delete(id)) stage.hide(id, [players[at]!], { calm: pick(2) === 0 })
      else show(id, at)
      if (pick(3) === 0) await stage.clock.advance(pick(8))
    }
    await stage.interval()
    for (const [at, player] of players.entries()) {
      const known = new Map<string, number>()
      for (const { name, values } of player.heard) {
        const id = values['entityId'] as string
        if (name === 'createEntity') known.set(id, values['x'] as number)
        else if (name === 'destroyEntity') expect(known.delete(id)).toBe(true)
        else
          for (const [one, x] of positionsIn(values['records'] as Uint8Array)) {
            expect([one, known.has(one)]).toEqual([one, true])
            known.set(one, x)
          }
      }
      expect(known).toEqual(new Map([...seen[at]!].map((id) => [id, places.get(id)!])))
    }
  })

  test('are not forgotten when very much comes into sight meanwhile', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    stage.show(CAT, [ann])
    await stage.interval()
    stage.positions(SYNC_WATCHERS, [CAT, 1])
    for (let n = 0; n < 200; n++) stage.show(idOf(`npc${n}`), [ann], { calm: true })
    await stage.interval()
    expect(ann.positions()).toEqual([[CAT, 1]])
  })

  test('are not told to a client that has gone by its time', async () => {
    const stage = await Stage.start()
    const [ann, bob] = [await stage.player(ANN), await stage.player(BOB)]
    stage.show(CAT, [ann, bob])
    await stage.interval()
    stage.positions(SYNC_WATCHERS, [CAT, 1])
    await stage.clock.advance(1)
    ann.connection.close()
    await stage.interval()
    expect(bob.positions()).toEqual([[CAT, 1]])
    expect(stage.gate.status().clients).toBe(1)
  })

  test('of where a player was put in the space that it has left are none in the next', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    for (const where of [{}, { epoch: 2, gameId: 2 }]) {
      await stage.interval()
      stage.positions(SYNC_WATCHERS | SYNC_OWN, [ANN, 500])
      if ('epoch' in where) stage.bind(ann, ANN, { ...where, syncing: true })
      else stage.show(idOf('space2'), [ann], { ...where, type: '__space__' })
      await stage.interval()
      expect(ann.positions()).toEqual([])
    }
  })

  test('of a player that was put elsewhere tell its client where it was put, whatever that says meanwhile', async () => {
    const stage = await Stage.start()
    const [ann, bob] = [await stage.player(ANN), await stage.player(BOB)]
    stage.show(ANN, [bob])
    stage.positions(SYNC_WATCHERS | SYNC_OWN, [ANN, 500])
    stage.positions(SYNC_WATCHERS, [ANN, 1])
    await stage.interval()
    expect([ann.positions(), bob.positions()]).toEqual([[[ANN, 500]], [[ANN, 1]]])
  })

  test('of ten thousand at once arrive all, in order', async () => {
    const stage = await Stage.start({ clientQueueBytesMax: 4 * 1024 * 1024 })
    const ann = await stage.player(ANN)
    const many = Array.from({ length: 10_000 }, (_, n): [string, number] => [idOf(`npc${n}`), n])
    for (const [id] of many) stage.show(id, [ann])
    await ann.hears('createEntity', many.length)
    stage.positions(SYNC_WATCHERS, ...many)
    await stage.clock.until(() => ann.positions().length === many.length)
    expect(new Map(ann.positions())).toEqual(new Map(many))
  })
})

test('a client that its game closes gets what was said to it first, and its entity is told', async () => {
  const stage = await Stage.start()
  const ann = await stage.player(ANN)
  stage.callClient(ann, ANN, 'farewell')
  stage.games.tell('closeClient', { clientId: ann.id, handed: 0, reason: 'banned' })
  stage.callClient(ann, ANN, 'too late')
  await ann.isClosed()
  await stage.games.hears('clientGone')
  expect(ann.of('callOnClient').map(({ method }) => method)).toEqual(['farewell'])
  expect(stage.log.matching('info', 'closed by its game: banned')).toHaveLength(1)
  expect(stage.gate.status()).toMatchObject({ clients: 0, entities: 0, leaving: 0 })
})

test('what cannot be read costs nobody anything', async () => {
  const stage = await Stage.start()
  const ann = await stage.player(ANN)
  const gate = [GATE_ID, 0]
  for (const type of [60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 98, 6, 5, 1, 999]) {
    stage.games.sayBytes(type, Uint8Array.from([...gate, 1]))
    stage.games.sayBytes(type, Uint8Array.from([...gate, ...Buffer.from(CAT)]))
    stage.games.sayBytes(type, new Uint8Array([...gate, ...new Array(45).fill(255)]))
  }
  await stage.settle()
  stage.callClient(ann, ANN, 'fine')
  await ann.hears('callOnClient')
  expect(stage.gate.status().unreadable).toBeGreaterThan(15)
})

describe('the recorded session of a real GoWorld', () => {
  interface Line {
    readonly client: number
    readonly dir: string
    readonly hex: string
  }
  const golden = readFileSync(new URL('../../golden/goworld-session.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
    .filter(({ dir }) => dir === 'gate>client')

  /** Says, as a game of ours, what made GoWorld send this frame; answers the game's own name for the client's player. */
  async function replay(stage: Stage, client: FakeClient, frame: Uint8Array, player: string, asMany: boolean) {
    const body = frame.slice(24)
    const at = 24
    switch (getU16(frame, 4)) {
      case clientMessages.createEntity.code: {
        const { isPlayer, entityId } = clientMessages.createEntity.read(frame, 6, frame.length)
        const seen = { entityId, epoch: 1, gameId: 1, body }
        if (!isPlayer) stage.games.tell('showEntity', { ...seen, calm: false, clientIds: [client.id] })
        else stage.games.tell('bindPlayer', { ...seen, clientId: client.id, handed: 0, syncing: true })
        return isPlayer ? entityId : player
      }
      case clientMessages.destroyEntity.code: {
        const { entityId } = clientMessages.destroyEntity.read(frame, 6, frame.length)
        const gone = { entityId, epoch: 1, body }
        if (entityId === player) stage.games.tell('unbindPlayer', { ...gone, clientId: client.id })
        else stage.games.tell('hideEntity', { ...gone, calm: false, clientIds: [client.id] })
        return player
      }
      case clientMessages.callOnClient.code: {
        const calls = Buffer.concat([Buffer.from(client.id), body.subarray(0, 16)])
        if (asMany) stage.games.tell('callClients', { run: 1, said: body.subarray(16), calls })
        else stage.games.tell('callClient', { clientId: client.id, body })
        return player
      }
      case clientMessages.callFiltered.code:
        stage.games.tell('callFilteredClients', { body: frame.slice(6) })
        return player
      case clientMessages.positions.code: {
        const own = Buffer.from(frame.subarray(6, 22)).toString('latin1') === player
        const audience = own ? SYNC_OWN : SYNC_WATCHERS
        stage.games.tell('positions', { gameId: 1, audience, step: 6, records: frame.slice(6) })
        await stage.interval()
        return player
      }
      default: {
        const own = Buffer.from(frame.subarray(at, at + 16)).toString('latin1') === player
        stage.games.tell('changeAttr', { gameId: 1, audience: own ? 0 : 1, type: getU16(frame, 4), body })
        return player
      }
    }
  }

  const ways = [1, 2].flatMap((number) => [false, true].map((asMany) => ({ number, asMany })))
  test.each(ways)(
    'is what client $number hears, byte for byte and in its order, said to many: $asMany',
    async (way) => {
      const { number, asMany } = way
      const frames = golden
        .filter(({ client }) => client === number)
        .map(({ hex }) => new Uint8Array(Buffer.from(hex, 'hex')))
      const stage = await Stage.start({ seed: number })
      const client = await stage.client()
      // The first player must be the boot entity: the recorded one has another id.
      const first = clientMessages.createEntity.read(frames[0]!, 6, frames[0]!.length).entityId
      const renamed = frames.map((frame) => replaced(frame, first, client.bootId))
      let player = ''
      for (const frame of renamed) player = await replay(stage, client, frame, player, asMany)
      await stage.clock.until(() => bytesIn(client.frames) >= bytesIn(renamed), 5000, 'the whole session')
      // Positions that follow one another share a frame here, where GoWorld sent two.
      expect(joined(client.frames)).toEqual(joined(renamed.map((frame) => addressedTo(frame, client.id))))
    },
  )

  const bytesIn = (frames: readonly Uint8Array[]) => joined(frames).join('').length

  function replaced(frame: Uint8Array, from: string, to: string): Uint8Array {
    return new Uint8Array(Buffer.from(Buffer.from(frame).toString('latin1').replaceAll(from, to), 'latin1'))
  }

  function addressedTo(frame: Uint8Array, clientId: string): Uint8Array {
    const type = getU16(frame, 4)
    if (type === clientMessages.callFiltered.code || type === clientMessages.positions.code) return frame
    const writer = new PacketWriter()
    writer.raw(frame, 0, 6)
    writer.u16(GATE_ID)
    writer.id(clientId)
    writer.raw(frame, 24)
    return writer.copy()
  }

  /** Frames as text, with frames of positions that follow one another put together. */
  function joined(frames: readonly Uint8Array[]): string[] {
    const list: string[] = []
    let positions = false
    for (const frame of frames) {
      const text = Buffer.from(frame).toString('hex')
      const isPositions = getU16(frame, 4) === clientMessages.positions.code
      if (isPositions && positions) list[list.length - 1] += text.slice(12)
      else list.push(isPositions ? text.slice(12) : text)
      positions = isPositions
    }
    return list
  }
})

test('bodies of our own making are those of the table', () => {
  expect(createBody(ANN).length).toBe(1 + 16 + 4 + 6 + 16 + 5)
  expect(destroyBody(ANN).length).toBe(4 + 6 + 16)
})

describe('a player that comes to another game', () => {
  const SPACES = [idOf('space1'), idOf('space2')]
  const NPCS = [idOf('npc1'), idOf('npc2')]

  test.each([1, 2, 3, 4, 5, 6])('has only what is there, in whatever order the games’ words come (%i)', async (cut) => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN, { gameId: 1 })
    const bob = await stage.player(BOB, { gameId: 1 })
    stage.show(SPACES[0]!, [ann], { gameId: 1, type: '__space__' })
    stage.show(NPCS[0]!, [ann], { gameId: 1 })
    stage.show(ANN, [bob], { gameId: 1 })
    await stage.settle()
    ann.forget()
    bob.forget()
    const left = [
      () => stage.show(NPCS[0]!, [ann], { gameId: 1 }),
      () => stage.hide(NPCS[0]!, [ann]),
      () => stage.hide(SPACES[0]!, [ann], { type: '__space__' }),
      () => stage.hide(ANN, [bob]),
      () => stage.set(ANN, 'late', 1, 1, 1),
    ]
    const reached = [
      () => stage.bind(ann, ANN, { epoch: 2, gameId: 2 }),
      () => stage.show(SPACES[1]!, [ann], { gameId: 2, type: '__space__' }),
      () => stage.show(NPCS[1]!, [ann], { gameId: 2 }),
      () => stage.set(ANN, 'new', 1, 0, 2),
    ]
    // The new game's words come in one piece, before, between or behind those of the old one.
    const at = cut - 1
    for (const say of [...left.slice(0, at), ...reached, ...left.slice(at)]) say()
    await stage.settle()
    const told = ann.heard.map(({ name, values }) => [name, values['entityId'] ?? values['key']])
    const own = told.filter(([, id]) => id === ANN)
    expect(own.filter(([name]) => name !== 'mapSet')).toEqual([])
    const rest = told.filter(([name]) => name === 'createEntity' || name === 'destroyEntity')
    expect(rest).toEqual([
      ['destroyEntity', NPCS[0]],
      ['destroyEntity', SPACES[0]],
      ['createEntity', SPACES[1]],
      ['createEntity', NPCS[1]],
    ])
    expect(bob.of('destroyEntity')).toHaveLength(1)
    expect(ann.of('mapSet').map(({ key }) => key)).toEqual(cut > 5 ? ['late', 'new'] : ['new'])
    expect(stage.gate.status()).toMatchObject({ watchings: 2 })
  })
})
