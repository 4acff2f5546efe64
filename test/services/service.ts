// Real servers of stores for tests: found on this machine, started in a folder of their own, dead when the tests are.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'

export interface Service {
  readonly url: string
  /** Ends it as a power cut would: SIGKILL. */
  kill(): Promise<void>
  /** Starts it again, on the same port with the same data. */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

/** The path of the first of `names` (or of these absolute paths) that is there and may be run. */
export function findProgram(...names: string[]): string | undefined {
  // Distributions put servers where the PATH of a user may not lead.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin', '/usr/local/sbin']
  const paths = names.flatMap((name) => (isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name))))
  return paths.find(canRun)
}

function canRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * What a `start…` returns when its program is not installed. With GOWORLD_SERVICES=all, as where the whole suite is
 * checked, it throws instead: there nothing may be left out unseen.
 */
export function missing(service: string, program: string): undefined {
  if (process.env['GOWORLD_SERVICES'] === 'all') throw new Error(`${service}: ${program} is not installed`)
  skipLine(`${service} (${program} is not installed)`)
}

const skipped = new Set<string>()

/** Says once that the tests of `what` are left out, and why. */
export function skipLine(what: string): void {
  if (skipped.has(what)) return
  skipped.add(what)
  process.stderr.write(`skipped: ${what}\n`)
}

/** What is left to do when the test process ends. */
const atExit = new Set<() => void>()
process.on('exit', () => {
  for (const action of atExit) action()
})

/** A fresh folder that is removed when the test process ends, or before. */
export function serviceFolder(name: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `gw-${name}-`)))
  atExit.add(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface ServerOptions {
  readonly program: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** For servers that refuse to be run by root. */
  readonly uid?: number
  readonly gid?: number
  /** Whether it takes requests. While it throws or rejects, it does not. */
  readonly ready: () => unknown
}

const READY_LIMIT_MS = 30_000
const OUTPUT_CHARACTERS_MAX = 20_000

/** One process of a server. */
export class Server {
  readonly #options: ServerOptions
  readonly #process: ChildProcess
  readonly #closed: Promise<unknown>
  #output = ''

  /** Resolves when it is ready; rejects with what it printed when it ends before or takes too long. */
  static async start(options: ServerOptions): Promise<Server> {
    const server = new Server(options)
    try {
      await server.#untilReady()
    } catch (error) {
      await server.kill()
      throw error
    }
    return server
  }

  private constructor(options: ServerOptions) {
    this.#options = options
    const { cwd, env, uid, gid } = options
    const [program, args] = boundToUs(options)
    this.#process = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd !== undefined && { cwd }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    })
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.on('data', (chunk) => {
        this.#output = (this.#output + chunk).slice(-OUTPUT_CHARACTERS_MAX)
      })
    }
    this.#process.on('error', (error) => {
      this.#output += error.message
    })
    const end = () => this.#process.kill('SIGKILL')
    atExit.add(end)
    // `exit` and not `close`: a child of the server may hold its output open for a while.
    this.#closed = Promise.race([once(this.#process, 'exit'), once(this.#process, 'close')]).finally(() =>
      atExit.delete(end),
    )
    this.#closed.catch(() => {})
  }

  get pid(): number {
    return this.#process.pid!
  }

  /** The last of what it printed. */
  get output(): string {
    return this.#output
  }

  get ended(): boolean {
    return this.#process.pid === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  /** Resolves when it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.ended) return
    this.#process.kill(signal)
    await this.#closed
  }

  async #untilReady(): Promise<void> {
    const { program, ready } = this.#options
    const end = performance.now() + READY_LIMIT_MS
    let last: unknown
    for (;;) {
      if (this.ended) throw new Error(`${program} ended before it was ready:\n${this.#output}`)
      try {
        if (await ready()) return
      } catch (error) {
        last = error
      }
      if (performance.now() > end) {
        throw new Error(`${program} is not ready after ${READY_LIMIT_MS} ms (${last}):\n${this.#output}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

/** On Linux the kernel ends the server when this process ends, however that comes about. */
function boundToUs({ program, args }: ServerOptions): [string, string[]] {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv') : undefined
  return setpriv ? [setpriv, ['--pdeathsig', 'KILL', '--', program, ...args]] : [program, [...args]]
}

/** Whether something takes connections at a port of this machine: the least a `ready` can ask. */
export async function takesConnections(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
