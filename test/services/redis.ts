// A real Redis for tests, and a real cluster of three: each server with its data on disk in a folder of its own.
import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort } from '../free-port.ts'
import { findProgram, missing, Server, type Service, serviceFolder, takesConnections } from './service.ts'

export interface RedisService extends Service {
  readonly port: number
  readonly pid: number
  /** One command on a connection of its own. */
  ask(...command: [string, ...(string | number)[]]): Promise<unknown>
}

export interface RedisOptions {
  readonly port?: number
  readonly folder?: string
  /** More arguments of redis-server. */
  readonly args?: readonly string[]
}

export interface RedisCluster {
  /** `host:port` of each. */
  readonly startNodes: readonly string[]
  readonly nodes: readonly RedisService[]
  /** Resolves when every node takes requests for all of the cluster. */
  ready(): Promise<void>
  stop(): Promise<void>
}

const MASTERS = 3
const SLOTS = 16384
/** A node talks to the others on a port so much higher. */
const BUS_PORTS = 10_000

/** Undefined when redis-server is not installed. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisService | undefined> {
  const program = findProgram('redis-server')
  if (!program) return missing('redis', 'redis-server')
  const { port = await freePort(), folder = serviceFolder('redis') } = options
  // What is acknowledged is on disk; nothing else is written.
  const kept = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--auto-aof-rewrite-percentage', '0']
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, ...kept, ...(options.args ?? [])]
  const ask: RedisService['ask'] = (...command) => askOnce(port, command)
  const start = () => Server.start({ program, args, cwd: folder, ready: async () => (await ask('PING')) === 'PONG' })
  let server = await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid
    },
    ask,
    kill: () => server.kill(),
    async restart() {
      server = await start()
    },
    async stop() {
      await server.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Undefined when redis-server is not installed. */
export async function startRedisCluster(): Promise<RedisCluster | undefined> {
  if (!findProgram('redis-server')) return missing('redis_cluster', 'redis-server')
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000']
  const nodes: RedisService[] = []
  for (let n = 0; n < MASTERS; n++) nodes.push((await startRedis({ port: await freePortOfNode(), args }))!)
  const allReady = () => Promise.all(nodes.map((node) => untilClusterReady(node)))
  for (const [n, node] of nodes.entries()) {
    const [begin, end] = [n, n + 1].map((part) => Math.round((SLOTS * part) / MASTERS)) as [number, number]
    const slots = Array.from({ length: end - begin }, (_, slot) => begin + slot)
    await node.ask('CLUSTER', 'ADDSLOTS', ...slots)
    await node.ask('CLUSTER', 'SET-CONFIG-EPOCH', n + 1)
  }
  for (const node of nodes) await node.ask('CLUSTER', 'MEET', '127.0.0.1', nodes[0]!.port)
  await allReady()
  return {
    startNodes: nodes.map(({ port }) => `127.0.0.1:${port}`),
    nodes,
    ready: async () => void (await allReady()),
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
  }
}

async function askOnce(port: number, [name, ...parameters]: [string, ...(string | number)[]]): Promise<unknown> {
  const redis = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => {})
  try {
    await redis.connect()
    return await redis.call(name, ...parameters)
  } finally {
    redis.disconnect()
  }
}

async function untilClusterReady(node: RedisService): Promise<void> {
  const limit = performance.now() + 30_000
  for (;;) {
    const info = String(await node.ask('CLUSTER', 'INFO'))
    if (info.includes('cluster_state:ok') && info.includes(`cluster_size:${MASTERS}`)) return
    if (performance.now() > limit) throw new Error(`the cluster does not come about:\n${info}`)
    await delay(20)
  }
}

async function freePortOfNode(): Promise<number> {
  for (;;) {
    const port = await freePort()
    if (port + BUS_PORTS < 65536 && !(await takesConnections(port + BUS_PORTS))) return port
  }
}
