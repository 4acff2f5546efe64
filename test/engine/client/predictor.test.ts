// The own player ahead of a server that is played by the test: it runs inputs when it is told to, and answers.
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MirrorEntity, type MirrorOwner } from '../../../engine/client/mirror.ts'
import { Motion, type MotionOwner } from '../../../engine/client/motion.ts'
import type { PredictOptions } from '../../../engine/client/predictor.ts'
import { sessionMessages } from '../../../engine/wire/client-wire.ts'
import { PacketReader, PacketWriter } from '../../../engine/wire/packet.ts'

interface Walk {
  x: number
  z: number
  speed?: number
}
type Controls = { x: number }
const STEP_MS = 50
const GAME_MS = 1_800_000_000_000

/** A client with a player, and the server's side of it. */
function stage(options: Partial<PredictOptions<Walk, Controls, MirrorEntity>> = {}) {
  const clock = new VirtualClock()
  const failures: unknown[] = []
  const sent: { no: number; method: string; args: readonly unknown[] }[] = []
  const owner: MotionOwner & { player: MirrorEntity | undefined; isOpen: boolean } = {
    clock,
    player: undefined,
    isOpen: true,
    sendInput: (_id, [no], method, args) => {
      if (owner.isOpen) sent.push({ no: no!, method, args })
      return owner.isOpen
    },
    handlers: new Map(),
    known: () => owner.player!,
    hookFailed: (_where, error) => void failures.push(error),
  }
  const motion = new Motion(owner)
  const mirrors: MirrorOwner = { space: undefined, motion, call: () => {} }
  const become = (x: number, type = 'Player') => {
    owner.player = new MirrorEntity(mirrors, `player${clock.now()}`.padEnd(16, '.'), type, true, { speed: 5 })
    owner.player.place(x, 0, 0, 0)
    motion.created(owner.player)
    return owner.player
  }
  const step = (state: Walk, { x }: Controls, stepMs: number) => {
    state.x += (x * (state.speed ?? 5) * stepMs) / 1000
  }
  const me = motion.predict<Walk, Controls>('Player', {
    method: 'steer',
    stepMs: STEP_MS,
    step,
    state: ({ position: { x, z }, attrs }) => ({ x, z, speed: attrs['speed'] as number }),
    ...options,
  })
  /** The server has run all up to `no`, which led there. */
  const done = (no: number, x: number) => {
    const writer = new PacketWriter()
    for (const word of [no, (GAME_MS + clock.now()) % 2 ** 32]) writer.u32(word)
    for (const place of [x, 0, 0, 0]) writer.f32(place)
    owner.handlers.get(sessionMessages.inputDone.code)!(new PacketReader(writer.copy()))
  }
  const frame = async (controls: Controls, ms = STEP_MS) => {
    await clock.advance(ms)
    motion.time.frame()
    return me.update(controls)
  }
  return { clock, motion, owner, me, sent, failures, become, done, frame }
}

