// Holds every file to how we write (test/house/tidy.ts), and the check to what it promises.
import { describe, expect, test } from 'vitest'
import { sources } from './house/sources.ts'
import { tidyFaults } from './house/tidy.ts'

const faultsOf = (text: string, path = 'engine/net/a.ts') => tidyFaults([{ path, text }])
const OPENING = '// What this is for.\n'

test('every file is tidy', () => {
  expect(tidyFaults(sources())).toEqual([])
})

describe('the check', () => {
  test('wants a sentence at the top of a file', () => {
    expect(faultsOf(`${OPENING}export const a = 1\n`)).toEqual([])
    expect(faultsOf('// A sentence\n// over two lines.\nexport {}\n')).toEqual([])
    expect(faultsOf(`#!/usr/bin/env node\n${OPENING}`)).toEqual([])
    expect(faultsOf('export const a = 1\n')).toHaveLength(1)
    expect(faultsOf('\n// Too late.\n')).toHaveLength(1)
    expect(faultsOf('//\nexport {}\n')).toHaveLength(1)
    expect(faultsOf('// constants\nexport {}\n')).toHaveLength(1)
  })

  test('wants names in kebab-case, but for the examples', () => {
    expect(faultsOf(OPENING, 'engine/net/id-table.ts')).toEqual([])
    expect(faultsOf(OPENING, 'test/engine/net/id-table.test.ts')).toEqual([])
    expect(faultsOf(OPENING, 'engine/net/idTable.ts')).toHaveLength(1)
    expect(faultsOf(OPENING, 'engine/net/id_table.ts')).toHaveLength(1)
    expect(faultsOf(OPENING, 'examples/test_game/my_space.ts')).toEqual([])
  })

  test('finds what was left unfinished', () => {
    for (const word of ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX']) {
      expect(faultsOf(`${OPENING}// ${word}: later\n`)).toHaveLength(1)
    }
  })

  test('finds console.log where a log is wanted', () => {
    const text = OPENING.concat("console.log('hello')\n")
    expect(faultsOf(text)).toHaveLength(1)
    expect(faultsOf(text, 'examples/a/a.ts')).toEqual([])
    expect(faultsOf(text, 'bench/a.ts')).toEqual([])
    expect(faultsOf(OPENING.concat("// not console.log\nconst a = 'console.log'\n"))).toEqual([])
  })

  test('finds a test that leaves the others out', () => {
    expect(faultsOf(OPENING.concat("test.only('one', () => {})\n"))).toHaveLength(1)
    expect(faultsOf(OPENING.concat("describe.only('some', () => {})\n"))).toHaveLength(1)
    expect(faultsOf(`${OPENING}const only = a.only\n`)).toEqual([])
  })
})
