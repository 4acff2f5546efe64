// A freeze and the hooks of authors: what they write before the game stands still, the clients know.
import { expect, test } from 'vitest'
import { attr, entity, game, space } from '../../components/game/goworld.ts'
import { TestCluster } from './cluster.ts'

let field: Field | undefined
let heard: string[] = []

class Field extends space({}) {
  override onRestored() {
    heard.push('field restored')
  }
}
class Walker extends entity({ aoi: 10, attrs: { seen: attr(0, 'allClients') } }) {
  override onCreated() {
    this.setClientSyncing(true)
    field ??= this.game.createSpace(Field, 1)
    void this.enterSpace(field, { x: this.game.entitiesOf(Walker).length * 100, y: 0, z: 0 })
  }
  override onEnteredAoi() {
    heard.push('seen')
    this.attrs.seen++
  }
  override onFrozen() {
    heard.push('frozen')
  }
  override onRestored() {
    heard.push('restored')
  }
}
const definition = game([Walker, Field])
type World = { Walker: typeof Walker }

test('who was seen just before a freeze, by a move that had not been told to the AOI, was seen before it', async () => {
  for (let ms = 0; ms < 100; ms += 20) {
    field = undefined
    heard = []
    const cluster = await TestCluster.start({ definition, bootEntity: 'Walker' })
    const clients = [await cluster.client<World>(), await cluster.client<World>()]
    await cluster.clock.until(() => clients.every(({ space }) => space !== undefined), 5000, 'all to be in')
    await cluster.clock.advance(200 + ms)
    clients[1]!.move(101, 0, 0, 0)
    await cluster.clock.advance(8)
    const frozen = await cluster.freezeGame(1)
    await cluster.clock.advance(50)
    await cluster.restoreGame(1, frozen)
    await cluster.clock.advance(1000)
    expect([ms, heard.filter((what) => !what.endsWith('restored'))]).toEqual([ms, ['seen', 'seen', 'frozen', 'frozen']])
    for (const { player } of clients) expect([ms, player?.attrs]).toEqual([ms, { seen: 1 }])
    await cluster.stop()
  }
})

test('spaces hear first that the game is back, whichever way it went', async () => {
  field = undefined
  const cluster = await TestCluster.start({ definition, bootEntity: 'Walker' })
  const clients = [await cluster.client<World>(), await cluster.client<World>()]
  await cluster.clock.until(() => clients.every(({ space }) => space !== undefined), 5000, 'all to be in')
  const inOrder = ['field restored', 'restored', 'restored']
  const ways = [async () => cluster.restoreGame(1, await cluster.freezeGame(1)), () => cluster.handOver(1)]
  for (const way of [...ways, ...ways]) {
    heard = []
    await way()
    expect(heard.filter((what) => what.endsWith('restored'))).toEqual(inOrder)
  }
  await cluster.stop()
})
