// Guesses of the client: what confirms them, what takes them back, and that each ends once.
import { beforeEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { connect } from '../../../engine/client/client.ts'
import { motion } from '../../../engine/client/motion.ts'
import { sessionMessages } from '../../../engine/wire/client-wire.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import { GateSide } from './gate-side.ts'

const ME = 'player0000000001'
let clock: VirtualClock
let gate: GateSide
let log: MemoryLog
let heard: unknown[]

function client() {
  const game = connect(gate, { clock, log, heartbeatMs: 0, motion })
  gate.create('space00000000001', '__space__', { _K: 1 })
  gate.create(ME, 'Player', {}, true)
  return game
}
const noting = (name: string) => ({
  confirmed: (...what: unknown[]) => void heard.push([name, 'confirmed', ...what.slice(1)]),
  rejected: (why: string) => void heard.push([name, why]),
})
function done(no: number): void {
  const writer = new PacketWriter()
  sessionMessages.inputDone.write(writer, { entityId: ME, no, timeMs: 5, x: 0, y: 0, z: 0, yaw: 0 })
  gate.push(writer.copy())
}

beforeEach(() => {
  clock = new VirtualClock()
  gate = new GateSide()
  log = new MemoryLog()
  heard = []
})

describe('a guess', () => {
  test('is confirmed by the entity that it stands for, before its hooks run', () => {
    const game = client()
    game.on('Bullet', { created: () => void heard.push('created') })
    const wrong = game.expectSpawn('Bullet', { ...noting('wrong'), matches: (bullet) => bullet.attrs['no'] === 8 })
    const right = game.expectSpawn('Bullet', { ...noting('right'), matches: (bullet) => bullet.attrs['no'] === 7 })
    const later = game.expectSpawn('Bullet', noting('later'))
    gate.create('monster000000001', 'Monster', { no: 7 })
    gate.create('bullet0000000001', 'Bullet', { no: 7 })
    expect(heard).toEqual([['right', 'confirmed'], 'created'])
    expect([wrong.outcome, right.outcome, later.outcome]).toEqual(['open', 'confirmed', 'open'])
    expect(game.motion.expected).toBe(2)
  })

  test('is confirmed by the call that it stands for', () => {
    const game = client()
    game.on('Player', { hit: (who: unknown) => void heard.push(['hook', who]) })
    game.expectCall('Player', 'hit', {
      ...noting('hit'),
      matches: (player, who) => player.isOwn && who === 'monster',
    })
    gate.send('callOnClient', { entityId: ME, method: 'hit', args: ['tree'] })
    gate.send('callOnClient', { entityId: ME, method: 'hit', args: ['monster'] })
    expect(heard).toEqual([
      ['hook', 'tree'],
      ['hit', 'confirmed', 'monster'],
      ['hook', 'monster'],
    ])
  })

  test('is over when its input is done and nothing has come of it', () => {
    const game = client()
    game.expectSpawn('Bullet', { ...noting('first'), no: 1 })
    game.expectSpawn('Bullet', { ...noting('second'), no: 2 })
    done(1)
    expect(heard).toEqual([['first', 'input']])
    gate.create('bullet0000000001', 'Bullet')
    done(2)
    expect(heard).toEqual([
      ['first', 'input'],
      ['second', 'confirmed'],
    ])
    game.expectSpawn('Bullet', { ...noting('late'), no: 2 })
    expect(heard.at(-1)).toEqual(['late', 'input'])
  })

  test('may come a while after its input', async () => {
    const game = client()
    game.expectSpawn('Bullet', { ...noting('in time'), no: 1, graceMs: 300 })
    game.expectSpawn('Bullet', { ...noting('too late'), no: 1, graceMs: 300 })
    done(1)
    await clock.advance(200)
    gate.create('bullet0000000001', 'Bullet')
    expect(heard).toEqual([['in time', 'confirmed']])
    await clock.advance(200)
    expect(heard.at(-1)).toEqual(['too late', 'input'])
  })

  test('is not waited for any longer because other inputs are done meanwhile, nor beyond its time', async () => {
    const game = client()
    game.expectSpawn('Bullet', { ...noting('grace'), no: 1, graceMs: 300 })
    game.expectSpawn('Bullet', { ...noting('limit'), no: 1, graceMs: 3000, limitMs: 400 })
    for (let no = 1; no <= 10; no++) {
      done(no)
      await clock.advance(50)
    }
    expect(heard).toEqual([
      ['grace', 'input'],
      ['limit', 'time'],
    ])
    expect(game.motion.expected).toBe(0)
    expect(() => game.expectSpawn('Bullet', { limitMs: Number.NaN })).toThrow(RangeError)
    expect(() => game.expectCall('Player', 'hit', { graceMs: -1 })).toThrow(RangeError)
  })

  test('is over after its time, or when it is told so, once', async () => {
    const game = client()
    const told = game.expectSpawn('Bullet', noting('told'))
    game.expectSpawn('Bullet', { ...noting('timed'), limitMs: 500 })
    told.reject()
    told.reject()
    await clock.advance(499)
    expect(heard).toEqual([['told', 'told']])
    await clock.advance(5000)
    expect(heard).toEqual([
      ['told', 'told'],
      ['timed', 'time'],
    ])
    expect([told.outcome, game.motion.expected]).toEqual(['rejected', 0])
  })

  test('that throws is logged, and the rest goes on', () => {
    const game = client()
    game.expectSpawn('Bullet', {
      matches: () => {
        throw new Error('no match')
      },
    })
    game.expectSpawn('Bullet', {
      confirmed: () => {
        throw new Error('not confirmed')
      },
    })
    gate.create('bullet0000000001', 'Bullet')
    expect(log.matching('error', 'what is expected of Bullet.created: Error: no match')).toHaveLength(1)
    expect(log.matching('error', 'not confirmed')).toHaveLength(1)
    expect(game.entities.size).toBe(2)
  })

  test('too many end the oldest', () => {
    const game = client()
    for (let n = 0; n < 257; n++) game.expectSpawn('Bullet', noting(`${n}`))
    expect(heard).toEqual([['0', 'time']])
    expect(game.motion.expected).toBe(256)
  })
})

describe('an answer to an input', () => {
  test('that is no message is an error, and changes nothing', () => {
    const errors: string[] = []
    const game = connect(gate, {
      clock,
      log,
      heartbeatMs: 0,
      motion,
      observer: { onProtocolError: ({ kind }) => void errors.push(kind) },
    })
    gate.create(ME, 'Player', {}, true)
    const writer = new PacketWriter()
    sessionMessages.inputDone.write(writer, { entityId: ME, no: 1, timeMs: 5, x: 8, y: 0, z: 0, yaw: 0 })
    const cut = writer.bytes.slice(0, writer.at - 3)
    cut[0]! -= 3
    gate.push(cut)
    writer.at = 0
    sessionMessages.inputDone.write(writer, { entityId: `${ME.slice(1)}x`, no: 1, timeMs: 5, x: 8, y: 0, z: 0, yaw: 0 })
    gate.push(writer.copy())
    expect(errors).toEqual(['wire', 'unknown entity'])
    expect(game.player!.position.x).toBe(1)
  })
})
