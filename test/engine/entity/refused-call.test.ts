// What is said of calls that are refused: the method, the argument, and no more than a line of what a client may have sent.
import { afterEach, expect, test } from 'vitest'
import { entity, integer, listOf, maybe, shape, string } from '../../../components/game/goworld.ts'
import { receiveCall } from '../../../engine/entity/calls.ts'
import { coreOf } from '../../../engine/entity/core.ts'
import { refusedCall } from '../../../engine/entity/refused-call.ts'
import { callBytes, Harness } from './harness.ts'

class Avatar extends entity({
  ownClient: { earn: [integer], buy: [string, maybe(integer)], sort: [listOf(shape({ slot: integer }))] },
}) {
  earn(_gold: number) {}
  buy(_what: string, _count: number | null | undefined) {}
  sort(_slots: readonly { slot: number }[]) {}
  secret() {}
}

let harness: Harness | undefined
afterEach(() => harness?.stop())

function refused(bytes: Uint8Array): string {
  harness ??= new Harness([Avatar])
  const core = coreOf(harness.game.create(Avatar))
  const refusal = receiveCall(core, bytes, 0, bytes.length, 'ownClient')
  if (!refusal) return 'it was run'
  const { method, why } = refusedCall(core, refusal, bytes, 0, bytes.length, 'ownClient')
  return `${method}: ${why()}`
}
const said = (method: string, ...args: unknown[]) => refused(callBytes(method, ...args))

test('the method, the argument, what is wanted and what came are said', () => {
  expect(said('earn', 'x')).toBe("Avatar.earn(): argument 1: an integer is wanted, not 'x'")
  expect(said('earn', 1.5)).toBe('Avatar.earn(): argument 1: an integer is wanted, not 1.5')
  expect(said('earn')).toBe('Avatar.earn(): argument 1: an integer is wanted, not nothing')
  expect(said('earn', 1, 2)).toBe('Avatar.earn(): 2 arguments, and it takes 1')
  expect(said('buy', 'ale', true)).toBe('Avatar.buy(): argument 2: an integer or nothing is wanted, not true')
  expect(said('sort', [{ slot: 1 }, { slot: 'b' }])).toBe(
    "Avatar.sort(): argument 1: a list of { slot: an integer } is wanted, not [{ slot: 1 }, { slot: 'b' }]",
  )
  expect(said('sort', new Uint8Array(9))).toMatch(/not 9 bytes$/)
  expect(said('zork', 1)).toBe('Avatar.zork(): unknown method')
  expect(said('secret')).toBe('Avatar.secret(): not exposed to clients')
  expect(refused(new Uint8Array([9, 9, 9]))).toBe('Avatar: unreadable')
})

test('of what a client makes up, some characters are said, and none that a terminal would obey', () => {
  const deep = Array.from({ length: 40 }).reduce((inner: unknown) => [inner], 7)
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`k${n}`, 'x'.repeat(100)]))
  for (const value of ['x'.repeat(1e6), wide, deep, 10n ** 15n, Array(1e5).fill('\u001b[2J'), '\u{1f600}'.repeat(99)])
    expect(said('earn', value).length).toBeLessThan(150)
  expect(said('earn', 'x'.repeat(99))).toBe(`Avatar.earn(): argument 1: an integer is wanted, not '${'x'.repeat(40)}…'`)
  expect(said('earn', 'a\n\u001b[31m\u2028\u202e')).toMatch(/not 'a\\u\{a\}\\u\{1b\}\[31m\\u\{2028\}\\u\{202e\}'$/)
  expect(said('z\n'.repeat(1000))).toBe(`Avatar.${'z\\u{a}'.repeat(20)}…(): unknown method`)
  expect(said('earn', { 'a\nb': '\r' })).toMatch(/not \{ a\\u\{a\}b: '\\u\{d\}' \}$/)
})
