// A client's session, told one message after the other: what hooks and observers hear, and what counts as an error.
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { type ConnectOptions, connect, type ProtocolError } from '../../../engine/client/client.ts'
import { sessionMessages } from '../../../engine/wire/client-wire.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import { frame, GateSide } from './gate-side.ts'

const AVATAR = 'avatar0000000001'
const OTHER = 'avatar0000000002'
const SPACE = 'space00000000001'

function client(options: ConnectOptions = {}) {
  const errors: ProtocolError[] = []
  const log = new MemoryLog()
  const gate = new GateSide()
  const observer = { onProtocolError: (error: ProtocolError) => void errors.push(error), ...options.observer }
  const game = connect(gate, { heartbeatMs: 0, log, ...options, observer })
  return { gate, game, errors, log, kinds: () => errors.map(({ kind }) => kind) }
}

describe('a session', () => {
  it('tells an entity of its creation, changes, calls and end, in order', () => {
    const { gate, game, errors } = client()
    const heard: unknown[] = []
    game.on('Avatar', {
      created() {
        heard.push([
          'created',
          this.id,
          this.isOwn,
          this.attrs['name'],
          { ...this.position },
          this.yaw,
          this.space?.kind,
        ])
      },
      destroyed() {
        heard.push(['destroyed', this.id, game.entities.has(this.id), game.player])
      },
      changed: {
        name(value) {
          heard.push(['changed', this.id, value])
        },
      },
      heard(...args: unknown[]) {
        heard.push(['heard', this.id, ...args])
      },
    })
    game.on('Avatar', { heard: (from: string) => heard.push(['also heard', from]) })
    gate.create(SPACE, '__space__', { _K: 7 })
    gate.create(AVATAR, 'Avatar', { name: 'one' }, true)
    gate.create(OTHER, 'Avatar', { name: 'two' })
    gate.send('mapSet', { entityId: OTHER, path: null, key: 'name', value: 'three' })
    gate.send('mapSet', { entityId: OTHER, path: null, key: 'level', value: 3 })
    gate.send('callOnClient', { entityId: OTHER, method: 'heard', args: ['x', { y: [1] }] })
    gate.send('callFiltered', { op: 0, key: '', value: '', method: 'heard', args: ['all'] })
    gate.send('destroyEntity', { type: 'Avatar', entityId: AVATAR })
    expect(heard).toEqual([
      ['created', AVATAR, true, 'one', { x: 1, y: 2, z: 3 }, 0.5, 7],
      ['created', OTHER, false, 'two', { x: 1, y: 2, z: 3 }, 0.5, 7],
      ['changed', OTHER, 'three'],
      ['heard', OTHER, 'x', { y: [1] }],
      ['also heard', 'x'],
      ['heard', AVATAR, 'all'],
      ['also heard', 'all'],
      ['destroyed', AVATAR, false, undefined],
    ])
    expect(errors).toEqual([])
    expect([...game.entities.keys()]).toEqual([OTHER])
  })

  it('tells where inside of an attribute the change is', () => {
    const { gate, game, errors } = client()
    const heard: unknown[] = []
    game.on('Avatar', { changed: { bag: (_value, place) => heard.push(place) } })
    gate.create(AVATAR, 'Avatar', { bag: {} }, true)
    const change = { entityId: AVATAR }
    gate.send('mapSet', { ...change, path: null, key: 'bag', value: { swords: [{ sharp: 1, by: { whom: 'me' } }] } })
    gate.send('mapSet', { ...change, path: [0, 'swords', 'bag'], key: 'sharp', value: 2 })
    gate.send('mapDelete', { ...change, path: ['by', 0, 'swords', 'bag'], key: 'whom' })
    gate.send('mapClear', { ...change, path: ['by', 0, 'swords', 'bag'] })
    gate.send('listAppend', { ...change, path: ['swords', 'bag'], value: {} })
    gate.send('listSet', { ...change, path: ['swords', 'bag'], index: 0, value: {} })
    gate.send('listPop', { ...change, path: ['swords', 'bag'] })
    gate.send('mapClear', { ...change, path: ['bag'] })
    gate.send('mapDelete', { ...change, path: null, key: 'bag' })
    gate.send('mapSet', { ...change, path: null, key: 'bag', value: 1 })
    gate.send('mapClear', { ...change, path: null })
    expect(heard).toEqual([
      [],
      ['swords', 0, 'sharp'],
      ['swords', 0, 'by', 'whom'],
      ['swords', 0, 'by'],
      ['swords', 1],
      ['swords', 0],
      ['swords', 1],
      [],
      [],
      [],
      [],
    ])
    expect(errors).toEqual([])
  })

  it('has a space while the player is in one, with hooks of its own', () => {
    const { gate, game } = client()
    const heard: unknown[] = []
    game.on('__space__', {
      created() {
        heard.push(this.attrs['weather'])
      },
      changed: { weather: (value) => heard.push(value) },
      destroyed: () => heard.push('left'),
    })
    gate.create(SPACE, '__space__', { _K: 2, weather: 'sun' })
    expect(game.space).toMatchObject({ id: SPACE, kind: 2 })
    gate.send('mapSet', { entityId: SPACE, path: null, key: 'weather', value: 'rain' })
    gate.send('destroyEntity', { type: '__space__', entityId: SPACE })
    expect(game.space).toBeUndefined()
    expect(heard).toEqual(['sun', 'rain', 'left'])
  })

  it('shows an observer where an entity was before it moved', () => {
    const seen: unknown[] = []
    const { gate, game } = client({
      observer: { onPosition: (entity, x, _y, _z, yaw) => seen.push([entity.position.x, x, entity.yaw, yaw]) },
    })
    gate.create(AVATAR, 'Avatar', {}, true)
    gate.create(OTHER, 'Avatar')
    gate.send('positions', { records: records([AVATAR, 5, 6, 7, 1.5], [OTHER, 8, 9, 10, 2.5]) })
    gate.send('positions', { records: records([OTHER, 11, 9, 10, 3.5]) })
    expect(seen).toEqual([
      [1, 5, 0.5, 1.5],
      [1, 8, 0.5, 2.5],
      [8, 11, 2.5, 3.5],
    ])
    expect(game.player).toMatchObject({ position: { x: 5, y: 6, z: 7 }, yaw: 1.5 })
    expect(game.counters.positions).toBe(3)
  })

  it('places all that a message is about, whatever an observer throws at one of them', () => {
    const { gate, game, log } = client({
      observer: {
        onPosition: ({ id }) => {
          if (id === AVATAR) throw new Error('not this one')
        },
      },
    })
    gate.create(AVATAR, 'Avatar', {}, true)
    gate.create(OTHER, 'Avatar')
    gate.send('positions', { records: records([AVATAR, 5, 6, 7, 1.5], [OTHER, 8, 9, 10, 2.5]) })
    const x = () => game.entities.get(OTHER)!.position.x
    expect(x()).toBe(8)

    // In compact form the next is told by how far it is from this one.
    const writer = new PacketWriter()
    sessionMessages.numbered.write(writer, { entityId: AVATAR, number: 1 })
    sessionMessages.numbered.write(writer, { entityId: OTHER, number: 2 })
    const told = { timeMs: 0, step: 0 }
    const places = [(1 << 5) | 0b10001, 2, (2 << 5) | 0b10001, 20]
    const steps = [(1 << 5) | 0b00001, 2, (2 << 5) | 0b00001, 2]
    sessionMessages.compactPositions.write(writer, { ...told, records: Uint8Array.from(places) })
    sessionMessages.compactPositions.write(writer, { ...told, records: Uint8Array.from(steps) })
    gate.push(writer.copy())
    expect(x()).toBe(11)
    expect([game.counters.hookErrors, game.counters.protocolErrors]).toEqual([3, 0])
    expect(log.matching('error', 'not this one')).toHaveLength(3)
  })

  it('moves its player and calls the server', () => {
    const { gate, game } = client()
    expect(game.move(1, 2, 3, 0.5)).toBe(false)
    gate.create(AVATAR, 'Avatar', {}, true)
    expect(game.move(4, 5, 6, 0.25)).toBe(true)
    expect(game.player?.position).toEqual({ x: 4, y: 5, z: 6 })
    const { server } = game.player!
    server['say']!('hello', 3)
    expect(server['then']).toBeUndefined()
    expect(gate.heard()).toEqual([
      { name: 'positionFromClient', values: { entityId: AVATAR, x: 4, y: 5, z: 6, yaw: 0.25 } },
      { name: 'callFromClient', values: { entityId: AVATAR, method: 'say', args: ['hello', 3] } },
    ])
    expect(game.counters).toMatchObject({ framesOut: 2, bytesOut: gate.written[0]!.length + gate.written[1]!.length })
  })

  it('throws to the author what cannot be said, and sends nothing of it', () => {
    const { gate, game } = client()
    expect(() => game.call('short', 'say')).toThrow(TypeError)
    expect(() => game.call(AVATAR, 'say', [new Date()])).toThrow(TypeError)
    expect(gate.written).toEqual([])
    game.call(AVATAR, 'say', 'hello')
    expect(gate.heard()).toHaveLength(1)
  })

  it('finds an entity again whose place another one has taken', () => {
    const { gate, game, errors } = client()
    const ids = Array.from({ length: 200 }, (_, index) => `entity${String(index).padStart(10, '0')}`)
    for (const id of ids) gate.create(id, 'Monster', { id })
    for (const id of ids.slice(0, 100)) gate.send('destroyEntity', { type: 'Monster', entityId: id })
    for (const id of ids.slice(0, 50)) gate.create(id, 'Monster', { id })
    const left = [...ids.slice(100), ...ids.slice(0, 50)]
    gate.send('positions', { records: records(...left.map((id, index) => [id, index, 0, 0, 0] as const)) })
    expect([...game.entities.values()].map(({ id, attrs, position }) => [id, attrs['id'], position.x])).toEqual(
      left.map((id, index) => [id, id, index]),
    )
    expect(errors).toEqual([])
  })
})

