// Flags as Go and as GNU write them; every mistake is one clear line.
import { describe, expect, expectTypeOf, it } from 'vitest'
import { OperatorError } from '../../../engine/base/errors.ts'
import type { FlagOptions, FlagSpec } from '../../../engine/config/flags.ts'
import { HelpRequested, parseFlags } from '../../../engine/config/flags.ts'

const spec = {
  gid: { type: 'int', help: 'number of this game', required: true, min: 1, max: 65535, alias: 'sid' },
  configfile: { type: 'string', help: 'configuration', default: 'goworld.ini' },
  log: { type: 'string', help: 'log level', values: ['debug', 'info'] },
  d: { type: 'bool', help: 'run in the background' },
  restore: { type: 'bool', help: 'restore from the freeze file' },
  N: { type: 'int', help: 'bots', default: 1, min: 1 },
  n: { type: 'int', help: 'something else', max: 9 },
} as const satisfies FlagSpec

const parse = (line: string, options?: FlagOptions) => parseFlags(line.split(' ').filter(Boolean), spec, options)

describe('flags', () => {
  it.each(['-gid 7', '-gid=7', '--gid 7', '--gid=7', '-sid 7', '--sid=7'])('are read as Go reads them: %s', (line) => {
    expect(parse(line)).toEqual({
      gid: 7,
      configfile: 'goworld.ini',
      log: undefined,
      d: false,
      restore: false,
      N: 1,
      n: undefined,
      positionals: [],
    })
  })

  it('stand in any order, and switches need no value', () => {
    expect(parse('-d -log debug -gid 1 -restore -configfile x.ini')).toMatchObject({
      d: true,
      restore: true,
      log: 'debug',
      configfile: 'x.ini',
      gid: 1,
    })
    expect(parse('-gid 1 -d=false --restore=1')).toMatchObject({ d: false, restore: true })
  })

  it('mind the case', () => {
    expect(parse('-gid 1 -N 200 -n 3')).toMatchObject({ N: 200, n: 3 })
  })

  it('take negative numbers, equals signs and values with dashes', () => {
    expect(parse('-gid 1 -n -5').n).toBe(-5)
    expect(parse('-gid 1 -configfile=a=b').configfile).toBe('a=b')
    expect(parse('-gid 1 -configfile -x').configfile).toBe('-x')
    expect(parse('-gid 1 -configfile=').configfile).toBe('')
  })

  it('have the types of their spec', () => {
    const flags = parse('-gid 1')
    expectTypeOf(flags.gid).toEqualTypeOf<number>()
    expectTypeOf(flags.configfile).toEqualTypeOf<string>()
    expectTypeOf(flags.log).toEqualTypeOf<'debug' | 'info' | undefined>()
    expectTypeOf(flags.d).toEqualTypeOf<boolean>()
    expectTypeOf(flags.n).toEqualTypeOf<number | undefined>()
    expectTypeOf(flags.positionals).toEqualTypeOf<readonly string[]>()
  })

  it('let positional arguments stand beside them where the spec says so', () => {
    expect(parse('server -gid 1', { positionals: '<folder>' }).positionals).toEqual(['server'])
    expect(parse('-gid 1', { positionals: '[folder]' }).positionals).toEqual([])
    expect(parse('-d a -gid 1 b -- -c', { positionals: '<pids...>' }).positionals).toEqual(['a', 'b', '-c'])
  })

  it.each<[string, string, FlagOptions?]>([
    ['', 'flag -gid is required'],
    ['-d', 'flag -gid is required'],
    ['-gid', 'flag -gid needs a value'],
    ['-sid', 'flag -sid needs a value'],
    ['-gid -d', 'flag -gid needs a value'],
    ['-gid --help', 'flag -gid needs a value'],
    ['-gid x', 'flag -gid=x: must be a whole number from 1 to 65535'],
    ['-gid=', 'flag -gid=: must be a whole number from 1 to 65535'],
    ['-gid 1.5', 'flag -gid=1.5: must be a whole number from 1 to 65535'],
    ['-gid 0', 'flag -gid=0: must be a whole number from 1 to 65535'],
    ['-gid -1', 'flag -gid=-1: must be a whole number from 1 to 65535'],
    ['-gid 65536', 'flag -gid=65536: must be a whole number from 1 to 65535'],
    ['-gid 1 -N 0', 'flag -N=0: must be a whole number of at least 1'],
    ['-gid 1 -n 10', 'flag -n=10: must be a whole number of at most 9'],
    ['-gid 1 -gid 1', 'flag -gid is given twice'],
    ['-gid 1 -sid 2', 'flag -gid is given twice'],
    ['-gid 1 -d -d', 'flag -d is given twice'],
    ['-gid 1 -N 1 -N 2', 'flag -N is given twice'],
    ['-gid 1 -d=maybe', 'flag -d=maybe: must be true or false'],
    ['-gid 1 -log loud', 'flag -log=loud: must be one of debug, info'],
    ['-gidd 1', 'unknown flag -gidd; did you mean -gid?'],
    ['-gid 1 --restor', 'unknown flag -restor; did you mean -restore?'],
    ['-gid 1 -zzzzzz=1', 'unknown flag -zzzzzz'],
    ['-GID 1', 'unknown flag -GID; did you mean -gid?'],
    ['-gid 1 stray', 'unexpected argument "stray"'],
    ['-gid 1 -d true', 'unexpected argument "true"'],
    ['-gid 1 a b', 'unexpected argument "b"', { positionals: '<folder>' }],
    ['-gid 1', '<folder> is missing', { positionals: '<folder>' }],
  ])('refuse %j in one line', (line, message, options) => {
    expect(() => parse(line, options)).toThrow(new OperatorError(message))
  })

  it('refuse an empty value where one is required', () => {
    const required = { name: { type: 'string', help: '', required: true } } as const
    expect(() => parseFlags(['-name='], required)).toThrow(new OperatorError('flag -name must not be empty'))
  })

  it.each(['-h', '--help', '-help', '-gid 1 -h', '-h -gid x'])('%s asks for help', (line) => {
    expect(() => parse(line)).toThrow(HelpRequested)
  })

  it('are described in the help text', () => {
    try {
      parse('-h', { name: 'game', about: 'Runs one game.', positionals: '[folder]' })
      expect.unreachable()
    } catch (error) {
      const { text } = error as HelpRequested
      expect(text).toContain('Usage: game [flags] [folder]')
      expect(text).toContain('Runs one game.')
      expect(text).toMatch(/-gid, -sid <number> +number of this game/)
      expect(text).toMatch(/-configfile <text> +configuration \(default: "goworld.ini"\)/)
      expect(text).toMatch(/-log <debug\|info> +log level/)
      expect(text).toMatch(/-d +run in the background\n/)
    }
  })
})
