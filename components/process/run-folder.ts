// The run folder: what runs of one server, as its processes and the `goworld` command both see it.
//
//     <game folder>/.goworld/gate1.pid    the pid, and when that process began, so that a reused pid is told apart
//                            gate1.sock   the control channel
//                            game1.swap   by which a successor takes it over
//                            gate1.out    standard output and error in the background
//                            gate1.out.1  the same, put aside at a start when it had become long
//                            game1.frozen what a frozen game was, until it is restored
//                            game1.frozen.20261121T182329.123Z    the last of them, by when they were restored
//                            drain4711.pid, .sock    a gate that was replaced, by its pid, until its clients are gone
//                            next4712.pid a successor, by its pid, until it has the name of the one that it succeeds
//                            goworld.ini  the configuration that `goworld start` made, when it made one
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { realClock } from '../../engine/base/clock.ts'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'

/**
 * `drain` is a gate that was replaced and whose clients play on for a while; `next` is a successor that stands by, whatever it
 * will be, and has no control channel yet; `dev` is all three in one process; `bots` play beside the server and never have one.
 */
export type Role = 'dispatcher' | 'game' | 'gate' | 'drain' | 'next' | 'dev' | 'bots'
/** In the order of a start; a stop goes backwards. */
export const ROLES: readonly Role[] = ['dispatcher', 'game', 'gate', 'drain', 'next', 'dev', 'bots']

/** One process of a server. */
export interface ProcessId {
  readonly role: Role
  readonly id: number
}

export interface ProcessFound extends ProcessId {
  readonly pid: number
  /** False for what a process left that was killed, even when its pid is another program's by now. */
  readonly alive: boolean
}

export const nameOf = ({ role, id }: ProcessId): string => `${role}${id}`

/** The smallest limit among our systems, less the longest name that a socket of ours has. */
const SOCKET_FOLDER_BYTES_MAX = 103 - '/dispatcher1000.sock'.length

const NAME = '.goworld'
const LOOK_MS = 5

export class RunFolder {
  /** The one of the server whose goworld.ini lies in `dir`; a made one lies in the run folder itself. */
  static of({ dir }: { readonly dir: string }): RunFolder {
    return new RunFolder(basename(dir) === NAME ? dirname(dir) : dir)
  }

  readonly path: string
  /** The folder of the sockets: this one, unless its path is too long for a socket's. */
  readonly socketFolder: string

  constructor(gameFolder: string) {
    this.path = join(gameFolder, NAME)
    const short = Buffer.byteLength(this.path) <= SOCKET_FOLDER_BYTES_MAX
    this.socketFolder = short ? this.path : shortFolder(this.path)
  }

  get configPath(): string {
    return join(this.path, 'goworld.ini')
  }
  socketPath(process: ProcessId): string {
    return join(this.socketFolder, `${nameOf(process)}.sock`)
  }
  outPath(process: ProcessId): string {
    return join(this.path, `${nameOf(process)}.out`)
  }
  /** By which a successor takes over. */
  swapPath(process: ProcessId): string {
    return join(this.socketFolder, `${nameOf(process)}.swap`)
  }
  frozenPath(process: ProcessId): string {
    return join(this.path, `${nameOf(process)}.frozen`)
  }