describe('what a server gets wrong', () => {
  it.each([
    ['a message of an unknown type', 'unknown message', raw(999)],
    ['a message that is cut off', 'wire', raw(1002, 1, 0)],
    ['a message with more behind it', 'wire', longer(frame('destroyEntity', { type: 'Avatar', entityId: AVATAR }))],
    ['arguments that cannot be there', 'wire', raw(1501, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255)],
    ['positions that end within a record', 'wire', raw(1502, ...new Array<number>(33).fill(65))],
    ['attributes that are no map', 'wire', frame('createEntity', { ...created(OTHER), attrs: [1] })],
    ['an entity created again', 'duplicate', frame('createEntity', created(AVATAR))],
    ['a destroy of an unknown entity', 'unknown entity', frame('destroyEntity', { type: 'Avatar', entityId: OTHER })],
    [
      'a call on an unknown entity',
      'unknown entity',
      frame('callOnClient', { entityId: OTHER, method: 'say', args: [] }),
    ],
    ['a change of an unknown entity', 'unknown entity', frame('mapClear', { entityId: OTHER, path: null })],
    [
      'a position of an unknown entity',
      'unknown entity',
      frame('positions', { records: records([OTHER, 1, 1, 1, 1]) }),
    ],
    ['a call of a hook', 'reserved method', frame('callOnClient', { entityId: AVATAR, method: 'destroyed', args: [] })],
    [
      'a message for another client',
      'misdelivered',
      frame('destroyEntity', { type: 'Avatar', entityId: AVATAR }, 'client0000000002'),
    ],
  ] as const)('%s is counted and changes nothing', (_what, kind, bytes) => {
    const { gate, game, kinds, log } = client()
    game.on('Avatar', {})
    gate.create(AVATAR, 'Avatar', { name: 'one' }, true)
    gate.push(bytes)
    expect(kinds()).toEqual([kind])
    expect(game.counters.protocolErrors).toBe(1)
    expect(game.counters.unknownEntities).toBe(kind === 'unknown entity' ? 1 : 0)
    expect([...game.entities.values()]).toEqual([game.player])
    expect(game.player).toMatchObject({ id: AVATAR, attrs: { name: 'one' }, position: { x: 1, y: 2, z: 3 } })

    gate.create(SPACE, '__space__')
    expect(game.space?.id).toBe(SPACE)
    expect(kinds()).toHaveLength(1)
    expect(log.lines).toEqual([])
  })

  it('positions behind that of an unknown entity still count', () => {
    const { gate, game, kinds } = client()
    gate.create(AVATAR, 'Avatar', {}, true)
    gate.send('positions', { records: records([OTHER, 1, 1, 1, 1], [AVATAR, 9, 9, 9, 1]) })
    expect(kinds()).toEqual(['unknown entity'])
    expect(game.player?.position.x).toBe(9)
  })

  it('a player or space on top of another takes its place', () => {
    const { gate, game, kinds } = client()
    const destroyed: string[] = []
    for (const type of ['Avatar', '__space__'])
      game.on(type, {
        destroyed() {
          destroyed.push(this.id)
        },
      })
    gate.create(AVATAR, 'Avatar', {}, true)
    gate.create(OTHER, 'Avatar', {}, true)
    gate.create(SPACE, '__space__')
    gate.create('space00000000002', '__space__')
    expect(kinds()).toEqual(['duplicate', 'duplicate'])
    expect(destroyed).toEqual([AVATAR, SPACE])
    expect([...game.entities.values()]).toEqual([game.player])
    expect(game.player?.id).toBe(OTHER)
    expect(game.space?.id).toBe('space00000000002')
  })

  it('an entity destroyed under another type is gone all the same', () => {
    const { gate, game, kinds } = client()
    gate.create(AVATAR, 'Avatar', {}, true)
    gate.send('destroyEntity', { type: 'Monster', entityId: AVATAR })
    expect(kinds()).toEqual(['mirror'])
    expect(game.player).toBeUndefined()
  })

  it('a frame longer than allowed ends the session', () => {
    const { gate, game, kinds } = client({ frameBytesMax: 100 })
    const reasons: string[] = []
    game.onClose((reason) => reasons.push(reason))
    gate.push(new Uint8Array([101, 0, 0, 0]))
    expect(kinds()).toEqual(['wire'])
    expect(gate.closedByClient).toBe(true)
    expect(reasons).toEqual(['a frame of 101 bytes; allowed are 2 to 100'])
    expect(game.closed).toBe(reasons[0])
  })

  it('a call while the client has no player is no error', () => {
    const { gate, game, errors } = client()
    gate.send('callFiltered', { op: 0, key: '', value: '', method: 'heard', args: [] })
    expect(errors).toEqual([])
    expect(game.counters.unheardCalls).toBe(1)
  })
})

