// Which calls wait for each other, and which do not.
import { expect, it } from 'vitest'
import { CallOrder } from '../../../../engine/storage/mongodb/order.ts'

/** Calls that end when they are told to, and the names of those that were begun. */
function calls() {
  const begun: string[] = []
  const ends = new Map<string, { readonly resolve: () => void; readonly reject: (error: Error) => void }>()
  const call = (name: string) => () => {
    begun.push(name)
    return new Promise<void>((resolve, reject) => ends.set(name, { resolve, reject }))
  }
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  const end = (name: string) => {
    ends.get(name)!.resolve()
    return settled()
  }
  const fail = (name: string) => {
    ends.get(name)!.reject(new Error(name))
    return settled()
  }
  return { begun, call, end, fail }
}

it('calls for one key begin one after the other, and those for another at once', async () => {
  const order = new CallOrder()
  const { begun, call, end } = calls()
  for (const name of ['a1', 'a2', 'b1', 'a3']) void order.run(name[0]!, call(name))
  expect(begun).toEqual(['a1', 'b1'])
  await end('a1')
  expect(begun).toEqual(['a1', 'b1', 'a2'])
  await end('a2')
  expect(begun).toEqual(['a1', 'b1', 'a2', 'a3'])
})

it('a call that fails holds up none', async () => {
  const order = new CallOrder()
  const { begun, call, fail } = calls()
  const first = order.run('a', call('a1')).catch(String)
  void order.run('a', call('a2'))
  await fail('a1')
  expect(await first).toBe('Error: a1')
  expect(begun).toEqual(['a1', 'a2'])
})

it('a range waits for the keys in it, and they for the range', async () => {
  const order = new CallOrder()
  const { begun, call, end } = calls()
  void order.run('b', call('b1'))
  void order.run('d', call('d1'))
  void order.runRange('a', 'd', call('range'))
  void order.runRange('d', 'z', call('range2'))
  for (const name of ['a1', 'b2', 'd2']) void order.run(name[0]!, call(name))
  expect(begun).toEqual(['b1', 'd1'])
  await end('b1')
  expect(begun).toEqual(['b1', 'd1', 'range'])
  await end('range')
  expect(begun).toEqual(['b1', 'd1', 'range', 'a1', 'b2'])
  await end('d1')
  await end('range2')
  expect(begun.slice(5)).toEqual(['range2', 'd2'])
})

it('two ranges are sent side by side', () => {
  const order = new CallOrder()
  const { begun, call } = calls()
  void order.runRange('a', 'z', call('one'))
  void order.runRange('a', 'z', call('two'))
  expect(begun).toEqual(['one', 'two'])
})
