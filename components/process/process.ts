// The life of a process of ours, whichever its role: log, run folder, HTTP and control channel around the part that
// does the work, an orderly stop on a signal, and no end without a line in the log.
//
//     claim name ─> part starts ─> http listens ─> control listens ─> … ─> SIGTERM, SIGINT or `stop` ─> part stops ─> 0
//                                                                      │   └ a second signal: 143 or 130, at once
//                                                                      └─> SIGUSR1 or `freeze` ─> part freezes ─> 0
import type { Server } from 'node:http'
import { flushCompileCache } from 'node:module'
import { resolve } from 'node:path'
import { type Address, formatAddress } from '../../engine/base/address.ts'
import { realClock } from '../../engine/base/clock.ts'
import { messageOf } from '../../engine/base/errors.ts'
import { reachable } from '../../engine/config/address.ts'
import type { Config } from '../../engine/config/config.ts'
import { onFreezeSignal } from '../signals.ts'
import { inBackground } from './background.ts'
import { askControl, loadControl } from './control.ts'
import type { CommonFlags } from './flags.ts'
import { Freezing } from './freezing.ts'
import { createHttp, httpUrl, listenHttp } from './http.ts'
import { type LogSettings, openLog, type ProcessLog } from './log.ts'
import { Meter } from './meter.ts'
import type { Part } from './part.ts'
import { Place } from './place.ts'
import { nameOf, type ProcessId, RunFolder } from './run-folder.ts'
import { Watchdog } from './watchdog.ts'

export interface ProcessSettings {
  readonly httpAddr: Address | undefined
  readonly logFile: string
  readonly logStderr: boolean
  readonly logLevel: LogSettings['level']
}

export interface PartTools {
  readonly log: ProcessLog
  /** Not listening yet; a gate adds its WebSocket path. Undefined without an http_addr. */
  readonly http: Server | undefined
  readonly doors: Doors
}

/** The name of the process and its HTTP address, for one that is replaced while it has something left to do. */
export interface Doors {
  /** Gives both to a successor, and goes on under another name. Answers where it listened. */
  give(): Promise<Address | undefined>
  /** Takes both from whoever was succeeded, or gives up the other name again. It is done when the part is there, unless before. */
  take(address?: Address): Promise<void>
}

/** How long a process that has failed may take to save what it can. */
const LAST_WORDS_MS = 10_000
const STAY_MS = 60_000
/** An HTTP address that was not free is tried again so often. */
const LISTEN_AGAIN_MS = 5_000
/** Just after a swap all have waited for it: the thread of the watchdog loads later. */
const WATCH_AFTER_MS = 2_000
/** So long whoever was succeeded may take to end. */
const END_LIMIT_MS = 5_000

