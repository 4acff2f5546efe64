// Packets find their entity, game or gate; what may not be said is not.
import { expect, test } from 'vitest'
import { seededRandom } from '../../../engine/base/random.ts'
import { messages } from '../../../engine/wire/messages.ts'
import { putU32 } from '../../../engine/wire/packet.ts'
import { Actor, idOf, stage } from './stage.ts'

const AVATAR = idOf('avatar')
const CLIENT = idOf('client')

test('a call reaches the game that has the entity, as it was said', async () => {
  const set = await stage()
  const one = await set.game(1, { has: { [AVATAR]: 1 } })
  const two = await set.game(2)
  const gate = await set.gate(1)
  const args = new Uint8Array([1, 0, 9, 8, 7])
  two.say('callEntity', { entityId: AVATAR, method: 'hi', args })
  gate.say('callFromClient', { entityId: AVATAR, clientId: CLIENT, method: 'say', args })
  gate.say('clientGone', { entityId: AVATAR, clientId: CLIENT })
  await one.hears('callEntity')
  await one.hears('clientGone')
  expect(one.of('callEntity')).toEqual([{ entityId: AVATAR, method: 'hi', args }])
  expect(one.of('callFromClient')).toEqual([{ entityId: AVATAR, clientId: CLIENT, method: 'say', args }])
  expect(two.calls()).toEqual([])
  expect(set.status.forwarded).toBe(3)
})

test('positions go by game, and to a gate by gate', async () => {
  const set = await stage()
  const one = await set.game(1)
  const gate = await set.gate(3)
  gate.say('positionsFromClients', { gameId: 1, records: new Uint8Array(32).fill(4) })
  one.say('callClient', { gateId: 3, clientId: CLIENT, body: new Uint8Array([1, 2]) })
  one.say('positions', { gateId: 3, gameId: 1, audience: 1, step: 6, records: new Uint8Array(64) })
  await one.hears('positionsFromClients')
  await gate.hears('positions')
  expect(one.of('positionsFromClients')[0]!.records).toEqual(new Uint8Array(32).fill(4))
  expect(gate.of('callClient')).toEqual([{ gateId: 3, clientId: CLIENT, body: new Uint8Array([1, 2]) }])
})

test('what is said in one piece reaches each in order, whatever lies between: packets for others, for nobody, and of any length', async () => {
  const set = await stage({ games: 3 })
  const [here, there] = [idOf('here'), idOf('there')]
  const one = await set.game(1, { has: { [here]: 1 } })
  const two = await set.game(2, { has: { [there]: 1 } })
  const three = await set.game(3)
  const random = seededRandom(3)
  const below = (limit: number) => Math.floor(random() * limit)
  const said = { [here]: [] as string[], [there]: [] as string[] }
  for (let round = 0; round < 40; round++) {
    // Now and then a long piece for the same game, and now and then one packet that is longer than any piece.
    const isLong = round % 8 === 0
    const length = round % 10 === 3 ? 20_000 : 2 + below(300)
    for (let count = isLong ? 400 : 1 + below(20), entityId = here; count > 0; count--) {
      if (!isLong && below(3) === 0) entityId = entityId === here ? there : here
      const method = `${round}.${count}`
      const args = new Uint8Array(length).fill(count)
      three.say('callEntity', { entityId, method, args })
      said[entityId]!.push(`${method} ${length} ${count & 255}`)
      if (below(9) === 0) three.call(idOf('nobody'), 'x')
      if (below(9) === 0) three.sayBytes(messages.callEntity.code, new Uint8Array(3))
      if (below(9) === 0) three.place(idOf(`${round}x${count}`))
    }
    await set.settle()
  }
  const heardBy = (game: Actor) =>
    game.of('callEntity').map(({ method, args }) => {
      expect(args.every((byte) => byte === args[0])).toBe(true)
      return `${method} ${args.length} ${args[0]}`
    })
  expect(heardBy(one)).toEqual(said[here])
  expect(heardBy(two)).toEqual(said[there])
})

