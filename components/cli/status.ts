// `goworld status`: what runs of a server, and how it fares. Exit code 0 when all of it is up and ready, else 1.
import { type Status, statusOf } from '../process/child.ts'
import { nameOf, ROLES, type Role, RunFolder } from '../process/run-folder.ts'
import { command } from './command.ts'
import { say, table } from './screen.ts'
import { gameFolder } from './server.ts'

/** What `-json` gives of each process, with whatever else it says of itself. */
interface ProcessStatus extends Readonly<Record<string, unknown>> {
  readonly role: Role
  readonly id: number
  /** Not of a frozen game: its file waits for the process that is to restore it. */
  readonly pid?: number
  readonly state:
    | 'ready'
    | 'starting'
    | 'stopping'
    | 'freezing'
    | 'frozen'
    | 'draining'
    | 'standby'
    | 'running'
    | 'silent'
    | 'dead'
}

const WELL: readonly ProcessStatus['state'][] = ['ready', 'running', 'draining', 'standby']

export const status = command({
  name: 'status',
  about: 'Shows the processes of a server.',
  positionals: '<game folder>',
  flags: { json: { type: 'bool', help: 'one JSON object' } },
  async run({ json }, [folder]) {
    const run = new RunFolder(gameFolder(folder!))
    const processes = await statusesIn(run)
    const ready = processes.length > 0 && processes.every(({ state }) => WELL.includes(state))
    if (!ready) process.exitCode = 1
    if (json) return say(JSON.stringify({ folder: run.path, ready, processes }))
    if (processes.length === 0) return say(`nothing runs in ${run.path}`)
    process.stdout.write(table([HEAD, ...processes.map(row)]))
  },
})

async function statusesIn(run: RunFolder): Promise<ProcessStatus[]> {
  const frozen = run.frozen().map((name) => ({ ...name, state: 'frozen' as const }))
  const processes = run.processes().filter(({ role, id }) => !frozen.some((one) => one.role === role && one.id === id))
  const statuses = await Promise.all(
    processes.map(async ({ role, id, pid, alive }): Promise<ProcessStatus> => {
      const name = { role, id, pid }
      if (!alive) return { ...name, state: 'dead' as const }
      if (role === 'bots') return { ...name, state: 'running' as const }
      if (role === 'next') return { ...name, state: 'standby' as const }
      const said = await statusOf(run, name)
      if (said?.pid !== pid) return { ...name, state: 'silent' as const }
      return { ...said, ...name, state: role === 'drain' ? 'draining' : stateOf(said) }
    }),
  )
  return [...statuses, ...frozen].sort((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role) || a.id - b.id)
}

function stateOf({ stopping, freezing, ready }: Status): ProcessStatus['state'] {
  if (stopping) return 'stopping'
  if (freezing) return 'freezing'
  return ready ? 'ready' : 'starting'
}

const HEAD = ['process', 'pid', 'state', 'uptime', 'cpu', 'memory', 'entities', 'clients']

function row(status: ProcessStatus): string[] {
  const number = (key: string) => (typeof status[key] === 'number' ? (status[key] as number) : undefined)
  const shown = (key: string, format: (value: number) => string = String) => {
    const value = number(key)
    return value === undefined ? '' : format(value)
  }
  return [
    nameOf(status),
    String(status.pid ?? ''),
    status.state,
    shown('uptimeSeconds', duration),
    shown('cpuPercent', (percent) => `${percent}%`),
    shown('rssBytes', (bytes) => `${Math.round(bytes / 1024 / 1024)} MB`),
    // Others know of entities too, but do not have them.
    ['game', 'dev'].includes(status.role) ? shown('entities') : '',
    ['gate', 'drain', 'dev'].includes(status.role) ? shown('clients') : '',
  ]
}

/** `59s`, `12m 03s`, `5h 07m`, `3d 04h`. */
export function duration(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  if (seconds < 60) return `${Math.floor(seconds)}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h ${two((seconds % 3600) / 60)}m`
  return `${Math.floor(seconds / 86_400)}d ${two((seconds % 86_400) / 3600)}h`
}
