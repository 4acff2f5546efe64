// A space that remembers: who was where when a player saw it, and who of them a shot hits.
import { afterEach, describe, expect, test } from 'vitest'
import { entity, number, space } from '../../../components/game/goworld.ts'
import { coreOf } from '../../../engine/entity/core.ts'
import { callBytes, client, Harness } from './harness.ts'

class Arena extends space({ history: 1000 }) {}
class Plain extends space({}) {}
class Player extends entity({ aoi: 50, ownClient: { act: [number] } }) {
  act(_n: number) {}
}
class Target extends entity({ aoi: 0 }) {}
class Ghost extends entity({}) {}

let open: Harness | undefined
afterEach(() => open?.stop())

function start() {
  const h = new Harness([Arena, Plain, Player, Target, Ghost])
  open = h
  const arena = h.game.createSpace(Arena, 1)
  const player = h.game.create(Player)
  h.world.players.connect(coreOf(player), client(1))
  void player.enterSpace(arena)
  let no = 0
  /** The player acts, having seen what was so long ago. */
  const act = (agoMs: number) => {
    const bytes = callBytes('act', 1)
    const seenMs = (h.clock.wallMs() - agoMs) % 2 ** 32
    h.world.inputs.take(coreOf(player), ++no, seenMs, bytes, 0, bytes.length)
    return arena.seenBy(player)
  }
  /** So many intervals go by; `each` moves somebody. */
  const flushes = async (count: number, each: (n: number) => void = () => {}) => {
    for (let n = 1; n <= count; n++) {
      await h.clock.advance(100)
      each(n)
      h.world.movement.flush()
    }
  }
  const target = (x: number, z = 0) => {
    const made = h.game.create(Target)
    void made.enterSpace(arena, { x, y: 0, z })
    return made
  }
  return { h, arena, player, act, flushes, target }
}

describe('a space that remembers', () => {
  test('knows where somebody was, between the flushes too', async () => {
    const { act, flushes, target } = start()
    const moving = target(0)
    await flushes(5, (n) => {
      moving.position = { x: n, y: 0, z: 0 }
    })
    expect([0, 100, 150, 200, 400, 450].map((ago) => act(ago).position(moving)!.x)).toEqual([
      5,
      4,
      3.5,
      3,
      1,
      expect.closeTo(0.5),
    ])
  })

  test('knows who stood, and for how long', async () => {
    const { act, flushes, target } = start()
    const moving = target(0)
    await flushes(6)
    await flushes(1, () => {
      moving.position = { x: 8, y: 0, z: 0 }
    })
    expect([0, 50, 100, 300].map((ago) => act(ago).position(moving)!.x)).toEqual([8, 4, 0, 0])
  })

  test('goes back no farther than it remembers, and never ahead', async () => {
    const { h, player, act, flushes, target } = start()
    const moving = target(0)
    await flushes(30, (n) => {
      moving.position = { x: n, y: 0, z: 0 }
    })
    expect(act(60_000).timeMs).toBe(h.clock.wallMs() - 1000)
    expect(act(60_000).position(moving)!.x).toBe(20)
    expect(act(-5000).timeMs).toBe(h.clock.wallMs())
    expect(act(-5000).position(moving)!.x).toBe(30)
    expect(h.world.inputs.clamped).toBe(4)
    expect(player.seenAtMs).toBe(h.clock.wallMs())
    act(60_000)
    expect(player.seenAtMs).toBe(h.clock.wallMs() - 10_000)
    const { track } = coreOf(moving)
    expect(track!.count).toBeLessThan(16)
  })

  test('without an input shows what was an interval ago', async () => {
    const { arena, player, flushes, target } = start()
    const moving = target(0)
    await flushes(5, (n) => {
      moving.position = { x: n, y: 0, z: 0 }
    })
    expect(arena.seenBy(player).position(moving)!.x).toBe(4)
  })

  test('has the player itself where it is: it is ahead of the rest', async () => {
    const { player, act, flushes } = start()
    await flushes(3, (n) => {
      player.position = { x: n, y: 0, z: 0 }
    })
    expect(act(300).position(player)!.x).toBe(3)
  })

  test('forgets who leaves, and begins anew with who comes back', async () => {
    const { h, arena, act, flushes, target } = start()
    const other = h.game.createSpace(Plain, 2)
    const moving = target(0)
    await flushes(3, (n) => {
      moving.position = { x: n, y: 0, z: 0 }
    })
    void moving.enterSpace(other)
    expect(act(200).position(moving)).toBeUndefined()
    expect(coreOf(moving).track).toBeUndefined()
    await flushes(1)
    void moving.enterSpace(arena, { x: 77, y: 0, z: 0 })
    expect(act(200).position(moving)!.x).toBe(77)
  })

  test('is a matter of its contract', () => {
    const { h, player } = start()
    const plain = h.game.createSpace(Plain, 2)
    void player.enterSpace(plain)
    expect(() => plain.seenBy(player)).toThrow('give its contract a `history`')
    expect(coreOf(player).track).toBeUndefined()
  })
})