test('an entity that comes and is called in one piece is called', async () => {
  const set = await stage()
  const one = await set.game(1)
  const two = await set.game(2, { has: { [idOf('two')]: 1 } })
  for (let n = 0; n < 50; n++) {
    one.call(idOf('two'), `two ${n}`)
    one.place(idOf(`new ${n}`))
    one.call(idOf(`new ${n}`), `new ${n}`)
    one.call(idOf('two'), `again ${n}`)
  }
  await one.hears('callEntity', 50)
  await two.hears('callEntity', 100)
  const each = Array.from({ length: 50 }, (_, n) => n)
  expect(one.calls()).toEqual(each.map((n) => `new ${n}`))
  expect(two.calls()).toEqual(each.flatMap((n) => [`two ${n}`, `again ${n}`]))
})

test('what takes another way through the dispatcher does not overtake', async () => {
  const set = await stage()
  const one = await set.game(1, { has: { [AVATAR]: 1 }, made: 'AAAAAmaker1AAAAA' })
  const two = await set.game(2)
  two.call(AVATAR, 'first')
  // Nobody has named it yet: it goes to who made it.
  two.call('BBBBBmaker1CCCCC', 'second')
  two.call(AVATAR, 'third')
  await one.hears('callEntity', 3)
  expect(one.calls()).toEqual(['first', 'second', 'third'])
})

test('a piece that is broken does not take away what came before the break', async () => {
  const set = await stage()
  const one = await set.game(1, { has: { [AVATAR]: 1 } })
  const two = await set.game(2)
  two.call(AVATAR, 'first')
  two.call(AVATAR, 'second')
  two.say('callEntity', { entityId: AVATAR, method: 'broken', args: new Uint8Array(2) })
  // Its length reaches beyond the end.
  putU32(two.link.out.bytes, two.link.lastFrame, 1000)
  await one.hears('callEntity', 2)
  expect(one.calls()).toEqual(['first', 'second'])
  expect(set.log.lines.filter(({ message }) => message.includes('reaches beyond its batch'))).toHaveLength(1)
})

test('packets for nobody are counted and do not fill the log', async () => {
  const set = await stage({ games: 1, gates: 1 })
  const one = await set.game(1)
  const gate = await set.gate(1)
  for (let at = 0; at < 500; at++) one.call(idOf(`nobody${at}`), 'x')
  one.say('clearFilters', { gateId: 9, clientId: CLIENT })
  gate.say('positionsFromClients', { gameId: 9, records: new Uint8Array(0) })
  await set.settle()
  expect(set.counters).toMatchObject({ unknownEntity: 500, unknownGate: 1, unknownGame: 1 })
  expect(set.log.matching('warn', 'no game has their entity')).toHaveLength(1)
  // The rest in one line, later.
  await set.clock.advance(11_000)
  expect(set.log.matching('warn', 'no game has their entity')).toHaveLength(2)
  expect(set.log.lines.findLast((line) => line.message.includes('no game has'))?.fields).toMatchObject({ count: 499 })
})

test('an older placement does not undo a newer one', async () => {
  const set = await stage()
  const one = await set.game(1, { has: { [AVATAR]: 2 } })
  const two = await set.game(2)
  two.place(AVATAR, 3)
  await set.settle()
  one.place(AVATAR, 2)
  one.say('entityGone', { entityId: AVATAR, epoch: 2 })
  await set.settle()
  one.call(AVATAR, 'hi')
  await two.hears('callEntity')
  expect(set.counters.stalePlacement).toBe(2)
  two.say('entityGone', { entityId: AVATAR, epoch: 2 })
  await set.settle()
  expect([set.status.entities, set.counters.stalePlacement]).toEqual([1, 3])
  two.say('entityGone', { entityId: AVATAR, epoch: 3 })
  await set.settle()
  expect(set.status.entities).toBe(0)
})

test('an older placement does not come back, not even when nobody has the entity any more', async () => {
  const set = await stage()
  const one = await set.game(1, { has: { [AVATAR]: 9 } })
  const two = await set.game(2)
  one.say('entityGone', { entityId: AVATAR, epoch: 9 })
  await set.settle()
  two.place(AVATAR, 4)
  await set.settle()
  expect([set.status.entities, set.counters.stalePlacement]).toEqual([0, 1])
  two.place(AVATAR, 10)
  await set.until(() => set.status.entities === 1, 'the later one is taken')
})

