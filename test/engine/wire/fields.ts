// Values for the fields of a protocol's table, for tests that send every message round.
import fc from 'fast-check'
import * as table from '../../../engine/wire/table.ts'

const character = fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code))
export const anyId = fc.array(character, { minLength: 16, maxLength: 16 }).map((characters) => characters.join(''))
const text = fc.string({ unit: 'binary', maxLength: 80 })
const bytes = fc.uint8Array({ maxLength: 300 })

const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }),
  text,
  bytes,
)
/** What MessagePack can say. */
export const anyData = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 5, noNullPrototype: true },
    ),
  ),
})).value

const BY_FIELD = new Map<unknown, fc.Arbitrary<unknown>>([
  [table.u8, fc.integer({ min: 0, max: 0xff })],
  [table.u16, fc.integer({ min: 0, max: 0xffff })],
  [table.u32, fc.integer({ min: 0, max: 0xffffffff })],
  [table.u53, fc.maxSafeNat()],
  [table.f32, fc.float({ noNaN: true })],
  [table.bool, fc.boolean()],
  [table.id, anyId],
  [table.str, text],
  [table.bytes, bytes],
  [table.data, anyData],
  [table.args, fc.array(anyData, { maxLength: 5 })],
  [table.rest, bytes],
  [table.ids, fc.array(anyId, { maxLength: 20 })],
  [table.strs, fc.array(text, { maxLength: 10 })],
])

export function valuesOf(fields: table.Fields): fc.Arbitrary<Record<string, unknown>> {
  const arbitraries = Object.entries(fields).map(([name, field]) => {
    const arbitrary = BY_FIELD.get(field)
    if (!arbitrary) throw new Error(`${name}: no values for a field of this kind`)
    return [name, arbitrary] as const
  })
  return fc.record(Object.fromEntries(arbitraries), { noNullPrototype: true })
}