describe('a hook that throws', () => {
  it('is logged with its name and harms nobody else', () => {
    const { gate, game, errors, log } = client()
    game.on('Avatar', {
      created() {
        throw new Error('created went wrong')
      },
      say(words: string) {
        throw new Error(words)
      },
    })
    gate.create(AVATAR, 'Avatar', {}, true)
    gate.send('callOnClient', { entityId: AVATAR, method: 'say', args: ['say went wrong'] })
    expect(errors).toEqual([])
    expect(game.counters.hookErrors).toBe(2)
    expect(game.player?.id).toBe(AVATAR)
    expect(log.lines.map(({ message }) => message.split('\n')[0])).toEqual([
      `Avatar<${AVATAR}>.created: Error: created went wrong`,
      `Avatar<${AVATAR}>.say: Error: say went wrong`,
    ])
  })

  it('is counted and named when it rejects later, whoever has run meanwhile', async () => {
    const { gate, game, log } = client()
    game.on('Avatar', {
      async created() {
        await undefined
        throw new Error('created went wrong')
      },
      changed: { name: () => Promise.reject(new Error('name went wrong')) },
      say: (words: string) => Promise.reject(new Error(words)),
      destroyed: () => Promise.reject('no error at all'),
    })
    gate.create(AVATAR, 'Avatar', { name: 'one' }, true)
    gate.send('mapSet', { entityId: AVATAR, path: null, key: 'name', value: 'two' })
    gate.send('callOnClient', { entityId: AVATAR, method: 'say', args: ['say went wrong'] })
    gate.send('destroyEntity', { type: 'Avatar', entityId: AVATAR })
    await new VirtualClock().advance(0)
    expect(game.counters.hookErrors).toBe(4)
    expect(log.lines.map(({ message }) => message.split('\n')[0]).sort()).toEqual([
      `Avatar<${AVATAR}>.created: Error: created went wrong`,
      `Avatar<${AVATAR}>.destroyed: no error at all`,
      `Avatar<${AVATAR}>.name: Error: name went wrong`,
      `Avatar<${AVATAR}>.say: Error: say went wrong`,
    ])
  })

  it('does not keep its session from going on when it is the one that hears of protocol errors', async () => {
    const { gate, game, log } = client({
      observer: {
        onProtocolError(error: ProtocolError) {
          if (error.kind === 'duplicate') throw new Error('duplicate went wrong')
          return Promise.reject(new Error('later went wrong'))
        },
      },
    })
    gate.create(AVATAR, 'Avatar', {}, true)
    gate.create(AVATAR, 'Avatar', {}, true)
    gate.push(raw(999))
    gate.create(OTHER, 'Avatar')
    await new VirtualClock().advance(0)
    expect(game.entities.size).toBe(2)
    expect(game.counters).toMatchObject({ protocolErrors: 2, hookErrors: 2 })
    expect(log.lines.map(({ message }) => message.split('\n')[0])).toEqual([
      'observer.onProtocolError: Error: duplicate went wrong',
      'observer.onProtocolError: Error: later went wrong',
    ])
  })
})

