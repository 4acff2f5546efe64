// A game that is frozen stands still until its successor has it, or it goes on itself: whatever becomes of its links meanwhile,
// nothing is lost that is for it.
import { describe, expect, test } from 'vitest'
import type { FrozenGame } from '../../components/game/frozen-file.ts'
import { dispatcherOf, heardBy, speakerOn, start } from './adversity.ts'
import type { TestCluster } from './cluster.ts'
import { join, start as startWalkers } from './walkers.ts'

const upTo = (n: number) => Array.from({ length: n }, (_, at) => at)

/** Game 1 stands still, one on game 2 says numbers to one that lives there, and something happens. */
async function told(
  happen: (cluster: TestCluster) => Promise<void>,
  end: (cluster: TestCluster, frozen: FrozenGame) => Promise<unknown>,
  lostRounds = 0,
) {
  for (const dispatchers of [1, 2]) {
    const cluster = await start({ dispatchers })
    await cluster.clock.advance(6000)
    const [listener, far] = [speakerOn(cluster, 1), speakerOn(cluster, 2)]
    const { id } = listener
    await cluster.clock.advance(50)
    const game = cluster.games[0]!
    let frozen: FrozenGame | undefined
    void game.freeze({ saves: false }).then((taken) => {
      frozen = taken
    })
    await cluster.clock.until(() => frozen !== undefined, 5000, 'the game to stand still')
    let said = 0
    const say = async () => {
      for (let n = 0; n < 5; n++) far.tell(id, said++)
      await cluster.clock.advance(100)
    }
    await say()
    await happen(cluster)
    await cluster.clock.advance(6000)
    await say()
    expect(heardBy(cluster, id)).toEqual([])
    await end(cluster, frozen!)
    await cluster.clock.advance(8000)
    await say()
    // What a dispatcher had kept is lost with it.
    const heard = heardBy(cluster, id)
    const isKept = dispatcherOf(cluster, id) !== 1
    expect([dispatchers, heard]).toEqual([dispatchers, upTo(said).slice(isKept ? 0 : lostRounds * 5)])
    await cluster.stop()
  }
}

/** Its successor takes its place. */
async function isSucceeded(cluster: TestCluster, frozen: FrozenGame) {
  await cluster.retire(1)
  await cluster.restoreGame(1, frozen)
}

const goesOn = async (cluster: TestCluster) => cluster.games[0]!.thaw()

describe.each([
  ['goes on', goesOn],
  ['is succeeded', isSucceeded],
])('a game that stands still and then %s has heard all,', (_what, end) => {
  test('whatever was said to it', () => told(async () => {}, end))

  test('also when its links were lost for so long that their sessions are over', () =>
    told(async (cluster) => {
      const mend = cluster.cutGame(1)
      await cluster.clock.advance(5000)
      mend()
    }, end))

  test('also when a dispatcher was restarted, of what was said since', async () => {
    await told(
      async (cluster) => {
        const { restored } = await cluster.crashDispatcher(1)
        await restored()
      },
      end,
      1,
    )
  })
})

test('a restored game runs nothing before it is with all dispatchers again, whatever one of them knows of it', async () => {
  const cluster = await start({ dispatchers: 2 })
  await cluster.clock.advance(6000)
  const listeners = Array.from({ length: 8 }, () => speakerOn(cluster, 1).id).filter(
    (id) => dispatcherOf(cluster, id) === 1,
  )
  const far = speakerOn(cluster, 2)
  await cluster.clock.advance(50)
  const frozen = await cluster.freezeGame(1)
  const { restored } = await cluster.crashDispatcher(1)
  await restored()
  await cluster.clock.advance(1500)
  // The new dispatcher keeps them for whoever may have the listener.
  for (const id of listeners) for (let n = 0; n < 5; n++) far.tell(id, n)
  await cluster.clock.advance(100)
  const mend = cluster.cutGameFrom(1, 2)
  await cluster.replace('game', 1, frozen)
  await cluster.clock.advance(1500)
  const isRestored = () => cluster.log.matching('info', 'game 1 is restored').length > 0
  expect([isRestored(), listeners.map((id) => heardBy(cluster, id))]).toEqual([false, listeners.map(() => [])])
  mend()
  await cluster.clock.until(isRestored, 5000, 'the game to be restored')
  await cluster.clock.advance(100)
  expect(listeners.map((id) => heardBy(cluster, id))).toEqual(listeners.map(() => upTo(5)))
  await cluster.stop()
})

test('a gate that dies while a game is frozen in vain is gone when it goes on', async () => {
  const cluster = await startWalkers({ dispatchers: 1 })
  const ann = await join(cluster, 'ann')
  const { id } = ann.client.player!
  const [one] = cluster.games
  await Promise.all([one!.freeze(), cluster.clock.advance(2000)])
  // That it does not come to the restarted dispatcher the game finds out by itself.
  const { restored } = await cluster.crashDispatcher(1)
  await Promise.all([cluster.kill('gate', 1), cluster.clock.advance(100)])
  await restored()
  await cluster.clock.advance(10_000)
  expect(one!.world.find(id)).toBeDefined()
  one!.thaw()
  await cluster.clock.until(() => one!.world.find(id) === undefined, 5000, 'its player to be gone')
  expect(cluster.log.matching('error', '')).toEqual([])
  await cluster.stop()
})
