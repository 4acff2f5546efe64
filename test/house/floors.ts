// The floors of the house: who may import whom, who may read the clock, and what must run in a browser.
//
//     examples                        only 'goworld', 'goworld/server', 'goworld/client' and what is in it, node: and their own;
//                                     their tests also 'goworld/testing' and vitest
//     components/cli
//     components/server, testing      testing also: engine/client
//     components/dispatcher, game, gate
//     components/process, web, signals
//     engine/service
//     engine/entity
//     engine/storage, kvdb, sql, cluster
//     engine/wire, net, config        engine/client: base and wire; entity for types only
//     engine/base
import { posix } from 'node:path'
import { codeOnly, type Import, importsOf, type Source } from './sources.ts'

const FLOORS: readonly (readonly string[])[] = [
  ['engine/base'],
  ['engine/wire', 'engine/net', 'engine/config'],
  ['engine/storage', 'engine/kvdb', 'engine/sql', 'engine/cluster'],
  ['engine/entity'],
  ['engine/service'],
  ['components/process', 'components/web', 'components/signals.ts'],
  ['components/dispatcher', 'components/game', 'components/gate'],
  ['components/server', 'components/testing'],
  ['components/cli'],
]

/** Neighbours on one floor that may know each other. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  // Both keep what they have in SQLite, in one file and through one client.
  'engine/kvdb': ['engine/storage'],
  // It reaches the same databases, over connections of its own.
  'engine/sql': ['engine/storage'],
  'components/process': ['components/signals.ts'],
}

const CLIENT = 'engine/client'
const CLIENT_MAY = ['engine/base', 'engine/wire']
const CLIENT_MAY_TYPE = ['engine/entity']

/** Who plays the client's part as well. */
const HAVE_BOTS = ['components/testing']

const EXAMPLES_MAY = [
  'goworld',
  'goworld/server',
  'goworld/client',
  'goworld/client/motion',
  'goworld/client/overlay',
  'goworld/client/tcp',
  'goworld/client/websocket',
]
/** Tests of an example, which stand beside it. */
const THEIR_TESTS_MAY = [...EXAMPLES_MAY, 'goworld/testing', 'vitest']

/** What is wrong, one line each. */
export function floorFaults(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => [
    ...importsOf(source.text).flatMap((one) => {
      const fault = importFault(source.path, one)
      return fault === undefined ? [] : [`${source.path} imports ${one.from}: ${fault}`]
    }),
    ...clockFaults(source),
  ])
}

function importFault(path: string, { from, typeOnly }: Import): string | undefined {
  if (from.startsWith('node:')) {
    return isBrowserSafe(path) ? 'this part runs in browsers too' : undefined
  }
  const here = partOf(path)
  const target = from.startsWith('.') ? posix.join(posix.dirname(path), from) : from
  if (path.startsWith('examples/')) {
    const own = target.startsWith(`examples/${path.split('/')[1]}/`)
    const may = path.endsWith('.test.ts') ? THEIR_TESTS_MAY : EXAMPLES_MAY
    return own || may.includes(from) ? undefined : `an example may import ${may.join(', ')}`
  }
  // Packages are for package.json to allow; tests and benchmarks may look everywhere.
  if (here === undefined || !from.startsWith('.')) return undefined
  const there = partOf(target)
  if (there === here) return undefined
  if (there === undefined) return 'it is on no floor'
  if (here === CLIENT) {
    if (CLIENT_MAY.includes(there) || (typeOnly && CLIENT_MAY_TYPE.includes(there))) return undefined
    return `the client may import ${CLIENT_MAY.join(', ')}, and types of ${CLIENT_MAY_TYPE.join(', ')}`
  }
  if (there === CLIENT) return HAVE_BOTS.includes(here) ? undefined : 'the client is for those outside'
  if (floorOf(there) < floorOf(here) || DOORS[here]?.includes(there)) return undefined
  return floorOf(there) === floorOf(here) ? 'it is on the same floor' : 'it is on a floor above'
}

/** `engine/base` of `engine/base/clock.ts`; undefined outside of the house. */
function partOf(path: string): string | undefined {
  const part = path.split('/').slice(0, 2).join('/')
  return part === CLIENT || floorOf(part) >= 0 ? part : undefined
}

const floorOf = (part: string) => FLOORS.findIndex((floor) => floor.includes(part))

/** What clients on Node have beside the rest. */
const FOR_NODE = ['tcp', 'trust', 'websocket'].map((name) => `engine/client/${name}.ts`)

const isBrowserSafe = (path: string) =>
  /^engine\/(base|wire)\//.test(path) || (path.startsWith('engine/client/') && !FOR_NODE.includes(path))

const MACHINE = /\b(Date\.now|performance\.now|setTimeout|setInterval|setImmediate|Math\.random)\b|\bnew Date\(\)/g
const READS_MACHINE = ['engine/base/clock.ts', 'engine/base/random.ts']

/** Time and chance are handed in: the engine and the three processes run on a virtual clock in tests. */
function clockFaults({ path, text }: Source): string[] {
  const process = /^components\/(dispatcher|game|gate|testing)\//.test(path) && !path.endsWith('/main.ts')
  if (!(process || path.startsWith('engine/')) || READS_MACHINE.includes(path)) return []
  return [...codeOnly(text).matchAll(MACHINE)].map(
    ([found]) => `${path} uses ${found}: only ${READS_MACHINE.join(' and ')} read the machine's clock and chance`,
  )
}
