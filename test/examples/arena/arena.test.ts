// The rules of the arena as its clients meet them, on a cluster in memory.
import { afterEach, expect, test } from 'vitest'
import type { Game } from '../../../engine/client/client.ts'
import type * as server from '../../../examples/arena/arena.ts'
import definition from '../../../examples/arena/arena.ts'
import { TestCluster } from '../../components/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const start = async (games = 1) => {
  cluster = await TestCluster.start({ definition, bootEntity: 'Account', games })
}

async function join(name: string, arena = 1): Promise<Game<typeof server>> {
  const client = await cluster.client<typeof server>()
  client.on('Account', {
    created() {
      this.server.join(name, 3, arena, false)
    },
  })
  await cluster.clock.until(() => client.player?.type === 'Player' && client.space?.kind === arena, 5000, 'to be in')
  return client
}

test('who joins is in the arena, with monsters', async () => {
  await start()
  const ada = await join('  Ada\u202e\u0000 Love  ')
  expect(ada.player).toMatchObject({ attrs: { name: 'Ada Love' } })
  await cluster.clock.until(() => [...ada.entities.values()].some((one) => one.type === 'Monster'), 9000, 'monsters')
  await cluster.clock.advance(10000)
  console.error([...ada.entities.values()].map((one) => [one.type, one.position, one.attrs]))
})
