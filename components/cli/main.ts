// The `goworld` command: starts, shows and stops the processes of a server, and runs a game while it is being written.
import '../signals.ts'
import { OperatorError } from '../../engine/base/errors.ts'
import { runProgram } from '../../engine/config/program.ts'
import { suggestion } from '../../engine/config/suggestion.ts'
import { ENGINE_VERSION } from '../process/engine-version.ts'
import { type Command, command } from './command.ts'
import { db } from './db.ts'
import { dev } from './dev.ts'
import { inspect } from './inspect.ts'
import { reload } from './reload.ts'
import { start } from './start.ts'
import { status } from './status.ts'
import { kill, stop } from './stop.ts'

const help = command({
  name: 'help',
  about: 'Prints this text.',
  positionals: '[command]',
  flags: {},
  async run(_, [name]) {
    if (name !== undefined) return find(name).invoke(['-help'])
    process.stdout.write(helpText())
  },
})

const version = command({
  name: 'version',
  about: 'Prints the versions of goworld and of Node.js.',
  flags: {},
  async run() {
    process.stdout.write(`goworld ${ENGINE_VERSION}, Node.js ${process.version}\n`)
  },
})

const COMMANDS: Readonly<Record<string, Command>> = {
  start,
  stop,
  kill,
  reload,
  status,
  dev,
  db,
  inspect,
  help,
  version,
}

/** Commands of GoWorld's that have no place here. */
const ANSWERS: Readonly<Record<string, string>> = {
  build: 'nothing is built: the sources run as they are; try goworld start',
}

function find(name: string): Command {
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (found) return found
  if (Object.hasOwn(ANSWERS, name)) throw new OperatorError(ANSWERS[name]!)
  throw new OperatorError(`unknown command ${name}${suggestion(name, Object.keys(COMMANDS)) || '; try goworld help'}`)
}

function helpText(): string {
  const width = Math.max(...Object.values(COMMANDS).map(({ usage }) => usage.length))
  const lines = Object.values(COMMANDS).map(({ usage, about }) => `  goworld ${usage.padEnd(width)}  ${about}`)
  return `A server engine for MMO games.\n\n${lines.join('\n')}\n\ngoworld help start prints the flags of a command.\n`
}

void runProgram('goworld', async () => {
  const [name = 'help', ...argv] = process.argv.slice(2)
  const plain = { '-h': 'help', '-help': 'help', '--help': 'help', '-v': 'version', '--version': 'version' }[name]
  await find(plain ?? name).invoke(argv)
})
