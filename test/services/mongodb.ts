// A real server for tests that speaks as MongoDB does: SecantusDB, over MongoDB's own storage engine, with its data on
// disk (test/services/mongodb/install), or a mongod at GOWORLD_TEST_MONGODB: mongodb://host:port/
import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { freePort } from '../free-port.ts'
import { findProgram, missing, Server, type Service, serviceFolder } from './service.ts'

export interface MongodbService extends Service {
  /** Not ours: it cannot be killed, nor restarted. */
  readonly isForeign: boolean
  /** For a look at what is stored, beside the engine. */
  readonly client: MongoClient
  /** The name of a database that is new and empty. */
  freshDatabase(): string
  /** With more arguments than it was first started with. */
  restart(args?: readonly string[]): Promise<void>
  /** Stops it in the middle of what it does, and lets it go on: a machine that hangs. */
  pause(): void
  resume(): void
}

/** Undefined when none is installed. */
export async function startMongodb(): Promise<MongodbService | undefined> {
  const foreign = process.env['GOWORLD_TEST_MONGODB']
  if (foreign) return service(foreign, undefined)
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  const program = findProgram(join(cache, 'goworld-services/mongodb/bin/secantusd-py'))
  if (!program) return missing('mongodb', 'what test/services/mongodb/install brings')
  const port = await freePort()
  const folder = serviceFolder('mongodb')
  const common = ['--host', '127.0.0.1', '--port', `${port}`, '--storage-path', join(folder, 'data'), '--standalone']
  const url = `mongodb://127.0.0.1:${port}/`
  const start = (args: readonly string[] = []) =>
    Server.start({ program, args: [...common, ...args], cwd: folder, ready: () => answers(url) })
  return service(url, { start, server: await start(), folder })
}

interface Process {
  readonly start: (args?: readonly string[]) => Promise<Server>
  server: Server
  readonly folder: string
}

function service(url: string, ours: Process | undefined): MongodbService {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 5000, retryWrites: false })
  const databases: string[] = []
  return {
    url,
    isForeign: !ours,
    client,
    freshDatabase() {
      databases.push(`goworld_test_${randomUUID()}`)
      return databases.at(-1)!
    },
    pause: () => process.kill(ours!.server.pid, 'SIGSTOP'),
    resume: () => process.kill(ours!.server.pid, 'SIGCONT'),
    kill: () => ours!.server.kill(),
    async restart(args) {
      // Users, unlike data, are only kept when it is ended in peace.
      await ours!.server.kill('SIGTERM')
      ours!.server = await ours!.start(args)
    },
    async stop() {
      if (!ours) for (const name of databases) await client.db(name).dropDatabase()
      await client.close()
      if (!ours) return
      await ours.server.kill()
      rmSync(ours.folder, { recursive: true, force: true })
    },
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 1000 })
  try {
    await client.connect()
    return true
  } finally {
    await client.close()
  }
}