describe('a shot', () => {
  test('hits whose circle it touches, nearest first', async () => {
    const { act, flushes, target } = start()
    const [far, near, aside, behind] = [target(20), target(10, 0.9), target(15, 1.1), target(-3)]
    await flushes(1)
    const hits = act(0).ray({ x: 0, z: 0 }, { x: 30, z: 0 }, 1)
    expect(hits.map(({ entity: one }) => one)).toEqual([near, far])
    expect(hits[0]!.distance).toBeCloseTo(10 - Math.sqrt(1 - 0.81))
    expect(hits[1]).toEqual({ entity: far, position: { x: 20, y: 0, z: 0 }, distance: 19 })
    expect(
      act(0)
        .ray({ x: 0, z: 0 }, { x: 18.9, z: 0 }, 1)
        .map(({ entity: one }) => one),
    ).toEqual([near])
    expect(act(0).ray({ x: 0, z: 0 }, { x: 30, z: 0 }, (one) => (one === aside ? 2 : 0.1))).toHaveLength(2)
    expect(
      act(0)
        .ray({ x: -3.5, z: 0 }, { x: -3.5, z: 0 }, 1)
        .map(({ entity: one }) => one),
    ).toEqual([behind])
    expect(act(0).ray({ x: -3, z: 0.2 }, { x: -3, z: 9 }, 1)[0]!.distance).toBe(0)
  })

  test('hits who was there, not who is', async () => {
    const { act, flushes, target } = start()
    const moving = target(10)
    await flushes(5, (n) => {
      moving.position = { x: 10, y: 0, z: n }
    })
    expect(act(300).ray({ x: 0, z: 2 }, { x: 20, z: 2 }, 0.3)).toHaveLength(1)
    expect(act(0).ray({ x: 0, z: 2 }, { x: 20, z: 2 }, 0.3)).toHaveLength(0)
  })

  test('takes in a circle who was in it', async () => {
    const { act, flushes, target } = start()
    const [one, two] = [target(3), target(0, 2)]
    target(9)
    await flushes(1)
    expect(
      act(0)
        .within(0, 0, 4)
        .map(({ entity, distance }) => [entity, distance]),
    ).toEqual([
      [two, 2],
      [one, 3],
    ])
  })

  test('meets only those that the player saw', async () => {
    const { h, arena, player, act, flushes, target } = start()
    const hidden = h.game.create(Ghost)
    void hidden.enterSpace(arena, { x: 5, y: 0, z: 0 })
    const distant = target(60)
    const left = target(49)
    left.position = { x: 49, y: 3, z: 0 }
    await flushes(2)
    await flushes(2, (n) => {
      left.position = { x: 49 + n * 30, y: 3, z: 0 }
    })
    expect(player.sees(left)).toBe(false)
    // Out of sight by now; a while ago it was not.
    expect(act(250).ray({ x: 0, z: 0 }, { x: 100, z: 0 }, 1)).toEqual([
      { entity: left, position: { x: 49, y: 3, z: 0 }, distance: 48 },
    ])
    expect(act(0).ray({ x: 0, z: 0 }, { x: 200, z: 0 }, 1)).toEqual([])
    expect(act(250).position(distant)!.x).toBe(60)
    void player.enterSpace(h.game.createSpace(Arena, 2))
    expect(arena.seenBy(player).within(49, 0, 100)).toEqual([])
  })
})

describe('what was frozen', () => {
  test('remembers from then on', async () => {
    const { h, arena, flushes, target } = start()
    const moving = target(0)
    await flushes(3, (n) => {
      moving.position = { x: n, y: 0, z: 0 }
    })
    const core = coreOf(moving)
    const inner = coreOf(arena) as unknown as { seat(one: unknown): void; leave(one: unknown): void }
    inner.leave(core)
    inner.seat(core)
    expect([core.track!.count, core.track!.newestMs]).toEqual([1, h.clock.wallMs()])
  })
})
