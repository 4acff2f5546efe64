// The public door 'goworld/server': a whole server in the program that calls it, for clients that speak JSON.
//
//     serve(game([Session]), { bootEntity: 'Session', json: { port: 4000, path: '/ws' } })
//
//     JSON client ──ws──> HTTP server ──> gate ──memory──> dispatcher ──memory──> game ──> Session
import '../signals.ts'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Address } from '../../engine/base/address.ts'
import type { Log } from '../../engine/base/log.ts'
import { type Config, defaultConfig } from '../../engine/config/config.ts'
import type { KVDB_BACKENDS, STORAGE_BACKENDS } from '../../engine/config/keys.ts'
import type { GameDefinition } from '../../engine/entity/definition.ts'
import { createHttp, listenHttp } from '../process/http.ts'
import { openLog } from '../process/log.ts'
import type { Part } from '../process/part.ts'
import { startAllInOne } from './all-in-one.ts'
import { startJsonGate } from './json-gate.ts'

export type { Log } from '../../engine/base/log.ts'

export interface ServeOptions {
  /** The name of the class of which each client gets an entity. */
  readonly bootEntity: string
  /** Where JSON clients come in (`components/gate/json-client.ts` says what they speak). */
  readonly json: {
    /** 0: any that is free. */
    readonly port: number
    readonly path: string
    /** Without it, every interface. */
    readonly host?: string
    /** A text that each client gets as soon as it is connected. */
    readonly greeting?: string
  }
  /** Without it, warnings and errors go to standard error. */
  readonly log?: Log
  /** Where entities are saved; in memory only, unless it is said. A path is relative to the working directory. */
  readonly storage?: { readonly type: keyof typeof STORAGE_BACKENDS; readonly url?: string }
  /** Where the game's keys and values are. */
  readonly kvdb?: { readonly type: keyof typeof KVDB_BACKENDS; readonly url?: string }
}

export interface RunningServer {
  /** Where it really listens. */
  readonly port: number
  /** Figures, as JSON: `entities`, `clients`, and those of each role. */
  status(): Record<string, unknown>
  /** Closes all clients, ends and saves every entity. Rejects when one of them could not be saved. */
  stop(): Promise<void>
}

const MEMORY = { type: 'memory' } as const

/**
 * Runs a whole server in this process; its port also answers /healthz and, to this machine, /status. Rejects with
 * OperatorError when the port cannot be had or the options do not fit the game. What no author's code awaits and is
 * rejected is logged, from now to the stop.
 */
export async function serve(definition: GameDefinition, options: ServeOptions): Promise<RunningServer> {
  const { host = '0.0.0.0', port, path, greeting } = options.json
  const config = configOf(options)
  const log = options.log ?? openLog({ name: 'server', level: 'warn', file: '', stderr: true })
  let part: Part | undefined
  const http = createHttp({
    healthz: () => ({ ready: part?.ready === true }),
    status: () => ({ ready: part?.ready === true, ...part?.status() }),
  })
  part = await startAllInOne({
    config,
    definition,
    log,
    startGate: (links) => startJsonGate({ ...links, config, log, http, path, greeting }),
  })
  const { stop, status, strayRejection } = part
  let address: Address
  try {
    address = await listenHttp(http, { kind: 'tcp', host, port }, 'JSON clients')
  } catch (error) {
    await stop()
    throw error
  }
  const unwatch = watchProcess((error) => strayRejection?.(error))
  const end = async () => {
    const closed = closeHttp(http)
    await stop()
    // A page that is still being asked for is not waited for.
    http.closeAllConnections()
    await closed
    unwatch()
  }
  let stopped: Promise<void> | undefined
  return {
    port: address.kind === 'tcp' ? address.port : port,
    status,
    stop() {
      stopped ??= end()
      return stopped
    },
  }
}

/** What goworld.ini would say: nothing but this. */
function configOf({ bootEntity, storage = MEMORY, kvdb = MEMORY }: ServeOptions): Config {
  const config = defaultConfig(process.cwd())
  const urlOf = ({ type, url }: { type: string; url?: string }, standard: string) =>
    type === 'memory' ? '' : (url ?? standard)
  return {
    ...config,
    storage: { ...config.storage, type: storage.type, url: urlOf(storage, config.storage.url) },
    kvdb: { ...config.kvdb, type: kvdb.type, url: urlOf(kvdb, config.kvdb.url) },
    game: (id) => ({ ...config.game(id), bootEntity }),
  }
}

/** No more connections; resolves when the last is gone. */
async function closeHttp(http: Server): Promise<void> {
  const closed = once(http, 'close')
  http.close()
  await closed
}

/** What nobody caught is the game's; a reader of our output that is gone is no reason to end it. Answers the undo. */
function watchProcess(stray: (error: unknown) => void): () => void {
  const ignore = () => {}
  process.on('unhandledRejection', stray)
  process.stdout.on('error', ignore)
  process.stderr.on('error', ignore)
  return () => {
    process.off('unhandledRejection', stray)
    process.stdout.off('error', ignore)
    process.stderr.off('error', ignore)
  }
}
