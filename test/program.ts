// Runs a program of ours as a child process, to its end or until the test is over.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { onTestFinished } from 'vitest'

export const ROOT = resolve(import.meta.dirname, '..')

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface ProgramOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

export class Program {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  out = ''
  err = ''

  constructor(file: string, args: readonly string[], { cwd = ROOT, env = {} }: ProgramOptions = {}) {
    // What vitest sets for its own workers is not for ours.
    const { NODE_OPTIONS, FORCE_COLOR, GOWORLD_LOG, ...inherited } = process.env
    this.process = spawn(file, args, { cwd, env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.process.stdout?.on('data', (chunk) => {
      this.out += chunk
    })
    this.process.stderr?.on('data', (chunk) => {
      this.err += chunk
    })
    this.ended = once(this.process, 'close').then(([code, signal]) => ({ code, signal, out: this.out, err: this.err }))
    onTestFinished(async () => {
      this.process.kill('SIGKILL')
      await this.ended
    })
  }

  get pid(): number {
    return this.process.pid!
  }

  /** Both streams. */
  get text(): string {
    return this.out + this.err
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }

  /** Resolves when it has written `text`; throws when it ends before. */
  async said(text: string | RegExp): Promise<void> {
    await until(() => {
      if (this.text.match(text)) return true
      if (this.process.exitCode === null && this.process.signalCode === null) return false
      throw new Error(`ended before it said ${text}:\n${this.text}`)
    }, `${text} in the output`)
  }
}

/** Runs a program to its end. */
export const run = (file: string, args: readonly string[] = [], options: ProgramOptions = {}): Promise<Ended> =>
  new Program(file, args, options).ended

const LIMIT_MS = 30_000

/** Waits for a condition; throws when it does not come true. */
export async function until(condition: () => unknown, what: string): Promise<void> {
  const end = performance.now() + LIMIT_MS
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what}: not after ${LIMIT_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
