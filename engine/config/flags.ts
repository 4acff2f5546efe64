// Command line flags as Go programs have them: -gid 1, -gid=1, --gid 1, -d, -ws=false. Commander does the parsing.
import { Command, CommanderError, Option } from 'commander'
import { OperatorError } from '../base/errors.ts'
import { suggestion } from './suggestion.ts'

interface FlagBase {
  readonly help: string
  readonly required?: boolean
  /** Another name of the same flag: `-sid` for `-gid`. */
  readonly alias?: string
}
export interface IntFlag extends FlagBase {
  readonly type: 'int'
  readonly default?: number
  readonly min?: number
  readonly max?: number
}
export interface StringFlag extends FlagBase {
  readonly type: 'string'
  readonly default?: string
  /** When only these are allowed. */
  readonly values?: readonly string[]
}
/** False unless given. */
export interface BoolFlag extends FlagBase {
  readonly type: 'bool'
  readonly default?: boolean
}
export type FlagSpec = Readonly<Record<string, IntFlag | StringFlag | BoolFlag>>

type TypeOf<F> = F extends { type: 'int' } ? number : F extends { type: 'string' } ? ValueOf<F> : boolean
type ValueOf<F> = F extends { values: readonly (infer V)[] } ? V : string
type MaybeOf<F> = F extends { type: 'bool' } | { required: true } | { default: string | number } ? never : undefined

/** What was given: a flag that is neither required nor has a default may be undefined. */
export type Flags<S extends FlagSpec> = { readonly [N in keyof S]: TypeOf<S[N]> | MaybeOf<S[N]> }

export interface FlagOptions {
  /** The program's name, for the help text. */
  readonly name?: string
  /** One or two sentences, for the help text. */
  readonly about?: string
  /** What may stand beside the flags: `<folder>`, `[folder]`, `<pids...>`, `<folder> [names...]`. Without it nothing may. */
  readonly positionals?: string
}

/** Not an error: the operator asked for the help text. */
export class HelpRequested extends Error {
  override readonly name = 'HelpRequested'
  readonly text: string

  constructor(text: string) {
    super('help requested')
    this.text = text
  }
}

/**
 * Reads `argv` (without node and the script: `process.argv.slice(2)`) as `spec` says. Throws an OperatorError that
 * says in one line what is wrong, or HelpRequested.
 */
export function parseFlags<const S extends FlagSpec>(
  argv: readonly string[],
  spec: S,
  options: FlagOptions = {},
): Flags<S> & { readonly positionals: readonly string[] } {
  const names = new Map(Object.keys(spec).map((name) => [name, name]))
  for (const [name, { alias }] of Object.entries(spec)) if (alias !== undefined) names.set(alias, name)
  const command = commandOf(spec, options)
  const args = doubleDashed(argv, spec, names, () => new HelpRequested(command.helpInformation()))
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    throw error instanceof CommanderError ? inOneLine(error, command, options) : error
  }
  const values: Record<string, unknown> = {}
  for (const option of command.options) {
    const name = option.long!.slice(2)
    values[name] = command.getOptionValue(option.attributeName()) ?? (spec[name]!.type === 'bool' ? false : undefined)
  }
  return { ...values, positionals: command.args } as unknown as Flags<S> & { positionals: string[] }
}

function commandOf(spec: FlagSpec, { name = 'goworld', about = '', positionals }: FlagOptions): Command {
  const command = new Command(name)
    .description(about)
    .helpOption(false)
    .usage(['[flags]', positionals].filter(Boolean).join(' '))
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} })
    .configureHelp({ optionTerm: (option) => termOf(option.long!.slice(2), spec) })
  for (const word of wordsOf(positionals)) command.argument(word)
  for (const [flag, { help, ...rest }] of Object.entries(spec)) {
    const option = new Option(`--${flag} <value>`, help)
    let given = false
    option.argParser((text: string) => {
      if (given) throw new OperatorError(`flag -${flag} is given twice`)
      given = true
      return valueOfFlag(flag, spec[flag]!, text)
    })
    if (rest.required) option.makeOptionMandatory()
    if (rest.default !== undefined) option.default(rest.default)
    command.addOption(option)
  }
  return command
}

