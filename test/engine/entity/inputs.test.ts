// Numbered inputs in a game: each runs once and in order, as often as the class allows, and is answered with what came of it.
import { afterEach, describe, expect, test } from 'vitest'
import { attr, entity, number, OperatorError, space } from '../../../components/game/goworld.ts'
import { receiveCall } from '../../../engine/entity/calls.ts'
import { coreOf } from '../../../engine/entity/core.ts'
import { Kind } from '../../../engine/entity/kind.ts'
import { Operations } from '../../../engine/entity/operations.ts'
import { saveEntity } from '../../../engine/entity/saved-entity.ts'
import { clientMessages, sessionMessages } from '../../../engine/wire/client-wire.ts'
import { decode, encode } from '../../../engine/wire/codec.ts'
import { callBytes, client, Harness } from './harness.ts'

class Room extends space({}) {}
class Player extends entity({
  aoi: 10,
  inputs: { steer: 10 },
  attrs: { steps: attr(0, 'client') },
  ownClient: { steer: [number], shout: [number] },
  client: { bumped: () => {} },
}) {
  ran: number[] = []
  steer(x: number) {
    this.ran.push(this.inputNo)
    this.attrs.steps++
    this.position = { x: this.position.x + x, y: 0, z: 0 }
  }
  secret() {
    this.ran.push(-1)
  }
  shout(_loud: number) {
    this.ran.push(-2)
  }
}

let open: Harness | undefined
afterEach(() => open?.stop())

function start() {
  const h = new Harness([Player, Room])
  open = h
  const player = h.game.create(Player)
  const core = coreOf(player)
  h.world.players.connect(core, client(1))
  void player.enterSpace(h.game.createSpace(Room, 1), { x: 0.1, y: 0, z: 0 })
  h.take()
  /** An input comes. */
  const input = (no: number, x: unknown = 1, { method = 'steer', seenMs = 0 } = {}) => {
    const bytes = callBytes(method, x)
    return h.world.inputs.take(core, no, seenMs, bytes, 0, bytes.length)
  }
  /** The answers since the last time, and what else was said, in order. */
  const said = () => {
    h.world.flushAttrs()
    h.world.inputs.flush()
    return h.take().map(({ name, values }) => {
      const body = values['body'] as Uint8Array
      if (name === 'inputDone')
        return { name, to: values['clientId'], ...sessionMessages.inputDone.read(body, 0, body.length) }
      return name === 'changeAttr' ? { name, type: values['type'] } : { name }
    })
  }
  return { h, player, core, input, said }
}
describe('inputs', () => {
  test('run once and in order, and are answered together, behind the attributes', () => {
    const { h, player, input, said } = start()
    for (const no of [1, 2, 2, 1, 3]) expect(input(no)).toBeUndefined()
    expect(player.ran).toEqual([1, 2, 3])
    expect(said()).toEqual([
      { name: 'changeAttr', type: clientMessages.mapSet.code },
      {
        name: 'inputDone',
        to: client(1).clientId,
        entityId: player.id,
        no: 3,
        timeMs: h.clock.wallMs() % 2 ** 32,
        x: player.position.x,
        y: 0,
        z: 0,
        yaw: 0,
      },
    ])
    expect(said()).toEqual([])
    expect(h.world.inputs.status()).toEqual({ ran: 3, repeated: 2, shed: 0, clamped: 0 })
  })

  test('that were lost on the way are not waited for', () => {
    const { player, input } = start()
    input(1)
    input(5)
    expect(player.ran).toEqual([1, 5])
    expect(player.inputNo).toBe(5)
  })

  test('that have been run are answered once more: the answer may have been lost', () => {
    const { input, said } = start()
    input(1)
    said()
    input(1)
    expect(said()).toMatchObject([{ name: 'inputDone', no: 1 }])
  })

  test('that the class does not take are answered, and refused by reason', () => {
    const { player, input, said } = start()
    expect(input(1, 'no number')).toBe('wrong arguments')
    expect(input(2, 1, { method: 'secret' })).toBe('not exposed to this client')
    expect(input(3, 1, { method: 'nothing' })).toBe('unknown method')
    expect(player.ran).toEqual([])
    expect(said()).toMatchObject([{ name: 'inputDone', no: 3 }])
  })

  test('come as often as the class allows, a second’s worth at once', async () => {
    const { h, player, input } = start()
    for (let no = 1; no <= 30; no++) input(no)
    expect(player.ran).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(player.inputNo).toBe(30)
    await h.clock.advance(500)
    for (let no = 31; no <= 60; no++) input(no)
    expect(player.ran.slice(10)).toEqual([31, 32, 33, 34, 35])
    expect(h.world.inputs.shed).toBe(45)
  })

  test('that come without a number count like the others, and have no answer', async () => {
    const { h, player, core, input, said } = start()
    const plain = () => {
      const bytes = callBytes('steer', 1)
      return receiveCall(core, bytes, 0, bytes.length, 'ownClient')
    }
    for (let n = 0; n < 30; n++) expect(plain()).toBeUndefined()
    expect(player.ran).toHaveLength(10)
    expect(said().map(({ name }) => name)).toEqual(['changeAttr'])
    input(1)
    expect([player.ran.length, h.world.inputs.shed]).toEqual([10, 21])
    await h.clock.advance(100)
    input(2)
    plain()
    expect(player.ran.slice(10)).toEqual([2])
  })

  test('are those methods that the contract names, and no others', () => {
    const { player, input } = start()
    expect(input(1, 1, { method: 'shout' })).toBe('not an input')
    expect(player.ran).toEqual([])
  })

  test('begin anew with another client', () => {
    const { h, player, core, input } = start()
    input(9)
    h.world.players.clientGone(core, client(1).clientId, Number.MAX_SAFE_INTEGER)
    expect(player.inputNo).toBe(0)
    h.world.players.connect(core, client(2))
    expect(player.inputNo).toBe(0)
    input(1)
    expect(player.ran).toEqual([9, 1])
  })

  test('make places those of the wire', () => {
    const { player, core, input, said } = start()
    expect(core.x).toBe(0.1)
    input(1, 0.2)
    expect(core.x).toBe(Math.fround(Math.fround(0.1) + 0.2))
    expect(said()).toContainEqual(expect.objectContaining({ name: 'inputDone', x: core.x }))
    player.position = { x: 1 / 3, y: 1e-9, z: 7.7 }
    expect(player.position).toEqual({ x: Math.fround(1 / 3), y: Math.fround(1e-9), z: Math.fround(7.7) })
    expect(() => {
      player.position = { x: 1e39, y: 0, z: 0 }
    }).toThrow(RangeError)
  })

  test('are answered in place of the position that the player’s own client would hear', async () => {
    const { h, player, input, said } = start()
    input(1)
    said()
    h.world.movement.flush()
    expect(h.take().map(({ name }) => name)).toEqual([])
    // Moved by the game, between its inputs.
    player.position = { x: 4, y: 0, z: 0 }
    // As often as positions are said to clients, and no more.
    h.world.movement.tellGates()
    player.position = { x: 5, y: 0, z: 0 }
    h.world.movement.tellGates()
    expect(h.take()).toEqual([])
    h.world.movement.flush()
    const told = h.take()
    expect(told.map(({ name }) => name)).toEqual(['inputDone'])
    // Nobody predicts one that has never sent an input.
    const other = h.game.create(Player)
    h.world.players.connect(coreOf(other), client(3))
    h.take()
    other.position = { x: 4, y: 0, z: 0 }
    h.world.movement.flush()
    expect(h.take().map(({ name }) => name)).toEqual(['positions', 'positionsFlushed'])
  })

  test('say what was seen, near the time of now', () => {
    const { h, player, input } = start()
    expect(player.seenAtMs).toBe(h.clock.wallMs() - 100)
    const seen = h.clock.wallMs() - 321
    input(1, 1, { seenMs: seen % 2 ** 32 })
    expect(player.seenAtMs).toBe(seen)
    input(2, 1, { seenMs: 0 })
    expect(player.seenAtMs).toBe(h.clock.wallMs() - 100)
  })

  test('go along to another game, and through a freeze', () => {
    const { h, player, core, input } = start()
    input(41, 1, { seenMs: 5 })
    const saved = decode(encode(saveEntity(core))) as never as ReturnType<typeof saveEntity>
    const other = new Harness([Player, Room])
    try {
      const revived = other.world.revive(saved, 9, 0)
      revived.client = core.client
      expect((revived.entity as unknown as Player).inputNo).toBe(41)
      const bytes = callBytes('steer', 1)
      other.world.inputs.take(revived, 41, 0, bytes, 0, bytes.length)
      expect(other.world.inputs.repeated).toBe(1)
    } finally {
      other.stop()
    }
    expect([h.world.inputs.ran, player.ran]).toEqual([1, [41]])
  })
})

