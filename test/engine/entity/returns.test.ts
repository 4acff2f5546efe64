// Players whose clients lose their connection, in a world without processes: what a gate says of them, and what is said to it.
import { describe, expect, test } from 'vitest'
import { coreOf } from '../../../engine/entity/core.ts'
import { entity } from '../../../engine/entity/entity.ts'
import { saveEntity } from '../../../engine/entity/saved-entity.ts'
import { encode } from '../../../engine/wire/codec.ts'
import { client, Harness } from './harness.ts'

const told: string[] = []

class Avatar extends entity({ client: { said(_n: number) {} } }) {
  override onClientConnected() {
    told.push('connected')
  }
  override onClientLost() {
    told.push('lost')
    if (this.leavesWhenLost) this.destroy()
  }
  override onClientReconnected({ missed }: { missed: boolean }) {
    told.push(missed ? 'back, missed' : 'back')
  }
  override onClientDisconnected() {
    told.push('disconnected')
  }
  leavesWhenLost = false
}

const TOKEN = 'a-secret-of-22-letters'
const player = client(1, 1, TOKEN)
/** The maker of the ids of clients: the process of gate 1. */
const GATE = player.clientId

function begin(one = player) {
  const h = new Harness([Avatar], { reconnectGraceMs: 15_000 })
  const avatar = h.game.create(Avatar)
  const core = coreOf(avatar)
  h.world.players.connect(core, one)
  h.take()
  told.length = 0
  const ask = (clientId: string, token = TOKEN, gateId = 2) =>
    h.world.returns.resume({ entityId: avatar.id, gateId, clientId, token })
  const names = () => h.take().map(({ name }) => name)
  return { h, avatar, core, ask, names, returns: h.world.returns }
}

describe('what its gate says of a client', () => {
  test('is heard once, of the client that plays the entity now', () => {
    const { avatar, core, returns } = begin()
    returns.back(core, player.clientId)
    returns.lost(core, client(2).clientId)
    expect([told, avatar.isClientLost]).toEqual([[], false])
    returns.lost(core, player.clientId)
    returns.lost(core, player.clientId)
    expect([told, avatar.isClientLost, avatar.hasClient]).toEqual([['lost'], true, true])
    returns.back(core, client(2).clientId)
    returns.back(core, player.clientId)
    returns.back(core, player.clientId)
    expect([told, avatar.isClientLost]).toEqual([['lost', 'back'], false])
  })

  test('is of that client: the next one is not lost', () => {
    const { h, avatar, core, returns } = begin()
    returns.lost(core, player.clientId)
    const other = h.game.create(Avatar)
    h.world.players.connect(coreOf(other), client(2))
    other.giveClientTo(avatar)
    expect([avatar.isClientLost, other.isClientLost, core.client]).toEqual([false, false, { ...client(2), handed: 1 }])
  })

  test('may be that it has a session only after it plays', () => {
    const { core, returns } = begin(client(1))
    const values = { entityId: core.id, session: TOKEN }
    returns.sessionBegun(core, { ...values, clientId: client(2).clientId })
    expect(core.client!.session).toBe('')
    returns.sessionBegun(core, { ...values, clientId: player.clientId })
    expect(core.client).toEqual(player)
  })
})

