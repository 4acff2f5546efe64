// A whole server in processes of its own for a benchmark, on addresses that are free, gone when the benchmark is over.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'

const REPOSITORY = resolve(import.meta.dirname, '../..')
const GOWORLD = join(REPOSITORY, 'components/cli/goworld')

const IN_MEMORY = `
[storage]
type=memory
journal=
[kvdb]
type=memory
`
const INI = `
[dispatcher_common]
http_addr=
[dispatcher1]
listen_addr=unix:dispatcher1.link
[game_common]
http_addr=
[gate_common]
listen_addr=127.0.0.1:0
http_addr=
`

export interface ServerOptions {
  /** Of `goworld start`. */
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Without a database, as GoWorld was measured: what is saved is kept in memory. */
  readonly inMemory?: boolean
  /** More lines for the gates in goworld.ini. */
  readonly gateIni?: readonly string[]
}

/** What `goworld status -json` says of a process. */
export interface ProcessStatus {
  readonly role: string
  readonly pid: number
  readonly addresses: { readonly tcp?: string }
  readonly rssBytes: number
  /** How late its event loop was, at the 99th percentile of the last seconds. */
  readonly loopDelayMs: number
}

export class BenchServer {
  readonly folder: string
  readonly #env: Readonly<Record<string, string>>
  readonly #processes: readonly ProcessStatus[]

  /** Starts the game of a folder; throws with what the server said when it does not come up. */
  constructor(game: string, { flags = [], env = {}, inMemory = false, gateIni = [] }: ServerOptions = {}) {
    this.#env = env
    const name = basename(game)
    this.folder = mkdtempSync(join(tmpdir(), 'goworld-bench-'))
    const module = JSON.stringify(resolve(game, `${name}.ts`))
    writeFileSync(join(this.folder, 'game.ts'), `export { default } from ${module}\n`)
    writeFileSync(join(this.folder, 'goworld.ini'), `${inMemory ? IN_MEMORY : ''}${INI}${gateIni.join('\n')}\n`)
    try {
      this.#goworld('start', '-d', ...flags)
      this.#processes = this.statuses()
    } catch (error) {
      this.stop()
      throw error
    }
  }

  /** Where clients connect: `host:port`. */
  get gate(): string {
    const address = this.#processes.find(({ role }) => role === 'gate')?.addresses.tcp
    if (!address) throw new Error('there is no gate')
    return address.replace('tcp://', '')
  }

  /** CPU seconds that all processes together have used, or each by its role; NaN where the system does not say (Linux does). */
  cpuSeconds(role?: string): number {
    let sum = 0
    for (const { role: its, pid } of this.#processes) if (role === undefined || role === its) sum += cpuSecondsOf(pid)
    return sum
  }

  /** A figure of all processes of a role together, as they say it now. */
  sum(role: string, figure: string): number {
    let sum = 0
    for (const one of this.statuses()) if (one.role === role) sum += Number(one[figure as keyof ProcessStatus])
    return sum
  }

  stop(): void {
    try {
      this.#goworld('stop')
    } finally {
      rmSync(this.folder, { recursive: true, force: true })
    }
  }

  statuses(): ProcessStatus[] {
    return (JSON.parse(this.#goworld('status', '-json')) as { processes: ProcessStatus[] }).processes
  }

  #goworld(command: string, ...flags: string[]): string {
    return execFileSync(GOWORLD, [command, this.folder, ...flags], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#env },
    })
  }
}

const TICKS_PER_SECOND = 100

function cpuSecondsOf(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN
  // Behind the name, which may contain anything: state is the first field, user and system time the 12th and 13th.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