test('two games cannot have an entity in the same placement', async () => {
  const set = await stage()
  const one = await set.game(1, { has: { [AVATAR]: 2 } })
  const two = await set.game(2, { has: { [AVATAR]: 2 } })
  two.call(AVATAR, 'hi')
  await one.hears('callEntity')
  expect(set.counters.stalePlacement).toBe(1)
})

test('what is for an entity that nobody has named goes to the game that made its id, in front of the report that is late', async () => {
  const set = await stage({ games: 2 })
  const one = await set.game(1, { made: 'AAAAAmaker1AAAAA' })
  const two = await set.game(2, { made: 'AAAAAmaker2AAAAA' })
  const gate = await set.gate(1)
  const fresh = 'BBBBBmaker1CCCCC'
  two.call(fresh, 'first')
  await one.hears('callEntity')
  gate.say('callFromClient', { entityId: fresh, clientId: CLIENT, method: 'second', args: new Uint8Array(2) })
  await one.hears('callFromClient')
  one.place(fresh, 1)
  await set.settle()
  two.call(fresh, 'third')
  await one.hears('callEntity', 2)
  const calls = one.heard.map(({ name }) => name).filter((name) => name.startsWith('call'))
  expect(calls).toEqual(['callEntity', 'callFromClient', 'callEntity'])
  // That it is gone is known.
  one.say('entityGone', { entityId: fresh, epoch: 1 })
  await set.settle()
  two.call(fresh, 'late')
  // Who made it is not there any more, or never was.
  two.call('BBBBBmaker3CCCCC', 'nobody')
  await set.until(() => set.counters.unknownEntity === 2, 'both are dropped')
  expect(one.of('callEntity').map(({ method }) => method)).toEqual(['first', 'third'])
})

test('what a peer may not send, or what cannot be read, is ignored, counted, and logged once per type', async () => {
  const set = await stage({ games: 1 })
  const one = await set.game(1, { has: { [AVATAR]: 1 } })
  const gate = await set.gate(1)
  for (let time = 0; time < 5; time++) {
    gate.say('callEntity', { entityId: AVATAR, method: 'cheat', args: new Uint8Array(2) })
    gate.say('entityPlaced', { entityId: AVATAR, epoch: 9 })
    one.say('gameUp', { gameId: 4, process: 'process4........' })
    one.say('bootEntity', { entityId: AVATAR, gateId: 1, clientId: CLIENT, session: '' })
    one.sayBytes(60_000, new Uint8Array(40))
  }
  await set.settle()
  expect(set.counters.forbidden).toBe(25)
  expect(set.log.matching('error', 'which is ignored')).toHaveLength(5)
  expect(set.log.matching('error', 'gate 1 sent callEntity, which is ignored')).toHaveLength(1)

  for (let time = 0; time < 3; time++) {
    one.sayBytes(messages.callEntity.code, new Uint8Array(15))
    one.sayBytes(messages.callClient.code, new Uint8Array(1))
    gate.sayBytes(messages.positionsFromClients.code, new Uint8Array(0))
    one.sayBytes(messages.entityPlaced.code, new Uint8Array(19))
    one.sayBytes(messages.entityPlaced.code, new Uint8Array(21))
    one.sayBytes(messages.createEntity.code, new Uint8Array(22).fill(255))
  }
  await set.settle()
  expect(set.counters.malformed).toBe(18)
  expect(set.log.matching('error', 'which is ignored')).toHaveLength(10)

  one.call(AVATAR, 'still here')
  await one.hears('callEntity')
  expect(one.of('callFromClient')).toEqual([])
})

test('any bytes may come after the type: nothing but the message is lost', async () => {
  const set = await stage({ games: 1 })
  const one = await set.game(1, { has: { [AVATAR]: 1 } })
  const gate = await set.gate(1)
  for (let round = 0; round < 3000; round++) {
    const from = round & 1 ? one : gate
    const codes = Object.values(messages).map(({ code }) => code)
    const code = codes[Math.floor(set.random() * codes.length)]!
    // Holding and what lives where are meant to change things; here only nonsense is said.
    if (code === messages.holdGame.code || code === messages.releaseGame.code) continue
    from.sayBytes(
      code,
      Uint8Array.from({ length: Math.floor(set.random() * 60) }, () => Math.floor(set.random() * 256)),
    )
  }
  await set.settle()
  one.call(AVATAR, 'still here')
  await set.until(() => one.heard.some(({ values }) => values['method'] === 'still here'), 'the call arrives')
})

