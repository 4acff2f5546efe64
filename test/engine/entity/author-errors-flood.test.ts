// A method that throws with what its client has sent in the message, as many do: what one client says fills no log.
import { expect, test } from 'vitest'
import { entity, game, space, string } from '../../../components/game/goworld.ts'
import { TestCluster } from '../../components/cluster.ts'

class Camp extends space({}) {}
class Guest extends entity({ ownClient: { buy: [string] } }) {
  buy(item: string) {
    throw new Error(`there is no ${item} in the shop`)
  }
}

test('a client that makes a method throw in many words costs some lines of the log', async () => {
  const cluster = await TestCluster.start({
    definition: game([Guest, Camp], { nilSpace: Camp }),
    bootEntity: 'Guest',
  })
  const client = await cluster.client()
  await cluster.clock.until(() => client.player !== undefined, 5000, 'a player')
  const lines = () => cluster.log.matching('error', 'threw').length
  const id = client.player!.id
  for (let n = 0; n < 5000; n++) client.call(id, 'buy', `item ${n}`)
  await cluster.clock.advance(1000)
  expect(lines()).toBeLessThan(50)
})
