// Watches over the main thread of a process from another one, so that an endless loop in an author's method does not go unsaid:
// nothing of the process itself answers then, not even its log (watchdog-thread.ts says what that thread does).
//
//     main thread ──beat, each second──> a number that both see <──looked at, each second── the watchdog's thread
import { Worker } from 'node:worker_threads'
import { messageOf } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import { wantsColor } from './color.ts'
import type { LogSettings } from './log.ts'

/** What the thread is told. */
export interface WatchdogData extends Pick<LogSettings, 'name' | 'file' | 'stderr'> {
  readonly beats: Int32Array
  readonly lookMs: number
  /** A main thread that has not beaten in so many looks stands still. */
  readonly missesMax: number
  readonly color: boolean
}

export interface WatchdogOptions {
  readonly settings: Pick<LogSettings, 'name' | 'file' | 'stderr'>
  readonly log: Log
  /** How often the main thread beats, or more seldom. */
  readonly lookMs?: number
}

const LOOK_MS = 1000
const MISSES_MAX = 5
// From source this is a .ts file that Node strips; in the published package both are .js.
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './watchdog-thread.ts' : './watchdog-thread.js',
  import.meta.url,
)

export class Watchdog {
  readonly #options: WatchdogOptions
  readonly #beats = new Int32Array(new SharedArrayBuffer(4))

  constructor(options: WatchdogOptions) {
    this.#options = options
  }

  /** The main thread has come round. */
  beat(): void {
    Atomics.add(this.#beats, 0, 1)
  }

  /** From now on. It keeps no process alive. */
  begin(): void {
    // Whoever debugs it stops it, and need not be told; nor is it to be let go on by us.
    if (process.getBuiltinModule('node:inspector').url() !== undefined) return
    const { settings, log, lookMs = LOOK_MS } = this.#options
    const { name, file, stderr } = settings
    const color = wantsColor(process.stderr)
    const workerData: WatchdogData = { name, file, stderr, beats: this.#beats, lookMs, missesMax: MISSES_MAX, color }
    const thread = new Worker(THREAD, { workerData, execArgv: [], name: 'watchdog' })
    thread.on('error', (error) => log.warn(`nobody watches over the main thread any more: ${messageOf(error)}`))
    thread.unref()
  }
}
