// How a process is handed over to its successor, one of newer code that is loaded and stands by: over a local socket, question
// by question. The successor asks; the one that is swapped answers, and goes on by itself when the other is gone.
//
//     anybody   ── a look ────> answered; nothing has changed
//
//     successor ── step 1 ────> from here on the swap is under way
//               <── answer ────
//               …
//               ── done ──────> it is not the one any more, and ends
//               <── ok ────────
//               (── failed ───> at any step: goes on)
//
// A question is a line of JSON. So is an answer, unless it is bytes: then the line says how many, and they follow.
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { realClock, type Scheduled } from '../../engine/base/clock.ts'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'

/** What a question leads to, by its name; `pid` is who asks. The answer is JSON, or bytes as they are. */
export type Questions = Readonly<Record<string, (pid: number) => Promise<object>>>

/** The process that is swapped. */
export interface Swapped {
  /** These change nothing. */
  readonly looks: Questions
  /** Whoever has looked is gone, or has its place. */
  seen?(pid: number): void
  /** In their order. One that rejects ends the swap; the first leaves nothing behind then. */
  readonly steps: Questions
  /** The successor has failed after the first step: goes on, from whatever point. */
  back(why: string): Promise<void>
  /** The successor has its place. */
  done(): void
}

type Asked = { readonly ask: string; readonly pid: number; readonly why?: string }

/** So long the successor has from each answer to its next question. */
const STEP_LIMIT_MS = 20_000

/** Serves one successor at a time at `path`. */
export class SwapServer {
  readonly #path: string
  readonly #log: Log
  readonly #swapped: Swapped
  #server: Server | undefined
  #isClosed = false
  #successor: Socket | undefined
  /** All that have asked anything and are still there. */
  readonly #guests = new Set<Socket>()
  #alone: PromiseWithResolvers<void> | undefined
  #visited: (() => void) | undefined
  /** Resolves when no swap is under way; never when one has come to its end. */
  #settled: PromiseWithResolvers<void> | undefined

  constructor(path: string, log: Log, swapped: Swapped) {
    this.#path = path
    this.#log = log
    this.#swapped = swapped
  }

