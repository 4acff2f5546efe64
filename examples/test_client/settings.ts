// What a run of bots is about: the flags as GoWorld's test_client has them (and a few more), and where the gates are.
import { OperatorError, parseFlags, readConfig } from 'goworld'
import { parseTarget } from 'goworld/client/tcp'
import { THINGS } from './things.ts'

export interface Settings {
  /** In the whole run, in all threads. */
  readonly bots: number
  /** Bots are called test<first>, test<first + 1>, … */
  readonly first: number
  /** Gates, one of which each bot takes by chance: host:port, tls://host:port, unix:/path, ws://host:port/ws, wss://…. */
  readonly targets: readonly string[]
  /** Whether the gates want it (`compress_connection`). */
  readonly compress: boolean
  readonly moving: boolean
  /** How often a bot may move and looks what there is to do. */
  readonly tickMs: number
  /** Names of the things to do. */
  readonly things: readonly string[]
  /** The longest pause between two things. */
  readonly thinkMs: number
  /** How long a thing may take. */
  readonly limitMs: number
  /** Over all threads. */
  readonly connectsPerSecond: number
  readonly debug: boolean
}

export interface RunOptions extends Settings {
  readonly strict: boolean
  /** 0 = until it is told to stop. */
  readonly durationSeconds: number
  readonly quiet: boolean
  readonly json: boolean
  readonly silent: boolean
  /** 1 = in this thread. */
  readonly workers: number
}

const CONFIG_FILE = 'goworld.ini'
const TICK_MS = 100
const CONNECTS_PER_SECOND = 500
/** So few need no thread of their own. */
const BOTS_IN_ONE_THREAD = 100
const WORKERS_USUAL = 2

const FLAGS = {
  N: { type: 'int', default: 1000, min: 1, max: 1_000_000, help: 'number of bots' },
  S: { type: 'int', default: 1, min: 0, help: 'number of the first bot: they log in as test1, test2, …' },
  server: {
    type: 'string',
    help:
      'host of the gates (their ports are in the config file), or one gate: host:port, tls://host:port, unix:/path, ' +
      'ws://host:port, wss://host:port',
  },
  ws: { type: 'bool', help: 'connect by WebSocket' },
  tls: {
    type: 'bool',
    help: 'connect by TLS, as to gates of the config file with encrypt_connection; any certificate will do',
  },
  compress: { type: 'bool', help: 'speak snappy; for gates of the config file that says so' },
  nosync: { type: 'bool', help: 'do not move' },
  strict: { type: 'bool', help: 'stop at the first error or timeout, with exit code 1' },
  duration: { type: 'int', default: 0, min: 0, max: 1_000_000, help: 'seconds to run; 0 = until Ctrl-C' },
  quiet: { type: 'bool', help: 'no progress, only what it comes to' },
  configfile: { type: 'string', default: CONFIG_FILE, help: 'where the gates are written down' },
  log: {
    type: 'string',
    default: 'info',
    values: ['debug', 'info', 'warn', 'error'],
    help: 'debug tells of each thing, error of nothing but a failure',
  },
  json: { type: 'bool', help: 'the last line is one JSON object' },
  things: { type: 'string', help: `what to do, of ${THINGS.map(({ name }) => name).join(',')}` },
  think: { type: 'int', default: 6000, min: 0, max: 3_600_000, help: 'longest pause between two things, in ms' },
  limit: { type: 'int', default: 5, min: 1, max: 3600, help: 'how long a thing may take, in seconds' },
  workers: { type: 'int', min: 1, max: 64, help: 'threads; 2 for more than 100 bots' },
} as const

/** Throws an OperatorError that names the flag and what is allowed. */
export function readSettings(argv: readonly string[], cores: number): RunOptions {
  const flags = parseFlags(argv, FLAGS, {
    name: 'test_client',
    about: 'Bots that play test_game: they log in, walk about and do random things, and check what they are told.',
  })
  const things = thingNames(flags.things)
  const usual = flags.N > BOTS_IN_ONE_THREAD ? Math.min(WORKERS_USUAL, cores) : 1
  return {
    bots: flags.N,
    first: flags.S,
    ...findTargets(flags),
    moving: !flags.nosync,
    tickMs: TICK_MS,
    things,
    thinkMs: flags.think,
    limitMs: flags.limit * 1000,
    connectsPerSecond: CONNECTS_PER_SECOND,
    debug: flags.log === 'debug',
    strict: flags.strict,
    durationSeconds: flags.duration,
    quiet: flags.quiet,
    json: flags.json,
    silent: flags.log === 'error',
    workers: Math.min(flags.workers ?? usual, flags.N),
  }
}

function thingNames(list: string | undefined): string[] {
  const known = THINGS.map(({ name }) => name)
  if (list === undefined) return known
  const names = list.split(',').map((name) => name.trim())
  for (const name of names)
    if (!known.includes(name))
      throw new OperatorError(`flag -things=${list}: there is no '${name}'; there are ${known.join(', ')}`)
  return names
}

interface GateFlags {
  readonly server?: string | undefined
  readonly ws: boolean
  readonly tls: boolean
  readonly compress: boolean
  readonly configfile: string
}

/** One gate as it is written, or the gates of the config file, at another host if one is given. */
function findTargets({ server, ws, tls, compress, configfile }: GateFlags): Pick<Settings, 'targets' | 'compress'> {
  if (server !== undefined && /^wss?:/.test(server)) {
    if (!URL.canParse(server)) throw new OperatorError(`flag -server: '${server}' is no WebSocket address`)
    return { targets: [tls ? server.replace(/^ws:/, 'wss:') : server], compress }
  }
  if (server !== undefined && /^(tcp|tls|unix):|:\d+$/.test(server)) {
    const address = parseTarget(server)
    if (address.kind !== 'unix') {
      const place = server.replace(/^(tcp|tls):\/\//, '')
      return { targets: [targetAt(place, ws, tls || address.kind === 'tls')], compress }
    }
    if (ws) throw new OperatorError(`flag -ws: there is no WebSocket at '${server}'`)
    if (tls) throw new OperatorError(`flag -tls: there is no TLS at '${server}'`)
    return { targets: [server], compress }
  }

  const config = readConfig(configfile)
  const compressing = config.gateIds.filter((id) => config.gate(id).compressConnection)
  if (compressing.length > 0 && compressing.length < config.gateIds.length)
    throw new OperatorError(
      `${configfile}: compress_connection is not the same for all gates; name one by flag -server`,
    )
  const targets = config.gateIds.map((id) => {
    const { listenAddr, httpAddr, encryptConnection } = config.gate(id)
    const address = ws ? httpAddr : listenAddr
    const key = `${configfile}: [gate${id}] ${ws ? 'http_addr' : 'listen_addr'}`
    if (!address) throw new OperatorError(`${key} is empty, but flag -ws needs it`)
    if (address.kind === 'unix') {
      if (ws || server !== undefined)
        throw new OperatorError(`${key} is a Unix socket: it has no host, and no WebSocket`)
      return `unix:${address.path}`
    }
    const host = server ?? (address.host === '0.0.0.0' || address.host === '::' ? '127.0.0.1' : address.host)
    return targetAt(`${host.includes(':') ? `[${host}]` : host}:${address.port}`, ws, tls || encryptConnection)
  })
  return { targets, compress: compress || compressing.length > 0 }
}

function targetAt(place: string, ws: boolean, tls: boolean): string {
  if (ws) return `ws${tls ? 's' : ''}://${place}/ws`
  return tls ? `tls://${place}` : place
}
