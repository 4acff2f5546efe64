// A client on a plain stream says hello when its first entity is there already: that is given up, and another asked for. What the first
// one comes to see until it hears of that is not shown to the client, or not for good.
import { expect, test } from 'vitest'
import { type EntityId, entity, game, space } from '../../../components/game/goworld.ts'
import { TestCluster } from '../cluster.ts'
import { SessionClient } from '../session-client.ts'

const CAMPS = 200

class Camp extends space({}) {
  override onGameReady() {
    for (let no = 1; no <= CAMPS; no++) this.game.registry.register(`camp/${no}`, this.game.createSpace(Camp, no).id)
  }
}

let made = 0
/** The first goes from camp to camp, the second stays in one that the first was never in. */
class Guest extends entity({ aoi: 50 }) {
  isFirst = false
  turn = 2
  override onClientConnected() {
    this.isFirst = ++made === 1
    this.every(10, this.go)
  }
  go() {
    const to = this.isFirst ? this.turn++ : 1
    const id = this.game.registry.get(`camp/${to}`)
    if (to <= CAMPS && id !== this.space?.id) this.enterSpace(id as EntityId<Camp>).catch(() => {})
  }
  override onClientDisconnected() {
    this.destroy()
  }
}

const definition = game([Guest, Camp], { nilSpace: Camp })

test('what an entity that was given up sees is not shown for good', { timeout: 120_000 }, async () => {
  const ghosts: string[] = []
  for (let seed = 1; seed <= 30; seed++) {
    made = 0
    // Two dispatchers, some links slower than others.
    const lanes = [[0.1, 1] as [number, number], [10, 30] as [number, number]]
    const cluster = await TestCluster.start({ definition, bootEntity: 'Guest', dispatchers: 2, seed, lanes })
    await cluster.clock.advance(500)
    const client = new SessionClient(cluster.clock, () => cluster.dial(1))
    await client.open()
    await cluster.clock.advance(300)
    client.hello()
    await cluster.clock.advance(5000)
    const seen = new Map<string, string>()
    for (const { name, values } of client.heard) {
      const id = values['entityId'] as string
      if (name === 'createEntity') seen.set(id, values['type'] as string)
      if (name === 'destroyEntity') seen.delete(id)
    }
    const core = cluster.games[0]!.world.find(client.playerId)!
    const truth = [core.id, core.space!.id]
    const wrong = [...seen].filter(([id]) => !truth.includes(id)).map(([id, type]) => `seed ${seed}: ${type} ${id}`)
    const missing = truth.filter((id) => !seen.has(id)).map((id) => `seed ${seed}: missing ${id}`)
    ghosts.push(...wrong, ...missing)
    await cluster.stop()
  }
  expect(ghosts).toEqual([])
})