  async listen(): Promise<void> {
    this.#isClosed = false
    rmSync(this.#path, { force: true })
    const server = createServer((socket) => this.#accept(socket))
    this.#server = server
    server.listen(this.#path)
    await once(server, 'listening')
    server.on('error', (error) => this.#log.error(`the swap channel: ${error.message}`))
    server.unref()
  }

  /** Resolves when no swap is under way. */
  async settled(): Promise<void> {
    await this.#settled?.promise
  }

  /** Resolves as soon as somebody has asked anything, after `limitMs` at the latest. */
  async visited(limitMs: number): Promise<void> {
    if (this.#guests.size > 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const limit = realClock.after(limitMs, resolve)
    this.#visited = resolve
    await promise
    limit.cancel()
  }

  /** Resolves when nobody who has asked anything is there any more; never when one of them has the place. */
  async alone(): Promise<void> {
    if (this.#guests.size === 0) return
    this.#alone ??= Promise.withResolvers()
    await this.#alone.promise
  }

  /** Nobody can begin any more. A swap that is under way goes on. */
  close(): void {
    this.#isClosed = true
    this.#server?.close()
  }

  #accept(socket: Socket): void {
    const { looks, steps } = this.#swapped
    let begun = false
    let over = false
    /** What it has asked for last; it does not reject. */
    let stepping: Promise<void> | undefined
    let pid = 0
    let patience: Scheduled | undefined
    const goBack = async (why: string, hasGivenUp = false) => {
      if (over) return
      over = true
      patience?.cancel()
      socket.destroy()
      // What is half done cannot be taken back.
      await stepping
      if (begun) {
        // Whatever it is at, it must not go on beside us.
        if (!hasGivenUp) end(pid)
        await this.#swapped.back(why).catch((error) => this.#log.error(`it could not go on: ${messageOf(error)}`))
      }
      this.#swapped.seen?.(pid)
      this.#guests.delete(socket)
      if (this.#guests.size === 0) {
        this.#alone?.resolve()
        this.#alone = undefined
      }
      if (this.#successor !== socket) return
      this.#successor = undefined
      this.#settled?.resolve()
      this.#settled = undefined
    }
    const answer = (what: object) => {
      if (over) return
      if (what instanceof Uint8Array) {
        socket.write(`${JSON.stringify({ bytes: what.length })}\n`)
        socket.write(what)
      } else {
        socket.write(`${JSON.stringify(what)}\n`)
      }
      patience = realClock.after(STEP_LIMIT_MS, () => void goBack(`it did nothing for ${STEP_LIMIT_MS / 1000} s`))
    }
    const underWay = (asked: Promise<object>) => {
      stepping = asked.then(
        () => {},
        () => {},
      )
      return asked
    }
    const hear = async (asked: Asked) => {
      patience?.cancel()
      pid = asked.pid
      if (!over) this.#guests.add(socket)
      this.#visited?.()
      if (asked.ask === 'failed') return goBack(asked.why ?? 'it says so', true)
      if (asked.ask === 'done') {
        over = true
        socket.end('{}\n', () => this.#swapped.done())
        return
      }
      const look = looks[asked.ask]
      if (look) return answer(await underWay(look(pid)))
      const step = steps[asked.ask]
      if (!step) throw new Error(`it does not know what '${asked.ask}' is`)
      if (this.#successor && this.#successor !== socket) throw new Error('it is being swapped already')
      if (!this.#successor && this.#isClosed) throw new Error('it is stopping')
      if (!this.#successor) this.#settled = Promise.withResolvers()
      this.#successor = socket
      const done = step(pid).then((answered) => {
        begun = true
        return answered
      })
      answer(await underWay(done))
    }
    const lines = createInterface({ input: socket })
    lines.on('line', (line) => {
      const heard = async () => hear(JSON.parse(line) as Asked)
      heard().catch((error) => {
        answer({ error: messageOf(error) })
        void goBack(messageOf(error))
      })
    })
    // Both say it when an answer finds nobody any more; 'close' follows.
    for (const one of [socket, lines]) one.on('error', () => {})
    socket.on('close', () => void goBack('it has ended'))
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}

/** The other end is gone: whatever it was asked, it may have done it. */
export class SwappedIsGone extends Error {
  override readonly name = 'SwappedIsGone'
}

const NEWLINE = 0x0a

/** The successor's end of it. */
export class SwapClient {
  readonly #socket: Socket
  readonly #chunks: AsyncIterator<Buffer>
  #received: Buffer = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#chunks = socket[Symbol.asyncIterator]()
  }

  static async connect(path: string): Promise<SwapClient> {
    const socket = createConnection(path)
    await once(socket, 'connect')
    socket.on('error', () => {})
    return new SwapClient(socket)
  }

  /** Rejects with what the other end says, and with SwappedIsGone when it says nothing. */
  async ask<T>(what: string): Promise<T> {
    this.#socket.write(question(what))
    const answer = JSON.parse(await this.#line()) as T & { readonly error?: string }
    if (answer.error !== undefined) throw new OperatorError(answer.error)
    return answer
  }

  /** The same for what is answered by bytes. */
  async askBytes(what: string): Promise<Uint8Array> {
    const { bytes } = await this.ask<{ readonly bytes: number }>(what)
    return this.#bytes(bytes)
  }

  /** When it is answered the other is not the one any more, and ends. */
  async done(): Promise<void> {
    await this.ask('done')
    this.#socket.end()
  }

  /** The other goes on; from here on this process does nothing of its work. */
  fail(why: string): void {
    this.#socket.end(question('failed', why))
  }

  close(): void {
    this.#socket.destroy()
  }

  async #line(): Promise<string> {
    for (;;) {
      const at = this.#received.indexOf(NEWLINE)
      if (at >= 0) return this.#taken(at + 1).toString()
      this.#received = Buffer.concat([this.#received, await this.#chunk()])
    }
  }

  async #bytes(count: number): Promise<Buffer> {
    const pieces = [this.#received]
    for (let { length } = this.#received; length < count; length += pieces.at(-1)!.length)
      pieces.push(await this.#chunk())
    this.#received = Buffer.concat(pieces)
    return this.#taken(count)
  }

  async #chunk(): Promise<Buffer> {
    const next = await this.#chunks.next().catch(() => undefined)
    if (!next || next.done) throw new SwappedIsGone('the process that is swapped is gone')
    return next.value
  }

  #taken(count: number): Buffer {
    const taken = this.#received.subarray(0, count)
    this.#received = this.#received.subarray(count)
    return taken
  }
}

const question = (ask: string, why?: string) =>
  `${JSON.stringify({ ask, pid: process.pid, ...(why !== undefined && { why }) } satisfies Asked)}\n`
