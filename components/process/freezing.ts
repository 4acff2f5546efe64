// The end of a game that is to go on later: begun by a signal or by the control channel, and finished whatever comes.
//
//     begin ─> (up) ─> freezing ─> frozen: the process ends, exit code 0
//                         └ fails: told, and the game goes on as before
import { messageOf } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Part } from './part.ts'

export class Freezing {
  readonly #log: Log
  #part: Part | undefined
  /** Who asked before there was a part. */
  #early: string | undefined
  #running: Promise<void> | undefined
  #error: string | undefined

  constructor(log: Log) {
    this.#log = log
  }

  get active(): boolean {
    return this.#running !== undefined
  }

  /** Why the last one failed; undefined while another one is tried. */
  get error(): string | undefined {
    return this.#error
  }

  /** The part is there: what was asked for before, begins. */
  up(part: Part): void {
    this.#part = part
    if (this.#early !== undefined) this.begin(this.#early)
  }

  /** Answers why it cannot be, if so. `why` is for the log: who asked. */
  begin(why: string): string | undefined {
    const part = this.#part
    if (!part) {
      this.#early = why
      return undefined
    }
    if (!part.freeze) {
      this.#log.warn(`${why}: only a game can be frozen`)
      return 'only a game can be frozen'
    }
    if (this.#running) {
      this.#log.info(`${why}: it is being frozen already`)
      return undefined
    }
    this.#log.info(`freezing: ${why}`)
    this.#error = undefined
    this.#running = this.#run(part.freeze.bind(part))
    return undefined
  }

  /** Resolves when none is under way, and not at all when one succeeds: the process ends then. */
  async over(): Promise<void> {
    await this.#running
  }

  async #run(freeze: () => Promise<void>): Promise<void> {
    try {
      // Whoever asked is answered before.
      await Promise.resolve().then(freeze)
    } catch (error) {
      this.#error = messageOf(error)
      this.#log.error(`not frozen, it goes on: ${this.#error}`, { error })
      this.#running = undefined
      return
    }
    this.#log.info('frozen')
    process.exit(0)
  }
}