/** Runs until a signal; resolves when the process is up. One that `succeeds` another has its name from that one's end on. */
export async function runProcess(
  name: ProcessId,
  { warnings, dir, path }: Pick<Config, 'warnings' | 'dir' | 'path'>,
  settings: ProcessSettings,
  flags: Pick<CommonFlags, 'log'>,
  start: (tools: PartTools) => Promise<Part>,
  { succeeds = false }: { readonly succeeds?: boolean } = {},
): Promise<void> {
  const folder = RunFolder.of({ dir })
  const place = new Place(folder, succeeds ? { role: 'next', id: process.pid } : name, {
    status: () => status(),
    stop: () => void (stopping || stop('asked to')),
    freeze: () => freeze('asked to'),
  })
  place.claim()
  const logSettings: LogSettings = {
    name: nameOf(name),
    level: flags.log ?? settings.logLevel,
    file: settings.logFile,
    stderr: settings.logStderr,
  }
  const log = openLog(logSettings)
  process.on('exit', () => log.close())
  catchStrays(log, {
    isTaken(rejection) {
      part?.strayRejection?.(rejection)
      return part?.strayRejection !== undefined
    },
    isCaught: (error) => part?.strayException?.(error) ?? false,
    async lastWords() {
      await freezing.over()
      await part?.stop()
    },
  })
  for (const warning of warnings) log.warn(warning)

  // Authors' code runs in these.
  const watchdog = ['game', 'dev'].includes(name.role) ? new Watchdog({ settings: logSettings, log }) : undefined
  const meter = new Meter(() => watchdog?.beat())
  const freezing = new Freezing(log)
  const configfile = resolve(path)
  let part: Part | undefined
  let httpAddress: Address | undefined
  let stopping = false
  let starting: Promise<void> | undefined
  let signals = 0
  const status = () => ({
    ...part?.status(),
    ...place.name,
    pid: process.pid,
    ready: isReady(),
    stopping,
    freezing: freezing.active,
    freezeError: freezing.error,
    configfile,
    ...meter.read(),
    addresses: { ...part?.addresses, ...urls() },
  })
  /** What is served on the HTTP address, as URLs. */
  const urls = () => {
    if (!httpAddress) return {}
    const address = reachable(httpAddress)
    const path = address.kind === 'tcp' && part?.webSocketPath
    const secure = part?.isEncrypted ? 's' : ''
    const ws = path ? { ws: `ws${secure}://${formatAddress(address)}${path}` } : {}
    const page = address.kind === 'tcp' && part?.web ? { page: httpUrl(address, '/', secure) } : {}
    return { ...ws, http: httpUrl(address, '/healthz', secure), ...page }
  }
  const isReady = () => part?.ready === true && !stopping && !freezing.active
  const http =
    settings.httpAddr &&
    createHttp({
      healthz: () => ({ ready: isReady(), name: nameOf(name) }),
      status: () => status(),
      web: () => part?.web,
    })

  // In front of its name: whoever takes that takes the address, too.
  process.prependListener('exit', () => void http?.close())

  const stop = async (why: string) => {
    stopping = true
    // In the middle of a swap it may be the only one that knows what there is.
    if (succeeds) await starting
    if (freezing.active) log.info(`${why}: the freeze is finished first`)
    await freezing.over()
    log.info(`stopping: ${why}`)
    try {
      await part?.stop()
      log.info('stopped')
    } catch (error) {
      log.error(`did not stop in order: ${messageOf(error)}`, { error })
      process.exitCode = 1
    }
    process.exit()
  }
  const freeze = (why: string) => {
    if (!stopping) return freezing.begin(why)
    log.warn(`${why}: it is stopping already`)
    return 'it is stopping already'
  }
  onFreezeSignal(() => void freeze('SIGUSR1'))
  const background = inBackground()
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
    // A terminal was closed. Where there is none, a game is to be swapped, as by SIGUSR1.
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => {
      if (signal === 'SIGHUP' && name.role === 'game' && background) return void freeze(signal)
      // The second ends at once. One that follows a stop by another way is the first.
      if (++signals > 1) process.exit(code)
      if (!stopping) void stop(signal)
    })
  }

  // What it waits for may be a timer, which by itself keeps no process: another process that has to let go, say.
  const stay = setInterval(() => {}, STAY_MS)
  const listenAt = async (server: Server, address: Address): Promise<void> => {
    try {
      httpAddress = await listenHttp(server, address, `${nameOf(name)} http_addr`)
    } catch (error) {
      // Where clients come in it has to be. Of what was handed over to a game or a dispatcher nobody else has anything any more.
      if (!succeeds || name.role === 'gate') throw error
      log.error(`it goes on without its HTTP address until that is free: ${messageOf(error)}`)
      setTimeout(() => void listenAt(server, address), LISTEN_AGAIN_MS).unref()
    }
  }
  const doors: Doors = {
    async give() {
      await place.change({ role: 'drain', id: process.pid })
      http?.close()
      return httpAddress
    },
    async take(address = httpAddress ?? settings.httpAddr) {
      if (place.name.role === 'next') await ended(folder, name)
      if (place.name !== name) await place.change(name)
      if (http && address && !http.listening) await listenAt(http, address)
    },
  }
  /** An address that is new may be in use: to be known while there is a way back. */
  const listenElsewhere = async () => {
    const { httpAddr } = settings
    if (!http || httpAddr?.kind !== 'tcp' || httpAddr.port === 0) return
    // One that is being frozen may end before it answers: then the address is free.
    const said = await askControl(folder.socketPath(name), 'status').catch(() => undefined)
    if (!said) return
    const before = (said['addresses'] as Readonly<Record<string, string>>)['http']
    if (before !== undefined && new URL(before).port === String(httpAddr.port)) return
    httpAddress = await listenHttp(http, httpAddr, `${nameOf(name)} http_addr`)
  }
  if (succeeds && name.role !== 'gate') await listenElsewhere()
  // While it stands by there is the time.
  if (succeeds) await loadControl()
  const started = start({ log, http, doors }).finally(() => clearInterval(stay))
  starting = started.then(
    (it) => {
      part = it
    },
    () => {},
  )
  part = await started
  await part.calm?.()
  await doors.take()
  await place.serve()
  const where = Object.values(status().addresses).join(' ')
  log.info('up', { pid: process.pid, ...(where !== '' && { at: where }) })
  if (!stopping) freezing.up(part)
  flushCompileCache()
  // One that starts may stand still in its first hook.
  if (succeeds) realClock.after(WATCH_AFTER_MS, () => watchdog?.begin())
  else watchdog?.begin()
}

/** Whoever was succeeded ends by itself as soon as it knows; its name and its doors are free then. */
async function ended(folder: RunFolder, name: ProcessId): Promise<void> {
  while (!(await folder.isGone(name, END_LIMIT_MS))) {
    // It has said that it is not the one any more: nothing is lost with it.
    const before = folder.find(name)
    if (before?.alive) process.kill(before.pid, 'SIGKILL')
  }
}

interface Strays {
  isTaken(rejection: unknown): boolean
  isCaught(exception: unknown): boolean
  lastWords(): Promise<void>
}

/**
 * What nobody caught ends the process, with its stack in the log. Authors' methods and callbacks are caught before it comes to that. A
 * game tries to save its entities first: they are worth more than the doubt about its state.
 */
function catchStrays(log: ProcessLog, { isTaken, isCaught, lastWords }: Strays): void {
  let ending = false
  const end = (what: string) => (error: unknown) => {
    log.error(`${what}: ${messageOf(error)}`, { error })
    if (ending) process.exit(1)
    ending = true
    setTimeout(() => process.exit(1), LAST_WORDS_MS)
    lastWords().then(
      () => process.exit(1),
      (failure) => {
        log.error(`and could not stop in order: ${messageOf(failure)}`)
        process.exit(1)
      },
    )
  }
  process.on('uncaughtException', (error) => {
    if (!isCaught(error)) end('uncaught exception')(error)
  })
  process.on('unhandledRejection', (error) => {
    if (!isTaken(error)) end('unhandled rejection')(error)
  })
  // Whoever read our output may be gone; that is no reason to end a game.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
}