describe('the end of a session', () => {
  it('is told once, also to those who ask later', () => {
    const { gate, game } = client()
    const reasons: string[] = []
    game.onClose((reason) => reasons.push(reason))
    gate.end('the server went away')
    gate.end('twice')
    game.onClose((reason) => reasons.push(reason))
    expect(reasons).toEqual(['the server went away', 'the server went away'])
  })

  it('is told to all, whatever one of them throws', async () => {
    const { gate, game, log } = client()
    const reasons: string[] = []
    const fail = () => {
      throw new Error('onClose went wrong')
    }
    game.onClose(fail)
    game.onClose(async () => fail())
    game.onClose((reason) => reasons.push(reason))
    gate.end('the server went away')
    game.onClose(fail)
    await new VirtualClock().advance(0)
    expect(reasons).toEqual(['the server went away'])
    expect(game.counters.hookErrors).toBe(3)
    expect(log.lines.map(({ message }) => message.split('\n')[0])).toEqual(
      new Array(3).fill('client.onClose: Error: onClose went wrong'),
    )
  })

  it('lets nothing in or out after close()', () => {
    const { gate, game } = client()
    gate.create(AVATAR, 'Avatar', {}, true)
    game.close()
    gate.create(OTHER, 'Avatar')
    game.call(AVATAR, 'say')
    expect(game.move(1, 1, 1, 1)).toBe(false)
    expect(gate.written).toEqual([])
    expect(game.entities.size).toBe(1)
    expect(game.closed).toBe('closed')
  })

  it('comes when the server does not read', () => {
    const { gate, game } = client({ outBytesMax: 100_000 })
    gate.create(AVATAR, 'Avatar', {}, true)
    gate.bufferedBytes = 70_000
    expect(game.move(1, 1, 1, 1)).toBe(false)
    expect(game.counters.droppedMoves).toBe(1)
    game.call(AVATAR, 'say')
    expect(game.closed).toBeUndefined()
    gate.bufferedBytes = 100_001
    game.call(AVATAR, 'say')
    expect(game.closed).toBe('the server does not read')
  })
})

