// A real PostgreSQL for tests: a cluster of its own in a temporary folder, on a port of its own.
import { execFile } from 'node:child_process'
import { chownSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from '../free-port.ts'
import { findProgram, missing, Server, type Service, serviceFolder } from './service.ts'

export interface PostgresService extends Service {
  /** The URL of a database that is new and empty. */
  freshDatabase(): Promise<string>
  /** Ends every connection to it, as an administrator can. */
  dropConnections(): Promise<void>
  /** Stops it in the middle of what it does, and lets it go on: a machine that hangs. */
  pause(): void
  resume(): void
}

/** Whoever connects by this name needs a password. */
export const GUARDED = { user: 'guarded', password: 'correct-horse' }
/** Of no importance to what is tested; what was committed survives a kill all the same, as the system lives on. */
const FAST = ['fsync=off', 'full_page_writes=off', 'max_wal_size=256MB', 'shared_buffers=32MB']
const STARTS_MAX = 100

/** Undefined when no PostgreSQL is installed. */
export async function startPostgres(): Promise<PostgresService | undefined> {
  const postgres = findProgram('postgres', ...debianPaths('postgres'))
  if (!postgres) return missing('postgres', 'postgres')
  const owner = ownerOfServers()
  const data = serviceFolder('postgres')
  if (owner) chownSync(data, owner.uid, owner.gid)
  const initdb = postgres.replace(/postgres$/, 'initdb')
  const choices = ['-A', 'trust', '-U', 'goworld', '-E', 'UTF8', '--no-locale', '--no-sync', '--no-instructions']
  await promisify(execFile)(initdb, ['-D', data, ...choices], { cwd: data, ...owner })
  const rules = join(data, 'pg_hba.conf')
  writeFileSync(rules, `host all ${GUARDED.user} 127.0.0.1/32 scram-sha-256\n${readFileSync(rules, 'utf8')}`)
  const port = await freePort()
  const url = `postgres://goworld@127.0.0.1:${port}/postgres`
  const listens = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', `port=${port}`]
  const args = ['-D', data, ...[...listens, ...FAST].flatMap((setting) => ['-c', setting])]
  const start = () =>
    Server.start({ program: postgres, args, cwd: data, ...owner, ready: () => ask(url, 'SELECT 1').then(() => true) })
  let server = await start()
  await ask(url, `CREATE ROLE ${GUARDED.user} LOGIN PASSWORD '${GUARDED.password}'`)
  let databases = 0
  return {
    url,
    async freshDatabase() {
      const name = `world${++databases}`
      await ask(url, `CREATE DATABASE ${name}`)
      return url.replace(/postgres$/, name)
    },
    async dropConnections() {
      await ask(url, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()')
    },
    pause: () => signal(server, 'SIGSTOP'),
    resume: () => signal(server, 'SIGCONT'),
    kill: () => server.kill(),
    async restart() {
      // The processes of the killed one hold its memory for a moment, and so long a new one refuses to start.
      for (let left = STARTS_MAX; ; left--) {
        try {
          server = await start()
          return
        } catch (error) {
          if (left === 0 || !String(error).includes('shared memory block')) throw error
        }
      }
    },
    async stop() {
      await server.kill('SIGINT')
      rmSync(data, { recursive: true, force: true })
    },
  }
}

/** What one statement answers, on a connection of its own. */
export async function ask(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(text)).rows as Record<string, unknown>[]
  } finally {
    await client.end()
  }
}

/** Debian and its like keep each version in a folder of its own; the newest first. */
function debianPaths(program: string): string[] {
  try {
    const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a))
    return versions.map((version) => `/usr/lib/postgresql/${version}/bin/${program}`)
  } catch {
    return []
  }
}

/** PostgreSQL refuses to be run by root. */
function ownerOfServers(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('postgres: there is no account to run it by: neither postgres nor nobody')
}

/** To the server and to the process that it has for each connection. */
function signal({ pid }: Server, name: NodeJS.Signals): void {
  for (const child of [pid, ...childrenOf(pid)]) process.kill(child, name)
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}
