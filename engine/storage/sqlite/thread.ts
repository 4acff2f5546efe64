// A worker thread on one SQLite file, made when it is needed, and its answer to one batch at a time.
import { Worker } from 'node:worker_threads'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { SqliteWorkerData, SqlMessage, SqlReply } from './worker.ts'

// From source this is a .ts file that Node strips; in the published package both are .js.
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

export class Thread {
  readonly #data: SqliteWorkerData
  readonly #log: Log
  #worker: Worker | undefined
  #answer: ((reply: SqlReply) => void) | undefined
  #requests = 0
  #closes = false

  constructor(data: SqliteWorkerData, log: Log) {
    this.#data = data
    this.#log = log
  }

  hold(holds: boolean): void {
    if (holds) this.#started().ref()
    else if (!this.#closes) this.#worker?.unref()
  }

  async ask(batch: Exclude<SqlMessage, 'close'>): Promise<SqlReply> {
    const { promise, resolve } = Promise.withResolvers<SqlReply>()
    try {
      const worker = this.#started()
      worker.ref()
      worker.postMessage(batch satisfies SqlMessage)
    } catch (error) {
      return { failure: messageOf(error) }
    }
    this.#answer = resolve
    this.#requests = batch.requests.length
    return promise
  }

  async close(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    this.#closes = true
    worker.ref()
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    worker.postMessage('close' satisfies SqlMessage)
    await ended
  }

  async crash(): Promise<void> {
    await this.#worker?.terminate()
  }

  #started(): Worker {
    if (this.#worker) return this.#worker
    // No flags of ours: an --import or --inspect is meant for the game, not for this thread.
    const worker = new Worker(WORKER, { workerData: this.#data, execArgv: [], name: 'sqlite' })
    let reason = 'it ended'
    worker.on('message', (reply: SqlReply) => this.#onReply(reply))
    worker.on('error', (error) => {
      reason = messageOf(error)
    })
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined
      const requests = this.#answer ? this.#requests : 0
      if (!this.#closes) this.#log.error('the database worker stopped', { path: this.#data.path, reason, requests })
      this.#onReply({ failure: `the database worker stopped: ${reason}` })
    })
    this.#worker = worker
    return worker
  }

  #onReply(reply: SqlReply): void {
    const answer = this.#answer
    this.#answer = undefined
    answer?.(reply)
  }
}