describe('a client that comes by another gate', () => {
  test('is told everything, in place of the one that it was', () => {
    const { h, core, ask } = begin()
    ask(client(2).clientId)
    const said = h.take()
    expect(said.map(({ name, values }) => [name, values['gateId'], values['clientId']])).toEqual([
      ['sessionMoved', 1, player.clientId],
      ['bindPlayer', 2, client(2).clientId],
      ['playerRestated', 2, client(2).clientId],
    ])
    expect([core.client, told]).toEqual([client(2, 2, TOKEN), ['lost', 'back, missed']])
    // It asks once more, as the answer took its time.
    ask(client(2).clientId)
    expect([h.take(), told.length]).toEqual([[], 2])
  })

  test('with no token of its own gets nothing, whether anybody plays the entity or not', () => {
    const { h, avatar, core, ask, returns } = begin()
    for (const token of ['', 'a-secret', TOKEN.replace('a', 'b'), `${TOKEN}!`]) ask(client(2).clientId, token)
    h.world.players.clientGone(core, player.clientId, 0)
    ask(client(2).clientId)
    h.world.players.connect(core, client(3))
    for (const token of ['', TOKEN]) ask(client(2).clientId, token)
    const said = h.take().filter(({ name }) => name === 'resumeRefused')
    expect(said.map(({ values }) => [values['gateId'], values['clientId']])).toEqual(
      new Array(7).fill([2, client(2).clientId]),
    )
    expect([returns.refused, returns.wrongTokens, returns.resumed]).toEqual([7, 4, 0])
    expect(avatar.hasClient).toBe(true)
    avatar.destroy()
    ask(client(2).clientId)
    expect(returns.refused).toBe(8)
  })

  test('does not get a player whose hook ends it', () => {
    const { avatar, ask, names } = begin()
    avatar.leavesWhenLost = true
    ask(client(2).clientId)
    expect(told).toEqual(['lost', 'disconnected'])
    const said = names()
    expect([said.includes('bindPlayer'), said.at(-1)]).toEqual([false, 'resumeRefused'])
  })
})

describe('a gate that is gone', () => {
  test('leaves the players of sessions waiting, and takes the clients of all others', () => {
    const { h, avatar, core, ask, names } = begin()
    const plain = h.game.create(Avatar)
    h.world.players.connect(coreOf(plain), client(2))
    h.take()
    told.length = 0
    h.world.players.gateDown(1, GATE)
    expect([told.toSorted(), avatar.hasClient, plain.hasClient]).toEqual([['disconnected', 'lost'], true, false])
    avatar.client.said(1)
    avatar.allClients.said(2)
    expect(names()).toEqual([])
    ask(client(3).clientId)
    expect(names()).toEqual(['bindPlayer', 'callClient', 'callClient', 'playerRestated'])
    expect(core.awaited).toBeUndefined()
  })

  test('is not waited for at all where there is no grace', () => {
    const h = new Harness([Avatar])
    const avatar = h.game.create(Avatar)
    h.world.players.connect(coreOf(avatar), player)
    told.length = 0
    h.world.players.gateDown(1, GATE)
    expect([told, avatar.hasClient]).toEqual([['disconnected'], false])
  })

  test('ends the wait when it says itself that its client is gone, or another takes the place', () => {
    for (const end of ['gone', 'taken'] as const) {
      const { h, avatar, core } = begin()
      h.world.players.gateDown(1, GATE)
      told.length = 0
      if (end === 'gone') h.world.players.clientGone(core, player.clientId, 0)
      else {
        const other = h.game.create(Avatar)
        h.world.players.connect(coreOf(other), client(2, 2))
        told.length = 0
        other.giveClientTo(avatar)
      }
      expect([end, told]).toEqual([end, end === 'gone' ? ['disconnected'] : ['disconnected', 'connected']])
      expect([core.awaited, avatar.isClientLost, h.world.returns.awaited]).toEqual([undefined, false, 0])
    }
  })

  test('is not there where its player comes to live: that waits there, and the gate lets the client go', () => {
    for (const session of [TOKEN, '']) {
      const { core } = begin({ ...player, session })
      const there = new Harness([Avatar], { gameId: 2, reconnectGraceMs: 15_000 })
      there.world.players.gateDown(1, GATE)
      const data = encode({ entity: saveEntity(core), spaceId: '', at: [0, 0, 0] })
      there.take()
      there.world.migration.arrive({ entityId: core.id, epoch: 5, data })
      const arrived = there.world.find(core.id)!
      const said = there.take().map(({ name }) => name)
      expect(said.filter((name) => /Moved|close/.test(name))).toEqual([session ? 'sessionMoved' : 'closeClient'])
      expect([told, arrived.awaited?.client]).toEqual(session ? [['lost'], player] : [['disconnected'], undefined])
    }
  })
})
