// Marks: what must not overtake something else waits until that is on its way.
import { expect, test } from 'vitest'
import { Marks } from '../../../engine/entity/marks.ts'
import type { Outbound, PacketSink } from '../../../engine/entity/outbound.ts'

function start() {
  const link = () => {
    const marks: number[] = []
    return {
      up: true,
      marks,
      send: (name: string, { no }: { no: number }) => void (name === 'mark' && marks.push(no)),
    }
  }
  const [one, other] = [link(), link()]
  const marks = new Marks({ toGate: (gateId) => (gateId === 1 ? one : other) as unknown as PacketSink } as Outbound)
  const ran: string[] = []
  const behind = (gateId: number, through: typeof one, what: string) =>
    marks.behindGate(gateId, through as unknown as PacketSink, () => void ran.push(what))
  return { marks, one, other, ran, behind }
}

test('by the same link nothing overtakes: it runs at once, without a mark', () => {
  const { one, ran, behind } = start()
  behind(1, one, 'a')
  expect([ran, one.marks]).toEqual([['a'], []])
})

test('by another link it runs when the mark has come back, each behind its own', () => {
  const { marks, one, other, ran, behind } = start()
  behind(1, other, 'a')
  behind(1, other, 'b')
  behind(2, one, 'c')
  expect([ran, one.marks.length, other.marks.length]).toEqual([[], 2, 1])
  expect(new Set([...one.marks, ...other.marks]).size).toBe(3)
  marks.marked(one.marks[0]!)
  expect(ran).toEqual(['a'])
  marks.marked(other.marks[0]!)
  marks.marked(one.marks[1]!)
  expect(ran).toEqual(['a', 'c', 'b'])
})

test('a mark that comes twice, or that nobody waits for, does nothing', () => {
  const { marks, one, other, ran, behind } = start()
  marks.marked(7)
  behind(1, other, 'a')
  marks.marked(one.marks[0]!)
  marks.marked(one.marks[0]!)
  expect(ran).toEqual(['a'])
})

test('where there is no session nothing is on its way: it runs at once', () => {
  const { one, other, ran, behind } = start()
  one.up = false
  behind(1, other, 'a')
  expect([ran, one.marks]).toEqual([['a'], []])
})

test('a session that ends lets go of those behind it, in order, and of no others', () => {
  const { marks, one, other, ran, behind } = start()
  behind(1, other, 'a')
  behind(2, one, 'b')
  behind(1, other, 'c')
  marks.linkDown(one as unknown as PacketSink)
  expect(ran).toEqual(['a', 'c'])
  for (const no of one.marks) marks.marked(no)
  expect(ran).toEqual(['a', 'c'])
  marks.marked(other.marks[0]!)
  expect(ran).toEqual(['a', 'c', 'b'])
})

test('what runs may wait for another mark', () => {
  const { marks, one, other, ran, behind } = start()
  marks.behindGate(1, other as unknown as PacketSink, () => behind(1, other, 'then'))
  marks.linkDown(one as unknown as PacketSink)
  expect([ran, one.marks]).toEqual([[], [1, 2]])
  marks.marked(2)
  expect(ran).toEqual(['then'])
})
