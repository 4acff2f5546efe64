// Calls wait for those before them that share a key, and for no others.
import { describe, expect, it } from 'vitest'
import { CallOrder, type Place, type Turn } from '../../../engine/storage/call-order.ts'

/** Enters calls at the places given; tells which of them may go, after `leave` of some. */
function enterAll(...places: Place[]) {
  const order = new CallOrder()
  const went: (boolean | undefined)[] = []
  const turns = places.map((place, n): Turn => {
    const turn = order.enter(place)
    if (!turn.come) went[n] = true
    turn.come?.then((wentWell) => {
      went[n] = wentWell
    })
    return turn
  })
  const settled = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    return places.map((_, n) => n).filter((n) => went[n] !== undefined)
  }
  return { turns, settled, went }
}

describe('the order of calls', () => {
  it('is that in which they were made, for one key', async () => {
    const { turns, settled } = enterAll('a', 'b', 'a', 'a')
    expect(await settled()).toEqual([0, 1])
    turns[1]!.leave(true)
    expect(await settled()).toEqual([0, 1])
    turns[0]!.leave(true)
    expect(await settled()).toEqual([0, 1, 2])
    turns[2]!.leave(true)
    expect(await settled()).toEqual([0, 1, 2, 3])
  })

  it('holds for a range and each key in it, its begin included and its end not', async () => {
    const { turns, settled } = enterAll('a', 'b', 'c', { begin: 'b', end: 'c' }, 'a\0', 'b', 'bb', 'c')
    expect(await settled()).toEqual([0, 1, 2, 4])
    turns[2]!.leave(true)
    expect(await settled()).toEqual([0, 1, 2, 4, 7])
    turns[1]!.leave(true)
    expect(await settled()).toEqual([0, 1, 2, 3, 4, 7])
    turns[3]!.leave(true)
    expect(await settled()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  it('is none between ranges, which change nothing', async () => {
    const { settled } = enterAll({ begin: 'a', end: 'c' }, { begin: 'b', end: 'd' }, 'd')
    expect(await settled()).toEqual([0, 1, 2])
  })

  it('tells who waited for one that failed', async () => {
    const { turns, settled, went } = enterAll('a', 'a', 'a')
    turns[0]!.leave(false)
    await settled()
    expect(went[1]).toBe(false)
    turns[1]!.leave(true)
    await settled()
    expect(went[2]).toBe(true)
  })
})
