// How a game is handed over to its successor, a process of newer code that is loaded and stands by: over a local socket,
// question by question. The successor asks; the game that is swapped answers, and goes on by itself when the other is gone.
//
//     rehearsal ── copy ────> written to a file while it goes on
//               <── path ────
//
//     successor ── freeze ──> stands still, written to its file (not forced to the disk)
//               <── path ────
//               restores it: when that fails, it ends, and the game goes on as if nothing had happened
//               ── leave ───> leaves the cluster, closes its stores
//               <── ok ──────
//               takes its place: when that fails, the game restores itself
//               ── done ────> ends
//               (── failed ──> at any step: goes on)
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { realClock, type Scheduled } from '../../engine/base/clock.ts'
import { messageOf } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'

/** What the freeze took, in milliseconds. */
export interface Frozen {
  readonly path: string
  /** Milliseconds since 1970: from then on dispatchers keep what is for the game. */
  readonly heldSinceMs: number
  /** Until all that authors wait for was answered, or given up. */
  readonly waitMs: number
  /** From then on nothing ran: until it was written. */
  readonly freezeMs: number
}

/** The game that is swapped. */
export interface Swapped {
  /** Writes a copy of the game to a file for this process, and answers its path. */
  copy(pid: number): Promise<string>
  /** Rejects when it cannot be, and goes on. */
  freeze(): Promise<Frozen>
  leave(): Promise<void>
  /** The successor has failed: goes on, from whatever point. */
  back(why: string): Promise<void>
  /** The successor has its place. */
  done(): void
}

type Question = 'copy' | 'freeze' | 'leave' | 'done' | 'failed'
type Asked = { readonly ask: Question; readonly pid: number; readonly why?: string }

/** So long the successor has from each answer to its next question. */
const STEP_LIMIT_MS = 20_000

/** Serves one successor at a time at `path`. */
export class SwapServer {
  readonly #path: string
  readonly #log: Log
  readonly #swapped: Swapped
  #server: Server | undefined
  #successor: Socket | undefined
  /** Resolves when no swap is under way; never when one has come to its end. */
  #settled: PromiseWithResolvers<void> | undefined

  constructor(path: string, log: Log, swapped: Swapped) {
    this.#path = path
    this.#log = log
    this.#swapped = swapped
  }

  async listen(): Promise<void> {
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

  close(): void {
    this.#server?.close()
  }

  #accept(socket: Socket): void {
    let begun = false
    let over = false
    let pid = 0
    let patience: Scheduled | undefined
    const goBack = async (why: string, hasGivenUp = false) => {
      if (over) return
      over = true
      patience?.cancel()
      socket.destroy()
      if (begun) {
        // Whatever it is at, it must not be the game beside us.
        if (!hasGivenUp) end(pid)
        await this.#swapped.back(why).catch((error) => this.#log.error(`it could not go on: ${messageOf(error)}`))
      }
      if (this.#successor !== socket) return
      this.#successor = undefined
      this.#settled?.resolve()
      this.#settled = undefined
    }
    const answer = (data: object) => {
      if (over) return
      socket.write(`${JSON.stringify(data)}\n`)
      patience = realClock.after(STEP_LIMIT_MS, () => void goBack(`it did nothing for ${STEP_LIMIT_MS / 1000} s`))
    }
    const hear = async (asked: Asked) => {
      patience?.cancel()
      pid = asked.pid
      if (asked.ask === 'copy') return answer({ path: await this.#swapped.copy(pid) })
      if (asked.ask === 'failed') return goBack(asked.why ?? 'it says so', true)
      if (asked.ask === 'done') {
        over = true
        return this.#swapped.done()
      }
      if (asked.ask === 'leave') {
        await this.#swapped.leave()
        return answer({})
      }
      if (this.#successor) throw new Error('it is being swapped already')
      this.#successor = socket
      this.#settled = Promise.withResolvers()
      const frozen = await this.#swapped.freeze()
      begun = true
      if (over) await this.#swapped.back('its successor has ended')
      else answer(frozen)
    }
    const lines = createInterface({ input: socket })
    lines.on('line', (line) => {
      hear(JSON.parse(line) as Asked).catch((error) => {
        answer({ error: messageOf(error) })
        void goBack(messageOf(error))
      })
    })
    socket.on('error', () => {})
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

/** The successor's end of it. */
export class SwapClient {
  readonly #socket: Socket
  readonly #answers: AsyncIterator<string>

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#answers = createInterface({ input: socket })[Symbol.asyncIterator]()
  }

  static async connect(path: string): Promise<SwapClient> {
    const socket = createConnection(path)
    await once(socket, 'connect')
    socket.on('error', () => {})
    return new SwapClient(socket)
  }

  async copy(): Promise<string> {
    return ((await this.#ask('copy')) as { readonly path: string }).path
  }

  freeze(): Promise<Frozen> {
    return this.#ask('freeze') as Promise<Frozen>
  }

  async leave(): Promise<void> {
    await this.#ask('leave')
  }

  /** The other ends by itself; nothing is answered. */
  done(): void {
    this.#socket.end(question('done'))
  }

  /** The other goes on; from here on this process does nothing that a game does. */
  fail(why: string): void {
    this.#socket.end(question('failed', why))
  }

  close(): void {
    this.#socket.destroy()
  }

  async #ask(ask: Question): Promise<unknown> {
    this.#socket.write(question(ask))
    const { value, done } = await this.#answers.next()
    if (done) throw new Error('the game that is swapped is gone')
    const answer = JSON.parse(value) as { readonly error?: string }
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer
  }
}

const question = (ask: Question, why?: string) =>
  `${JSON.stringify({ ask, pid: process.pid, ...(why !== undefined && { why }) } satisfies Asked)}\n`
