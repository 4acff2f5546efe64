// One verb of `goworld db`: its flags, the words beside them, the folder of the game behind these, and names of entities as words.

import { OperatorError } from '../../engine/base/errors.ts'
import { isId } from '../../engine/base/id.ts'
import { type FlagSpec, type Flags, HelpRequested, parseFlags } from '../../engine/config/flags.ts'
import type { Command } from './command.ts'

interface VerbSpec<S extends FlagSpec> {
  readonly name: string
  readonly about: string
  /** What stands beside the flags, each of them wanted: `<type>`, `<id>`. */
  readonly words: readonly string[]
  readonly flags: S
  /** Flags that may be given several times; `run` gets their values apart. */
  readonly several?: readonly (keyof S & string)[]
  /** Behind the words there may be one more: the folder of the game. */
  run(flags: Flags<S>, words: readonly string[], several: Readonly<Record<string, readonly string[]>>): Promise<void>
}

/** As a parser of one list of words knows them. */
const ANY_WORDS = '[words...]'
const FOLDER = '[game folder]'

export function verb<const S extends FlagSpec>(spec: VerbSpec<S>): Command {
  const { name, about, words, flags, several: names = [], run } = spec
  return {
    about,
    usage: [name, ...words, FOLDER].join(' '),
    async invoke(argv) {
      const { rest, values } = takeSeveral(argv.map(withoutDash), names)
      const given = parsed(rest, flags, { name: `goworld db ${name}`, about, positionals: ANY_WORDS }, words)
      const { positionals } = given
      if (positionals.length < words.length) throw new OperatorError(`${words[positionals.length]} is missing`)
      if (positionals.length > words.length + 1) {
        throw new OperatorError(`unexpected argument ${JSON.stringify(positionals[words.length + 1])}`)
      }
      await run(given, positionals, values)
    },
  }
}

function parsed<const S extends FlagSpec>(
  argv: readonly string[],
  flags: S,
  options: { name: string; about: string; positionals: string },
  words: readonly string[],
) {
  try {
    return parseFlags(argv, flags, options)
  } catch (error) {
    if (!(error instanceof HelpRequested)) throw error
    throw new HelpRequested(error.text.replace(ANY_WORDS, [...words, FOLDER].join(' ')).trimEnd())
  }
}

/** `-type A --type=B` is two types. */
function takeSeveral(argv: readonly string[], names: readonly string[]) {
  const values: Record<string, string[]> = Object.fromEntries(names.map((name) => [name, []]))
  const rest: string[] = []
  for (let at = 0; at < argv.length; at++) {
    const arg = argv[at]!
    if (arg === '--') return { rest: [...rest, ...argv.slice(at)], values }
    const [, name = '', value] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg) ?? []
    if (!names.includes(name)) {
      rest.push(arg)
      continue
    }
    const taken = value ?? argv[++at]
    if (taken === undefined) throw new OperatorError(`flag -${name} needs a value`)
    values[name]!.push(readName(taken))
  }
  return { rest, values }
}

/** Some ids begin with a dash, and are no flags for that. */
const withoutDash = (arg: string): string => (isDashedId(arg) ? JSON.stringify(arg) : arg)

const isDashedId = (word: string): boolean => /^-[\w-]+$/.test(word) && isId(word)

/** A name as it is written: as it is, or in quotes, as JSON, where that would not be one readable word. */
export const shownName = (name: string): string =>
  /^["-]|\p{C}|\s/u.test(name) && !isDashedId(name) ? JSON.stringify(name) : name

/** The name that was written. */
export function readName(word: string): string {
  if (!word.startsWith('"')) return word
  try {
    const name: unknown = JSON.parse(word)
    if (typeof name === 'string') return name
  } catch {
    // Told below.
  }
  throw new OperatorError(`${word}: a name that begins with a quotation mark must be a JSON string`)
}
