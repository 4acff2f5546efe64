// A game as a value: what its module exports, and what it says of itself.
import { describe, expect, test } from 'vitest'
import { OperatorError } from '../../../engine/base/errors.ts'
import { game, isGameDefinition } from '../../../engine/entity/definition.ts'
import { Entity } from '../../../engine/entity/entity.ts'

class Account extends Entity {}

describe('a game', () => {
  test('is its classes, and what is fixed about it', () => {
    const definition = game([Account], { aoiHysteresis: 5, version: '1.2' })
    expect(definition).toEqual({ types: [Account], aoiHysteresis: 5, version: '1.2' })
    expect(isGameDefinition(definition)).toBe(true)
    expect(game([]).version).toBe(undefined)
    for (const other of [undefined, null, 'game', {}, { types: Account }]) expect(isGameDefinition(other)).toBe(false)
  })

  test('says of its version what an operator can read, or nothing', () => {
    for (const version of ['', '1.2', 'Frühling 🌱 (c0ffee)', 'x'.repeat(100), undefined])
      expect(game([], version === undefined ? {} : { version }).version).toBe(version)
    for (const version of [1.2, null, ['1.2'], 'x'.repeat(101), 'two\nlines', '\u001b[31mred']) {
      const make = () => game([], { version: version as string })
      expect(make).toThrow(OperatorError)
      expect(make).toThrow(
        `game: version = ${JSON.stringify(version)}; text of at most 100 readable characters is wanted`,
      )
    }
  })
})
