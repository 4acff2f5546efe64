// The ini file itself: sections, keys, comments; a bad line is named with file and number.
import { describe, expect, it } from 'vitest'
import { OperatorError } from '../../../engine/base/errors.ts'
import { parseIni } from '../../../engine/config/ini.ts'

const values = (text: string) =>
  Object.fromEntries(
    parseIni(text, 'x.ini').flatMap(({ name, entries }) => entries.map(({ key, value }) => [`${name}.${key}`, value])),
  )

describe('the ini reader', () => {
  it('reads sections and settings, with their lines', () => {
    expect(parseIni('[A]\nk=v\n\n[b]\n Key = some value \n', 'x.ini')).toEqual([
      { name: 'a', title: 'A', line: 1, entries: [{ key: 'k', value: 'v', line: 2, section: 'A' }] },
      { name: 'b', title: 'b', line: 4, entries: [{ key: 'key', value: 'some value', line: 5, section: 'b' }] },
    ])
  })

  it('skips comments on their own line and after white space', () => {
    const text = '; one\n# two\n[s] ; three\n;k=1\n  # k=2\na=1 ; four\nb=2\t# five\nc=x;y#z\nd= ; nothing\n'
    expect(values(text)).toEqual({ 's.a': '1', 's.b': '2', 's.c': 'x;y#z', 's.d': '' })
  })

  it('keeps what quotes enclose', () => {
    expect(values(`[s]\na="x ; y" ; comment\nb='1'\nc=\`#\`\nd=""\n`)).toEqual({
      's.a': 'x ; y',
      's.b': '1',
      's.c': '#',
      's.d': '',
    })
  })

  it('takes a byte order mark, CRLF, lone CR and a missing last newline', () => {
    expect(values('\uFEFF[s]\r\na=1\r\nb=2\rc=3')).toEqual({ 's.a': '1', 's.b': '2', 's.c': '3' })
  })

  it('keeps equals signs in a value', () => {
    expect(values('[s]\nurl=redis://h?a=1&b=2')).toEqual({ 's.url': 'redis://h?a=1&b=2' })
  })

  it('joins a section that comes twice', () => {
    expect(parseIni('[s]\na=1\n[t]\n[S]\nb=2\n', 'x.ini').map(({ name, entries }) => [name, entries.length])).toEqual([
      ['s', 2],
      ['t', 0],
    ])
  })

  it.each([
    ['a=1', 'x.ini:1: a stands before the first [section]'],
    ['[s]\nnonsense', 'x.ini:2: "nonsense" is not a setting; write key=value'],
    ['[s]\n=1', 'x.ini:2: "" is not the name of a key'],
    ['[s]\na b=1', 'x.ini:2: "a b" is not the name of a key'],
    ['[s', 'x.ini:1: "[s" is not a section; write [name]'],
    ['[]', 'x.ini:1: "[]" is not a section; write [name]'],
    ['[s] x', 'x.ini:1: "[s] x" is not a section; write [name]'],
    ['[s]\na=1\nA=2', 'x.ini:3: [s] A is given twice, first in line 2'],
    ['[s]\na=1\n[s]\na=1', 'x.ini:4: [s] a is given twice, first in line 2'],
    ['[s]\na="1', 'x.ini:2: [s] a: a quoted value ends with its quote'],
    ['[s]\na="1" 2', 'x.ini:2: [s] a: a quoted value ends with its quote'],
    [`[s]\n${'y'.repeat(100)}`, `x.ini:2: "${'y'.repeat(60)}…" is not a setting; write key=value`],
  ])('refuses %j', (text, message) => {
    expect(() => parseIni(text, 'x.ini')).toThrow(new OperatorError(message))
  })
})
