// What this game has asked others and waits for: answers by number, each with a limit of time.
//
//     open ─> no ── askEntity, askSpace, takeClient ──> … ──> answer, undelivered, or the time is over
import type { Clock, Scheduled } from '../base/clock.ts'
import { AskFailed, Unanswered, Undelivered } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { ANSWERED, FAILED } from '../wire/messages.ts'
import type { PacketSink } from './outbound.ts'

/** A game that asks for more without an answer is told so: something is wrong with those it asks. */
const OPEN_MAX = 1_000_000

const REFUSE_MS = 1

interface Limit {
  readonly ms: number
  /** Numbers, and when their time is over; those that have ended stay until then, or until most have. */
  queue: { readonly no: number; readonly atMs: number }[]
  alarm: Scheduled | undefined
}

/** So many that have ended may wait for their time before it is worth a look. */
const ENDED_KEPT = 1024

interface Request {
  readonly what: string
  readonly answer: PromiseWithResolvers<unknown>
  /** By which it went; undefined for what stays on this game. */
  readonly link: PacketSink | undefined
}

export class Requests {
  readonly #clock: Clock
  readonly #open = new Map<number, Request>()
  /** Those with the same limit come to it in the order in which they began: one alarm for all of them. */
  readonly #limits = new Map<number, Limit>()
  /** Begins anywhere: an answer to the process before is not to be taken for one to us. */
  #last: number
  #closed: ((what: string) => Error) | undefined

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#last = Math.floor(random() * 2 ** 32)
  }

  get size(): number {
    return this.#open.size
  }

  /**
   * Makes room for an answer: `send` is given the number to send with the request, and answers by which link it went. Throws
   * what `send` throws.
   */
  open(what: string, limitMs: number, send: (no: number) => PacketSink | undefined): Promise<unknown> {
    const closed = this.#closed
    if (closed) return this.#refuse(closed(what))
    if (this.#open.size >= OPEN_MAX) throw new Undelivered(`${what}: ${OPEN_MAX} answers are still to come`)
    this.#last = (this.#last + 1) >>> 0
    const no = this.#last
    const link = send(no)
    const answer = Promise.withResolvers<unknown>()
    this.#open.set(no, { what, answer, link })
    this.#limit(no, limitMs)
    return answer.promise
  }

  /** An answer has come; one that nobody waits for any more is dropped. */
  settle(no: number, outcome: number, value: unknown): void {
    this.#end(no, ({ resolve, reject }, what) => {
      if (outcome === ANSWERED) resolve(value)
      else reject(new (outcome === FAILED ? AskFailed : Undelivered)(`${what}: ${value}`))
    })
  }

  /** The dispatcher at the end of this link knows nothing any more of what it was given. */
  linkDown(link: PacketSink): void {
    for (const [no, request] of [...this.#open])
      if (request.link === link)
        this.#end(no, ({ reject }, what) => reject(new Unanswered(`${what}: its dispatcher was restarted`)))
  }

  /** Nobody waits any more, and nobody begins to until `reopen`. */
  close(error: (what: string) => Error): void {
    this.#closed = error
    for (const no of [...this.#open.keys()]) this.#end(no, ({ reject }, what) => reject(error(what)))
  }

  reopen(): void {
    this.#closed = undefined
  }

  /** Not at once: code that asks again and again must let the others run. */
  #refuse(error: Error): Promise<never> {
    return new Promise((_, reject) => void this.#clock.after(REFUSE_MS, () => reject(error)))
  }

  #limit(no: number, ms: number): void {
    let limit = this.#limits.get(ms)
    if (!limit) {
      limit = { ms, queue: [], alarm: undefined }
      this.#limits.set(ms, limit)
    }
    limit.queue.push({ no, atMs: this.#clock.now() + ms })
    if (limit.queue.length > ENDED_KEPT && limit.queue.length > this.#open.size * 2)
      limit.queue = limit.queue.filter((one) => this.#open.has(one.no))
    this.#setAlarm(limit)
  }

  #setAlarm(limit: Limit): void {
    const [first] = limit.queue
    if (!first) this.#limits.delete(limit.ms)
    else limit.alarm ??= this.#clock.after(first.atMs - this.#clock.now(), () => this.#timeOver(limit))
  }

  #timeOver(limit: Limit): void {
    limit.alarm = undefined
    const nowMs = this.#clock.now()
    const { ms, queue } = limit
    const over = queue.findIndex(({ atMs }) => atMs > nowMs)
    const ended = over < 0 ? queue.splice(0) : queue.splice(0, over)
    for (const { no } of ended)
      this.#end(no, ({ reject }, what) => reject(new Unanswered(`${what}: no answer in ${ms} ms`)))
    this.#setAlarm(limit)
  }

  #end(no: number, how: (answer: PromiseWithResolvers<unknown>, what: string) => void): void {
    const request = this.#open.get(no)
    if (!request) return
    this.#open.delete(no)
    how(request.answer, request.what)
  }
}
