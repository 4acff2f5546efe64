// Starts every server that the tests could use, on free ports, and says where they are; Ctrl-C ends them all. For a look
// at a game on another database: `make services`.
import { once } from 'node:events'
import { startMongodb } from './mongodb.ts'
import { startPostgres } from './postgres.ts'
import { startRedis, startRedisCluster } from './redis.ts'

const started: { stop(): Promise<void> }[] = []

async function show<S extends { stop(): Promise<void> }>(
  name: string,
  start: () => Promise<S | undefined>,
  where: (service: S) => string,
): Promise<void> {
  const service = await start()
  if (!service) return
  started.push(service)
  process.stdout.write(`${name.padEnd(14)} ${where(service)}\n`)
}

await show('redis', startRedis, ({ url }) => url)
await show('redis_cluster', startRedisCluster, ({ startNodes }) =>
  startNodes.map((node, at) => `start_nodes_${at + 1}=${node}`).join(' '),
)
await show('postgres', startPostgres, ({ url }) => url)
await show('mongodb', startMongodb, ({ url }) => url)
process.stdout.write('Ctrl-C ends them, and removes what they hold.\n')
const stay = setInterval(() => {}, 1 << 30)
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
clearInterval(stay)
for (const service of started) await service.stop()
