// Clients as load, in a process of their own: many bare sockets that speak the client protocol (kit/crowd-process.ts does
// the work), and what they measured.
//
//     const crowd = await Crowd.start({ gate, clients: 1000, does: 'walk' })      all are there, and do it
//     crowd.begin() … const { p50Ms, records } = await crowd.end()
//     await crowd.stop()
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const REST_LOOK_MS = 100

export interface CrowdOptions {
  /** `host:port` */
  readonly gate: string
  readonly clients: number
  /**
   * `walk`: each in the field, says where it is ten times a second. `echo`: calls its entity, which answers, `perSecond`
   * times a second. `flood`: keeps `outstanding` such calls under way. `stand`: nothing more.
   */
  readonly does: 'walk' | 'echo' | 'flood' | 'stand'
  readonly perSecond?: number
  /** So many calls are under way at the most: who `echo`es waits for an answer then, and does not call. */
  readonly outstanding?: number
  /** So long the entity is busy with each call. */
  readonly workMs?: number
  /** How many come at a time. */
  readonly atATime?: number
  /** Each has its first entity make another and give it the client: what a login is. */
  readonly logsIn?: boolean
  /** They come and go so often before they come to stay, so that both ends are warm. */
  readonly rehearsals?: number
}

export interface CrowdFigures {
  readonly seconds: number
  /** From call to answer; or from a client that moves to one that sees it. */
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Calls that were made, and of these those that were answered: what is under way at an end counts with the next. */
  readonly calls: number
  readonly answers: number
  /** Calls of all the time that have no answer yet; negative when more were answered than were made. */
  readonly open: number
  readonly records: number
  readonly bytesIn: number
  /** Of the crowd itself. */
  readonly cpuSeconds: number
  readonly loopDelayP99Ms: number
}

/** The first says what to do. */
export type CrowdOrder = CrowdOptions | 'begin' | 'end' | 'ease' | 'rest'
export type CrowdReport =
  | { readonly said: 'ready'; readonly seconds: readonly number[] }
  | { readonly said: 'figures'; readonly figures: CrowdFigures }
  | { readonly said: 'failed'; readonly error: string }

export class Crowd {
  /** How long it took until all were there: each time that they came, the last time to stay. */
  readonly startSeconds: readonly number[]
  readonly #process: ChildProcess
  readonly #ended: Promise<never>

  private constructor(process: ChildProcess, ended: Promise<never>, startSeconds: readonly number[]) {
    this.#process = process
    this.#ended = ended
    this.startSeconds = startSeconds
  }

  /** Resolves when all clients have what they need. Rejects when one of them fails. */
  static async start(options: CrowdOptions): Promise<Crowd> {
    const child = fork(join(import.meta.dirname, 'crowd-process.ts'), { serialization: 'json' })
    say(child, options)
    const ended = endOf(child)
    const report = await hear(child, ended)
    if (report.said !== 'ready') throw new Error('the crowd said something else than that it is ready')
    return new Crowd(child, ended, report.seconds)
  }

  /** From now on only every tenth does anything. */
  ease(): void {
    say(this.#process, 'ease')
  }

  /** From now on nobody does anything, until all is answered or the time is over. Answers how many calls are still open. */
  async rest(withinMs: number): Promise<number> {
    say(this.#process, 'rest')
    const end = performance.now() + withinMs
    for (;;) {
      const { open } = await this.end()
      if (open <= 0 || performance.now() >= end) return open
      await sleep(REST_LOOK_MS)
    }
  }

  begin(): void {
    say(this.#process, 'begin')
  }

  /** What was measured since `begin`. Rejects when a client was closed or an answer was wrong. */
  async end(): Promise<CrowdFigures> {
    say(this.#process, 'end')
    const report = await hear(this.#process, this.#ended)
    if (report.said !== 'figures') throw new Error('the crowd said something else than its figures')
    return report.figures
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.disconnect()
    await ended
  }
}

function say(child: ChildProcess, order: CrowdOrder): void {
  if (child.connected) child.send(order)
}

/** Rejects when the process ends. */
async function endOf(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit')
  throw new Error(`the crowd has ended with code ${code}`)
}

async function hear(child: ChildProcess, ended: Promise<never>): Promise<CrowdReport> {
  const [report] = (await Promise.race([once(child, 'message'), ended])) as [CrowdReport]
  if (report.said === 'failed') throw new Error(`the crowd: ${report.error}`)
  return report
}