test('a peer says hello first, once, and in its own name', async () => {
  const set = await stage({ games: 1 })
  const one = await set.game(1, { has: { [AVATAR]: 1 } })
  const late = await set.gate(1)
  const rude = new Actor(set, 'gate', 2)
  rude.onUp = () => {
    rude.say('clientGone', { entityId: AVATAR, clientId: CLIENT })
    rude.say('gateHello', { gateId: 1 })
  }
  one.say('gameHello', {
    gameId: 1,
    banBootEntity: false,
    restoring: false,
    types: [],
    journaled: [],
    journalsClear: true,
    made: AVATAR,
  })
  late.say('bootEntity', { entityId: idOf('boot'), gateId: 2, clientId: CLIENT, session: '' })
  await set.until(() => set.counters.forbidden === 4, 'all of it is refused')
  expect(one.of('clientGone')).toEqual([])
  expect(set.status.gates.map(({ id }) => id)).toEqual([1])
  rude.say('gateHello', { gateId: 2 })
  rude.say('clientGone', { entityId: AVATAR, clientId: CLIENT })
  await one.hears('clientGone')
})

test('a connection that breaks costs nothing', async () => {
  const set = await stage()
  const one = await set.game(1, { has: { [AVATAR]: 1 } })
  const two = await set.game(2)
  for (let call = 0; call < 200; call++) {
    two.call(AVATAR, `call ${call}`)
    if (call % 20 === 0) one.drop()
    if (call % 33 === 0) two.drop()
    await set.clock.advance(10)
  }
  await one.hears('callEntity', 200)
  expect(one.calls()).toEqual(Array.from({ length: 200 }, (_, call) => `call ${call}`))
  expect(two.of('gameDown')).toEqual([])
})

test('positions are left out for a gate that does not keep up; calls are not', async () => {
  const set = await stage({ games: 1, linkResendBytesMax: 400_000 })
  const one = await set.game(1)
  const gate = await set.gate(1)
  gate.pause()
  const sayBoth = () => {
    one.say('positions', { gateId: 1, gameId: 1, audience: 1, step: 6, records: new Uint8Array(3200) })
    one.say('callClient', { gateId: 1, clientId: CLIENT, body: new Uint8Array(1000) })
  }
  for (let time = 0; time < 50; time++) {
    // Both times in one piece: what is left out lies between what is not.
    sayBoth()
    sayBoth()
    await set.clock.advance(1)
  }
  const { shed } = set.status
  expect(shed).toBeGreaterThan(50)
  gate.resume()
  await gate.hears('callClient', 100)
  expect(gate.count('positions')).toBe(100 - shed)
  await set.settle()
  sayBoth()
  await gate.hears('callClient', 101)
  expect([gate.count('positions'), set.status.shed]).toEqual([101 - shed, shed])
})

test('gates are told of a game that does not keep up, those that come later too, and when it has caught up', async () => {
  const set = await stage({ games: 1, linkResendBytesMax: 2 << 20 })
  const one = await set.game(1, { has: { [AVATAR]: 1 } })
  const gate = await set.gate(1)
  one.pause()
  for (let time = 0; time < 20; time++) {
    gate.say('callFromClient', { entityId: AVATAR, clientId: CLIENT, method: 'm', args: new Uint8Array(40_000) })
    await set.clock.advance(1)
  }
  await gate.hears('gameSlow')
  const late = await set.gate(2)
  await late.hears('gameSlow')
  one.resume()
  await one.hears('callFromClient', 20)
  await gate.hears('gameSlow', 2)
  await late.hears('gameSlow', 2)
  for (const actor of [gate, late])
    expect(actor.heard.filter(({ name }) => name === 'gameSlow').map(({ values }) => values)).toEqual([
      { gameId: 1, slow: true, full: true },
      { gameId: 1, slow: false, full: false },
    ])
})
