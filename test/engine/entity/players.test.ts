// Clients that are handed from one player to another: what a former player, or a late offer, can no longer do.
import { afterEach, expect, test } from 'vitest'
import { attr, type EntityClass, type EntityId, entity } from '../../../components/game/goworld.ts'
import { coreOf } from '../../../engine/entity/core.ts'
import type { Entity } from '../../../engine/entity/entity.ts'
import { type SavedEntity, saveEntity } from '../../../engine/entity/saved-entity.ts'
import { decode, encode } from '../../../engine/wire/codec.ts'
import { ANSWERED, HANDED_MAX } from '../../../engine/wire/messages.ts'
import { client, Harness } from './harness.ts'

const heard: string[] = []

class Hero extends entity({ attrs: { name: attr('') } }) {
  override onClientConnected() {
    heard.push(`${this.attrs.name} connected`)
  }
  override onClientDisconnected() {
    heard.push(`${this.attrs.name} disconnected`)
  }
}

const worlds: Harness[] = []
afterEach(() => {
  for (const one of worlds.splice(0)) one.stop()
  heard.splice(0)
})

function start(types: readonly EntityClass[] = [Hero as EntityClass]) {
  const h = new Harness(types)
  worlds.push(h)
  return h
}

const FAR = 'far-away-player1' as EntityId<Hero>

/** Another game offers the client; answers what is said then. */
function offer(h: Harness, to: Entity, n: number, handed: number, gateId = 1) {
  h.world.players.take({ entityId: to.id, gameId: 2, no: handed, ...client(n, gateId), handed })
  return h.take().map(({ name, values }) => [name, values['handed'] ?? values['outcome']])
}

test('a client is handed on under a number that grows, here and to other games', () => {
  const h = start()
  const [ann, bob] = [h.game.create(Hero, { name: 'ann' }), h.game.create(Hero, { name: 'bob' })]
  h.world.views.bind(coreOf(ann), client(1))
  h.take()
  ann.giveClientTo(bob)
  expect(h.take().find(({ name }) => name === 'bindPlayer')!.values).toMatchObject({ handed: 1, entityId: bob.id })
  bob.giveClientTo(FAR)
  expect(h.take().find(({ name }) => name === 'takeClient')!.values).toMatchObject({ handed: 2, entityId: FAR })
})

test('what is offered once more is taken once, also when it was given on meanwhile', () => {
  const h = start()
  const [ann, bob] = [h.game.create(Hero, { name: 'ann' }), h.game.create(Hero, { name: 'bob' })]
  h.take()
  const answered = ['answer', ANSWERED]
  expect(offer(h, ann, 1, 1)).toEqual([answered, ['bindPlayer', 1]])
  expect(offer(h, ann, 1, 1)).toEqual([answered])
  ann.giveClientTo(bob)
  h.take()
  expect(offer(h, ann, 1, 1)).toEqual([answered])
  expect([ann.hasClient, bob.hasClient]).toEqual([false, true])
  expect(heard).toEqual(['ann connected', 'ann disconnected', 'bob connected'])
  // It comes back to whom it has been with before; another is told to go.
  expect(offer(h, ann, 1, 3)).toEqual([answered, ['bindPlayer', 3]])
  expect(offer(h, ann, 2, 1)).toEqual([answered, ['closeClient', 3], ['bindPlayer', 1]])
})

test('a player that has given its client on knows a late offer of it in its next placement, too', () => {
  const h = start()
  const ann = h.game.create(Hero, { name: 'ann' })
  offer(h, ann, 1, 1)
  ann.giveClientTo(FAR)
  const other = start()
  const carried = decode(encode(saveEntity(coreOf(ann)))) as unknown as SavedEntity
  const again = other.world.revive(carried, 2, 0)
  other.take()
  expect(offer(other, again.entity, 1, 1)).toEqual([['answer', ANSWERED]])
  expect(again.client).toBeUndefined()
})

test('a gate that says that a client has been handed on takes it from who has it from before, and from nobody else', () => {
  const h = start()
  const ann = h.game.create(Hero, { name: 'ann' })
  const core = coreOf(ann)
  offer(h, ann, 1, 3)
  const { clientId } = client(1)
  h.world.players.clientGone(core, clientId, 2)
  expect(ann.hasClient).toBe(true)
  h.world.players.clientGone(core, clientId, 3)
  expect(ann.hasClient).toBe(false)
  offer(h, ann, 1, 4)
  h.world.players.clientGone(core, clientId, HANDED_MAX)
  expect(heard).toEqual(['ann connected', 'ann disconnected', 'ann connected', 'ann disconnected'])
})

test('a client of a gate that is gone is given to nobody any more, and offered no more', async () => {
  const h = start()
  const [ann, bob] = [h.game.create(Hero, { name: 'ann' }), h.game.create(Hero, { name: 'bob' })]
  h.world.views.bind(coreOf(bob), client(2))
  bob.giveClientTo(FAR)
  heard.splice(0)
  h.world.players.gateDown(1, client(0).clientId)
  h.take()
  // It was offered when the gate lived, and comes late.
  expect(offer(h, ann, 1, 1)).toEqual([['answer', ANSWERED]])
  expect(heard).toEqual([])
  // So was this one's first entity.
  h.world.createHere('Hero', 'AAAAAgateidAAAAA', 1, { name: 'carl' }, { ...client(3), session: '' })
  expect(heard).toEqual(['carl connected', 'carl disconnected'])
  // It was only out of our hearing.
  h.world.players.gateUp(1, client(0).clientId)
  h.take()
  expect(offer(h, ann, 1, 2)).toEqual([
    ['answer', ANSWERED],
    ['bindPlayer', 2],
  ])
  h.world.players.gateUp(1, 'AAAAAnextoneAAAA')
  expect(heard.splice(2)).toEqual(['ann connected', 'ann disconnected'])
  h.take()
  // Nobody has ever heard of gate 3.
  expect(offer(h, ann, 4, 1, 3)).toEqual([
    ['answer', ANSWERED],
    ['bindPlayer', 1],
  ])
  h.world.players.gatesNamed((gateId) => gateId !== 3)
  expect(ann.hasClient).toBe(true)
  h.world.players.gatesNamed((gateId) => gateId === 3)
  expect(ann.hasClient).toBe(false)
  h.take()
  await h.clock.advance(60_000)
  expect(h.take()).toEqual([])
  expect(h.log.matching('warn', 'gives its client')).toEqual([])
})