  create(): void {
    for (const folder of [this.path, this.socketFolder]) {
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        // In a folder that all may write to, another user may have been here first.
        const { uid } = statSync(folder)
        if (process.getuid && uid !== process.getuid()) throw new Error(`it belongs to the user ${uid}`)
      } catch (error) {
        throw new OperatorError(`the run folder ${folder} cannot be made: ${messageOf(error)}`)
      }
    }
  }

  /** Makes a process (this one) the only one of its name here; answers how to give the name back. */
  claim(name: ProcessId, pid = process.pid): () => void {
    this.create()
    const file = this.#pidPath(name)
    const text = `${pid}\n${beginningOf(pid)}\n`
    const left = readText(file)
    this.refuseSecond(name)
    // Only what a dead process has left: by now another may have claimed it.
    if (left !== undefined && readText(file) === left) this.clear(name)
    try {
      writeFileSync(file, text, { flag: 'wx' })
    } catch (error) {
      // A full disk takes the file, and not its text.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') rmSync(file, { force: true })
      const running = this.find(name)
      if (running?.alive) throw this.#refusal(running)
      throw new OperatorError(`${file}: cannot be written: ${messageOf(error)}`)
    }
    return () => this.#release(file, text)
  }

  /**
   * Gives a process (this one) that has a name another one; answers how to give that back. It takes no space on the disk, so
   * nothing but a process that has the name stands in its way.
   */
  rename(from: ProcessId, to: ProcessId): () => void {
    this.refuseSecond(to)
    const file = this.#pidPath(to)
    renameSync(this.#pidPath(from), file)
    const text = readText(file)
    return () => this.#release(file, text)
  }

  /** Throws OperatorError when a process has the name. */
  refuseSecond(name: ProcessId): void {
    const running = this.find(name)
    if (running?.alive) throw this.#refusal(running)
  }

  #refusal(running: ProcessFound): OperatorError {
    return new OperatorError(`${nameOf(running)} runs already in ${this.path}, pid ${running.pid}`)
  }

  #release(file: string, text: string | undefined): void {
    if (readText(file) === text) rmSync(file, { force: true })
  }

  find(name: ProcessId): ProcessFound | undefined {
    const [pidText, beginning] = readText(this.#pidPath(name))?.split('\n') ?? []
    const pid = Number(pidText)
    if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
    return { ...name, pid, alive: isAlive(pid, beginning ?? '') }
  }

  /** Resolves to whether the process of this name has ended, as soon as it has, or when the time is over. */
  async isGone(name: ProcessId, withinMs: number): Promise<boolean> {
    for (const end = realClock.now() + withinMs; this.find(name)?.alive; await sleep(LOOK_MS))
      if (realClock.now() >= end) return false
    return true
  }

  /** Every process with a pid file, in the order of a start. */
  processes(): ProcessFound[] {
    const found: ProcessFound[] = []
    for (const file of listed(this.path)) {
      const [, role, id] = /^([a-z]+)(\d+)\.pid$/.exec(file) ?? []
      if (!ROLES.includes(role as Role)) continue
      const process = this.find({ role: role as Role, id: Number(id) })
      // Of a successor that was killed nothing is missing: who it was to succeed goes on.
      if (process?.role === 'next' && !process.alive) this.clear(process)
      else if (process) found.push(process)
    }
    return found.sort((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role) || a.id - b.id)
  }

  /** Those that are frozen: they have a frozen file, and no process. */
  frozen(): ProcessId[] {
    const found: ProcessId[] = []
    for (const file of listed(this.path)) {
      const [, id] = /^game(\d+)\.frozen$/.exec(file) ?? []
      const name = { role: 'game', id: Number(id) } as const
      if (id !== undefined && !this.find(name)?.alive) found.push(name)
    }
    return found.sort((a, b) => a.id - b.id)
  }

  /** Removes what a process left that did not end by itself. */
  clear(name: ProcessId): void {
    rmSync(this.#pidPath(name), { force: true })
    rmSync(this.socketPath(name), { force: true })
  }

  #pidPath(process: ProcessId): string {
    return join(this.path, `${nameOf(process)}.pid`)
  }
}

/** Whether the process that wrote the pid file still runs. */
function isAlive(pid: number, beginning: string): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is another user's.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return beginningOf(pid) === beginning
}

/**
 * When a process began: with the pid it names one process for good. Another answer for a process that has ended
 * and that its parent has not yet waited for.
 */
function beginningOf(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`)
  if (stat !== undefined) {
    // The second field is the program's name in brackets, and may hold anything.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' || state === 'X' ? 'ended' : fields[18]!
  }
  // A system without /proc, such as macOS.
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' }
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { env, encoding: 'utf8' })
  return stdout?.trim() ?? ''
}

function shortFolder(path: string): string {
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 12)
  return join(tmpdir(), `goworld-${userInfo().uid}-${hash}`)
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