describe('a predictor', () => {
  test('does nothing while there is no player, or one of another class', async () => {
    const { me, become, frame, sent } = stage()
    expect(await frame({ x: 1 })).toBe(0)
    become(3, 'Account')
    expect(await frame({ x: 1 })).toBe(0)
    expect([me.input({ x: 1 }), me.state, me.mirror, sent.length]).toEqual([0, undefined, undefined, 0])
    become(3)
    expect(await frame({ x: 1 })).toBe(1)
    expect(me.state).toEqual({ x: 3.25, z: 0, speed: 5 })
  })

  test('sends each input with its number, as it was then', async () => {
    const { me, become, frame, sent } = stage({ args: ({ x }) => [x, 'walk'] })
    become(0)
    const controls = { x: 1 }
    await frame(controls)
    await frame(controls)
    expect(sent).toEqual([
      { no: 1, method: 'steer', args: [1, 'walk'] },
      { no: 2, method: 'steer', args: [1, 'walk'] },
    ])
    controls.x = -100
    expect(me.lastNo).toBe(2)
  })

  test('runs what was not answered again, with what it was', async () => {
    const { me, become, frame, done } = stage()
    become(0)
    const controls = { x: 1 }
    for (let n = 0; n < 4; n++) {
      controls.x = n + 1
      await frame(controls)
    }
    // 0.25, 0.75, 1.5, 2.5
    expect(me.state!.x).toBe(2.5)
    done(2, 0.75)
    expect([me.state!.x, me.waiting, me.corrections]).toEqual([2.5, 2, 0])
    done(3, 11.5)
    expect([me.state!.x, me.waiting, me.corrections, me.correction]).toEqual([12.5, 1, 1, 10])
  })

  test('takes steps that answer another state', async () => {
    const { me, become, frame } = stage({ step: (state, { x }) => ({ ...state, x: state.x + x }) })
    become(0)
    await frame({ x: 2 })
    expect(me.state!.x).toBe(2)
  })

  test('goes by what the server says of attributes too', async () => {
    const { me, become, frame, motion, owner, clock } = stage()
    become(0)
    await frame({ x: 1 })
    owner.player!.attrs = { speed: 10 }
    motion.ownChanged(owner.player!)
    await clock.advance(0)
    expect(me.state).toEqual({ x: 0.5, z: 0, speed: 10 })
  })

  test('draws between its steps, and makes those that are due', async () => {
    const { me, become, frame } = stage()
    become(0)
    await frame({ x: 1 }, 10)
    expect(await frame({ x: 1 }, 60)).toBe(1)
    expect(me.shown.x).toBeCloseTo(0.25 * 0.4)
    expect(await frame({ x: 1 }, 20)).toBe(0)
    expect(me.shown.x).toBeCloseTo(0.25 * 0.8)
    expect(await frame({ x: 1 }, 120)).toBe(3)
    // The page was asleep.
    expect(await frame({ x: 1 }, 5000)).toBe(5)
  })

  test('lets a correction fade until it is nothing, and says how large it was', async () => {
    const { me, become, frame, done, motion } = stage()
    become(0)
    for (let n = 0; n < 20; n++) await frame({ x: 1 })
    const before = me.shown.x
    done(20, 7)
    expect(me.shown.x).toBe(before)
    expect(motion.figures.correctionMax).toBeCloseTo(2)
    const left: number[] = []
    for (let n = 0; n < 120; n++) {
      await frame({ x: 0 }, 1000 / 60)
      left.push(7 - me.shown.x)
    }
    for (let n = 1; n < left.length; n++) expect(left[n]).toBeLessThanOrEqual(left[n - 1]!)
    expect(left[5]).toBeCloseTo(2 * Math.exp(-1), 1)
    expect(left.at(-1)).toBe(0)
  })

  test('is at once where it is corrected to by more than it may', async () => {
    const { me, become, frame, done } = stage({ snapDistance: 1 })
    become(0)
    for (let n = 0; n < 10; n++) await frame({ x: 1 })
    done(10, 4)
    // The last step is yet to be drawn.
    expect(me.shown.x).toBe(3.75)
    expect(me.state!.x).toBe(4)
    expect([me.corrections, me.correctionMax]).toEqual([0, 0])
  })

  test('stands still while the server is silent, says the last again, and says that it does', async () => {
    const told: boolean[] = []
    const { me, become, frame, done, sent } = stage({
      silentMs: 200,
      stalled: (isStalled) => void told.push(isStalled),
    })
    become(0)
    for (let n = 0; n < 30; n++) await frame({ x: 1 })
    expect([me.waiting, me.lastNo, me.isStalled, me.state!.x]).toEqual([4, 4, true, 1])
    expect(sent.map(({ no }) => no)).toEqual([1, 2, 3, 4, 4, 4])
    const { x } = me.shown
    await frame({ x: 1 }, 30)
    expect(me.shown.x).toBe(x)
    done(4, 1)
    await frame({ x: 1 })
    expect([me.lastNo, me.isStalled]).toEqual([5, false])
    expect(told).toEqual([true, false])
  })

  test('does not run what cannot be sent', async () => {
    const { me, become, frame, owner } = stage()
    become(0)
    owner.isOpen = false
    await frame({ x: 1 })
    expect([me.state!.x, me.waiting]).toEqual([0, 0])
  })

  test('begins anew with another player, and counts on', async () => {
    const { me, become, frame, done, clock } = stage()
    become(0)
    for (let n = 0; n < 3; n++) await frame({ x: 1 })
    await clock.advance(1)
    become(50)
    expect([me.waiting, me.state!.x, me.shown.x]).toEqual([0, 50, 50])
    await frame({ x: 1 })
    expect(me.lastNo).toBe(4)
    done(4, 50.25)
    expect(me.corrections).toBe(0)
  })

  test('measures how long an answer takes', async () => {
    const { me, become, frame, done, clock, motion } = stage()
    become(0)
    await frame({ x: 1 })
    expect(motion.figures.rttMs).toBeNaN()
    await clock.advance(120)
    motion.time.frame()
    done(1, 0.25)
    expect(me.rttMs).toBe(120)
    expect(motion.figures).toMatchObject({ rttMs: 120, waitingInputs: 0, isStalled: false, corrections: 0 })
  })

  test('measures that also while nothing is drawn', async () => {
    const { me, become, frame, done, clock } = stage()
    become(0)
    await frame({ x: 1 })
    await clock.advance(120)
    done(1, 0.25)
    expect(me.rttMs).toBe(120)
  })

  test('does not run an input twice for a hook that asks between what came of it and its answer', async () => {
    const { me, motion, become, frame, done, clock } = stage()
    const player = become(0)
    await frame({ x: 1 })
    await frame({ x: 1 })
    // The first one made it faster, and took it there.
    player.attrs = { speed: 10 }
    motion.ownChanged(player)
    expect(me.state!.x).toBe(0.5)
    done(1, 0.5)
    expect(me.state!.x).toBe(1)
    await clock.advance(0)
    expect(me.state!.x).toBe(1)
    expect(me.corrections).toBe(1)
    // What the server changes without an input is heard all the same.
    player.attrs = { speed: 20 }
    motion.ownChanged(player)
    await clock.advance(0)
    expect(me.state!.x).toBe(1.5)
  })

  test('has f32 for its place, as the wire does', async () => {
    const { me, become, frame } = stage()
    become(0.1)
    await frame({ x: 0.37 })
    expect(me.state!.x).toBe(Math.fround(me.state!.x))
  })

  test('refuses times that cannot be', () => {
    expect(() => stage({ stepMs: 0 })).toThrow('stepMs = 0')
    expect(() => stage({ silentMs: 10 })).toThrow('silentMs = 10')
    expect(() => stage({ correctionMs: Number.NaN })).toThrow('correctionMs')
  })
})
