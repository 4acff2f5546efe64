// A process of ours as the one that started it sees it: its last lines, its answers, its end.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { realClock } from '../../engine/base/clock.ts'
import { wantsColor } from './color.ts'
import { askControl } from './control.ts'
import type { ProcessId, RunFolder } from './run-folder.ts'

export type Status = Readonly<Record<string, unknown>>

export interface ChildOptions {
  /** The main of the role and its arguments. */
  readonly command: readonly string[]
  /** The game folder: the run folder is found by it. */
  readonly cwd: string
  /** Where each line goes that the process writes; without it the lines go to a file in the run folder. */
  readonly onLine?: (line: string) => void
  /** Whether its lines come behind those that are there. */
  readonly appends?: boolean
  /** Ends the process when we end, however that is. */
  readonly tied?: boolean
}

const LAST_LINES = 20
/** What is in a file of lines when a process is started; one that has more is put aside. */
const OUT_BYTES_MAX = 1024 * 1024
const POLL_MS = 50

/** In a session of its own, so that a terminal's Ctrl-C reaches its starter only. */
export class Child {
  readonly name: ProcessId
  /** How it ended, in words; undefined while it runs. */
  end: string | undefined
  exitCode: number | undefined
  readonly ended: Promise<void>
  readonly #folder: RunFolder
  readonly #process: ChildProcess
  readonly #lines: string[] = []
  readonly #inFile: boolean
  /** Bytes of the file that others had written before. */
  readonly #before: number

  constructor(
    name: ProcessId,
    folder: RunFolder,
    { command, cwd, onLine, appends = false, tied = false }: ChildOptions,
  ) {
    this.name = name
    this.#folder = folder
    this.#inFile = onLine === undefined
    if (this.#inFile) putAside(folder.outPath(name))
    if (this.#inFile && !appends) writeFileSync(folder.outPath(name), '')
    this.#before = statSync(folder.outPath(name), { throwIfNoEntry: false })?.size ?? 0
    // Always at the end: one process may write to it while the next one begins to.
    const out = this.#inFile ? openSync(folder.outPath(name), 'a') : 'pipe'
    this.#process = spawn(process.execPath, [...process.execArgv, ...command], {
      cwd,
      detached: true,
      env: onLine ? streamed() : process.env,
      stdio: [tied ? 'pipe' : 'ignore', out, out],
    })
    if (typeof out === 'number') closeSync(out)
    const { stdout, stderr } = this.#process
    const read = [stdout, stderr].flatMap((stream) => (stream && onLine ? [this.#read(stream, onLine)] : []))
    this.ended = new Promise((resolve) => {
      this.#process.on('error', (error) => {
        this.exitCode = 1
        this.end = `cannot be run: ${error.message}`
        resolve()
      })
      this.#process.on('exit', async (code, signal) => {
        this.exitCode = code ?? 1
        this.end = signal ? `was ended by ${signal}` : `exited with code ${code}`
        // What it said last may still be in the pipe.
        await Promise.all(read)
        resolve()
      })
    })
  }

  /** Resolves at the end of the stream. */
  #read(stream: Readable, onLine: (line: string) => void): Promise<void> {
    const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
    lines.on('line', (line) => {
      this.#lines.push(line)
      if (this.#lines.length > LAST_LINES) this.#lines.shift()
      onLine(line)
    })
    return new Promise((resolve) => void lines.on('close', resolve))
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  get lastLines(): readonly string[] {
    if (!this.#inFile) return this.#lines
    const text = readFileSync(this.#folder.outPath(this.name)).subarray(this.#before).toString().trimEnd()
    return text === '' ? [] : text.split('\n').slice(-LAST_LINES)
  }

  /** Lets our own process end before the child does. */
  unref(): void {
    this.#process.unref()
  }

  alive(): boolean {
    return this.end === undefined
  }

  signal(signal: NodeJS.Signals): void {
    if (this.end === undefined) this.#process.kill(signal)
  }

  /** What it says of itself, or undefined while it does not answer. */
  status(): Promise<Status | undefined> {
    return statusOf(this.#folder, this.name)
  }

  /** Resolves to true once `good` holds of its status; to false when it ends before, on `signal`, or after `limitMs`. */
  async until(good: (status: Status) => boolean, limitMs: number, signal?: AbortSignal): Promise<boolean> {
    const end = realClock.now() + limitMs
    while (this.end === undefined && !signal?.aborted && realClock.now() < end) {
      const status = await this.status()
      if (status && status.pid === this.pid && good(status)) return true
      await Promise.race([sleep(POLL_MS), this.ended])
    }
    return false
  }
}

/** The lines of very many successors, or of one that said very much. The last such file is kept. */
function putAside(path: string): void {
  const { size } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0 }
  if (size > OUT_BYTES_MAX) renameSync(path, `${path}.1`)
}

/** Its lines come to our terminal, though by way of a pipe, and with its name before them. */
const streamed = () => ({
  GOWORLD_LOG: 'short',
  ...process.env,
  ...(wantsColor(process.stdout) && { FORCE_COLOR: '1' }),
})

/** What a process says of itself, or undefined when it does not answer. */
export const statusOf = (folder: RunFolder, name: ProcessId): Promise<Status | undefined> =>
  askControl(folder.socketPath(name), 'status').catch(() => undefined)