const wordsOf = (positionals = ''): string[] => positionals.match(/<[^>]+>|\[[^\]]+\]/g) ?? []

function termOf(name: string, spec: FlagSpec): string {
  const flag = spec[name]!
  const alias = flag.alias === undefined ? '' : `, -${flag.alias}`
  const value = flag.type === 'int' ? ' <number>' : flag.type === 'bool' ? '' : ` <${flag.values?.join('|') ?? 'text'}>`
  return `-${name}${alias}${value}`
}

/** Commander knows `--gid 1` only, and no value for a switch: `-sid=1 -d` becomes `--gid=1 --d=true`. */
function doubleDashed(
  argv: readonly string[],
  spec: FlagSpec,
  names: ReadonlyMap<string, string>,
  help: () => HelpRequested,
): string[] {
  const args: string[] = []
  for (let at = 0; at < argv.length; at++) {
    const arg = argv[at]!
    if (arg === '--') return [...args, ...argv.slice(at)]
    const [, written, value] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg) ?? []
    const name = written === undefined ? undefined : names.get(written)
    if (name === undefined) {
      if (written === 'h' || written === 'help') throw help()
      // Refused here and not by commander, which would complain of a missing -gid before it looks at -gidd.
      if (written !== undefined) {
        const known = [...names.keys(), 'help'].map((other) => `-${other}`)
        throw new OperatorError(`unknown flag -${written}${suggestion(`-${written}`, known)}`)
      }
      args.push(arg)
      continue
    }
    if (value !== undefined) {
      args.push(`--${name}=${value}`)
    } else if (spec[name]!.type === 'bool') {
      args.push(`--${name}=true`)
    } else {
      const next = argv[at + 1]
      if (next === undefined || isFlag(next, names)) throw new OperatorError(`flag -${written} needs a value`)
      args.push(`--${name}=${next}`)
      at++
    }
  }
  return args
}

/** A value may begin with a dash (-5), so only what is a flag of this program counts as one. */
function isFlag(text: string, names: ReadonlyMap<string, string>): boolean {
  const name = /^--?([^-=][^=]*)/.exec(text)?.[1]
  return text === '--' || (name !== undefined && (names.has(name) || name === 'h' || name === 'help'))
}

function valueOfFlag(name: string, flag: FlagSpec[string], text: string): unknown {
  const refuse = (allowed: string): never => {
    throw new OperatorError(`flag -${name}=${text}: must be ${allowed}`)
  }
  if (flag.type === 'bool') {
    if (/^(1|t|true)$/i.test(text)) return true
    return /^(0|f|false)$/i.test(text) ? false : refuse('true or false')
  }
  if (flag.type === 'string') {
    if (text === '' && flag.required) throw new OperatorError(`flag -${name} must not be empty`)
    return flag.values && !flag.values.includes(text) ? refuse(`one of ${flag.values.join(', ')}`) : text
  }
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = flag
  const value = Number(text)
  if (/^[+-]?\d+$/.test(text) && value >= min && value <= max) return value
  const range = flag.min === undefined ? '' : flag.max === undefined ? ` of at least ${min}` : ` from ${min} to ${max}`
  return refuse(`a whole number${range === '' && flag.max !== undefined ? ` of at most ${max}` : range}`)
}

/** Commander's complaints in our words: it speaks of options with two dashes. */
function inOneLine(error: CommanderError, command: Command, { positionals }: FlagOptions): OperatorError {
  switch (error.code) {
    case 'commander.missingMandatoryOptionValue': {
      const name = /'--([^ ']*)/.exec(error.message)?.[1]
      return new OperatorError(`flag -${name} is required`)
    }
    case 'commander.missingArgument':
      return new OperatorError(`${wordsOf(positionals)[command.args.length]} is missing`)
    case 'commander.excessArguments': {
      const stray = command.args[wordsOf(positionals).length]
      return new OperatorError(`unexpected argument ${JSON.stringify(stray)}`)
    }
    default:
      return new OperatorError(error.message.replace(/^error: /, '').replaceAll('\n', ' '))
  }
}
