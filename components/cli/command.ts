// One command of `goworld`: its flags, and what it does with them.
import { type FlagSpec, type Flags, parseFlags } from '../../engine/config/flags.ts'

export interface Command {
  readonly about: string
  readonly usage: string
  invoke(argv: readonly string[]): Promise<void>
}

interface CommandSpec<S extends FlagSpec> {
  readonly name: string
  readonly about: string
  /** What stands beside the flags: `<folder>`. */
  readonly positionals?: string
  readonly flags: S
  run(flags: Flags<S>, positionals: readonly string[]): Promise<void>
}

export function command<const S extends FlagSpec>({ name, about, positionals, flags, run }: CommandSpec<S>): Command {
  return {
    about,
    usage: [name, positionals].filter(Boolean).join(' '),
    async invoke(argv) {
      const options = { name: `goworld ${name}`, about, ...(positionals !== undefined && { positionals }) }
      const given = parseFlags(argv, flags, options)
      await run(given, given.positionals)
    },
  }
}