describe('a heartbeat', () => {
  it('is sent only when nothing else was', async () => {
    const clock = new VirtualClock()
    const { gate, game } = client({ clock, heartbeatMs: 1000 })
    await clock.advance(2500)
    expect(gate.heard().map(({ name }) => name)).toEqual(['heartbeat', 'heartbeat'])
    game.call(AVATAR, 'say')
    await clock.advance(1000)
    expect(gate.written).toHaveLength(3)
    await clock.advance(1000)
    expect(gate.written).toHaveLength(4)
    game.close()
    await clock.advance(10_000)
    expect(gate.written).toHaveLength(4)
  })
})

function created(entityId: string) {
  return { isPlayer: false, entityId, type: 'Avatar', x: 0, y: 0, z: 0, yaw: 0, attrs: {} }
}

function records(...rows: (readonly [string, number, number, number, number])[]): Uint8Array {
  const writer = new PacketWriter()
  for (const [id, ...numbers] of rows) {
    writer.id(id)
    for (const number of numbers) writer.f32(number)
  }
  return writer.copy()
}

function raw(type: number, ...payload: number[]): Uint8Array {
  const writer = new PacketWriter()
  const start = writer.beginFrame(type)
  writer.raw(new Uint8Array(payload))
  writer.endFrame(start)
  return writer.copy()
}

function longer(bytes: Uint8Array): Uint8Array {
  const more = new Uint8Array([...bytes, 0])
  more[0] = more[0]! + 1
  return more
}