describe('a contract', () => {
  const kind = (type: unknown) => new Kind(type as never, new Operations(new Harness([]).clock, undefined as never))

  test('says a rate that can be meant', () => {
    const steers = (contract: object) =>
      kind(
        class One extends entity(contract) {
          steer() {}
        },
      ).method('steer')?.inputRate
    for (const steer of [0, -1, Number.NaN, 1001])
      expect(() => steers({ ownClient: { steer: [] }, inputs: { steer } })).toThrow(OperatorError)
    expect(steers({ ownClient: { steer: [] }, inputs: { steer: 33 } })).toBe(33)
    expect(steers({ ownClient: { steer: [] } })).toBeUndefined()
  })

  test('says of its own client what is an input, and of no other', () => {
    for (const exposed of [
      {},
      { allClients: { steer: [] } },
      { ownClient: { steer: [] }, allClients: { steer: [] } },
    ]) {
      const make = () =>
        kind(
          class One extends entity({ ...exposed, inputs: { steer: 10 } }) {
            steer() {}
          },
        )
      expect(make).toThrow('One: inputs: steer has to be in ownClient')
    }
  })

  test('says a history that can be meant, of spaces only', () => {
    for (const history of [0, -1, Number.NaN, 10_001])
      expect(() => kind(class One extends space({ history }) {})).toThrow(OperatorError)
    expect(kind(class Two extends space({ history: 1000 }) {}).historyMs).toBe(1000)
    // @ts-expect-error of a space
    expect(() => kind(class Three extends entity({ history: 1000 }) {})).toThrow("has 'history'")
    // @ts-expect-error of entities
    expect(() => kind(class Four extends space({ inputs: {} }) {})).toThrow("has 'inputs'")
  })
})
