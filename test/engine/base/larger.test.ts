// Typed arrays that grow keep what they hold, and their kind.
import { expect, it } from 'vitest'
import { larger } from '../../../engine/base/larger.ts'

it.each([Uint8Array, Uint16Array, Int8Array, Int32Array])(
  'a larger %o begins as the old one, and ends with noughts',
  (Kind) => {
    const old = Kind.of(1, 2, 3)
    expect(larger(old)).toEqual(Kind.of(1, 2, 3, 0, 0, 0))
    expect(larger(old, 4)).toEqual(Kind.of(1, 2, 3, 0))
    expect(old).toHaveLength(3)
  },
)
