// What the tests of adversity add to the walkers: entities that talk to each other and are saved, players whose dispatcher
// is chosen, and an ordeal in which everything happens at once.
import { expect } from 'vitest'
import { attr, type EntityId, entity, entityId, game, integer, list } from '../../components/game/goworld.ts'
import { bucketOfText } from '../../engine/base/id-table.ts'
import type { EntityCore } from '../../engine/entity/core.ts'
import type { ClusterOptions, TestCluster } from './cluster.ts'
import {
  Account,
  expectTruth,
  Field,
  type Joined,
  join,
  Player,
  players,
  start as startWalkers,
  Tally,
} from './walkers.ts'

/** Nobody's player. It says numbers to others, and knows what it heard in which order. */
export class Speaker extends entity({
  attrs: { heard: list(integer), said: attr(0), gold: attr(0, 'persistent'), baggage: attr('') },
}) {
  go(gameId: number) {
    const field = this.game.registry.get(`field/${gameId}`)
    if (field) this.enterSpace(entityId<Field>(field)).catch(() => {})
  }
  tell(id: string, n: number) {
    this.call(id as EntityId<Speaker>).hear(n)
  }
  hear(n: number) {
    this.attrs.heard.push(n)
  }
  /** Does nothing but take its room on the way. */
  carry(_text: string) {}
  /** Each calls the other, for ever. */
  rally(other: string, n: number) {
    this.attrs.said = n
    this.call(other as EntityId<Speaker>).rally(this.id, n + 1)
  }
  tellEvery(ms: number, id: string) {
    this.every(ms, this.onTell, id)
  }
  onTell(id: string) {
    this.tell(id, this.attrs.said++)
  }
}

const definition = game([Account, Player, Speaker, Field, Tally], { nilSpace: Field })
/** Code that has neither players nor speakers, and so refuses them. */
export const withoutPlayers = game([Account, Field], { nilSpace: Field })

export const start = (options: Partial<ClusterOptions> = {}): Promise<TestCluster> =>
  startWalkers({ definition, games: 2, ...options })

export const speakerOn = (cluster: TestCluster, gameId: number): Speaker =>
  cluster.games[gameId - 1]!.world.game.create(Speaker)
export const coresOf = (cluster: TestCluster, id: string): EntityCore[] =>
  cluster.games.flatMap(({ world }) => world.find(id) ?? [])
/** The speaker as it is now: whoever moves or is restored is another object. */
export const speakerNow = (cluster: TestCluster, id: string): Speaker =>
  coresOf(cluster, id)[0]!.entity as unknown as Speaker
export const heardBy = (cluster: TestCluster, id: string): number[] =>
  speakerNow(cluster, id).attrs.heard.toPlain() as number[]

/** Which dispatcher, from 1, has the say about an entity. */
export const dispatcherOf = (cluster: TestCluster, id: string): number =>
  bucketOfText(id, cluster.dispatchers.length) + 1

/** Joins until the player is of the dispatcher that is wanted. */
export async function joinAt(cluster: TestCluster, dispatcher: number, gateId = 1): Promise<Joined> {
  for (;;) {
    const joined = await join(cluster, 'ann', gateId)
    if (dispatcherOf(cluster, joined.client.player!.id) === dispatcher) return joined
    joined.client.close()
    await cluster.clock.advance(50)
  }
}

/** Of a client that is open, the player lives in one place and has it; a client that is left alone must be closed. */
export function expectServed(cluster: TestCluster, { client }: Joined, where = ''): void {
  if (client.closed !== undefined) return
  const owners = coresOf(cluster, client.player!.id).map((core) => core.client !== undefined)
  expect([where, owners]).toEqual([where, [true]])
}

/** All that is on its way has arrived, and nobody waits for anything any more. */
export function expectQuiet(cluster: TestCluster, where = ''): void {
  for (const { world } of cluster.games)
    expect([where, world.gameId, world.migration.size, world.requests.size]).toEqual([where, world.gameId, 0, 0])
  for (const dispatcher of cluster.dispatchers) {
    const { moving, held, games } = dispatcher.status()
    const heldGames = games.filter((game) => game.held).map(({ id }) => id)
    expect([where, moving, held.entities, heldGames]).toEqual([where, 0, 0, []])
  }
  expect([where, cluster.log.matching('error', '')]).toEqual([where, []])
}

export type Trial = 'give' | 'die' | 'drop' | 'freeze' | 'restart' | 'cut'

/** Four people and their four mates walk from game to game through all of `trials`; then what there is must be true. */
export async function ordeal(seed: number, trials: readonly Trial[]): Promise<void> {
  const cluster = await start({ seed, split: true, games: 3, dispatchers: 1 + (seed % 3), gates: 1 + (seed % 2) })
  const { random } = cluster
  const below = (n: number) => Math.floor(random() * n)
  const does = (trial: Trial, probability: number) => trials.includes(trial) && random() < probability
  const joined: Joined[] = []
  for (let n = 0; n < 4; n++)
    joined.push(await join(cluster, `hero${n}`, 1 + (n % cluster.gates.length), 1 + (n % cluster.games.length)))
  for (const core of players(cluster)) core.world.game.create(Player, { name: 'hero' }).go(core.world.gameId, 1, 1)
  await cluster.clock.advance(100)

  const anyPlayer = () => {
    const all = players(cluster)
    return all[below(all.length)]
  }
  const act = (step: number) => {
    const { client } = joined[below(joined.length)]!
    if (client.closed !== undefined || client.player?.type !== 'Player') return
    const { server } = client.player
    const dice = random()
    if (dice < 0.35) server.go(1 + below(3), below(50), below(50))
    else if (dice < 0.55) server.add(step)
    else if (does('give', 0.5)) server.give(anyPlayer()?.id ?? '')
    else if (does('die', 0.12)) server.die()
  }
  for (let step = 0; step < 70; step++) {
    act(step)
    // Those whom nobody plays go by themselves.
    if (random() < 0.1) (anyPlayer()?.entity as unknown as Player | undefined)?.go(1 + below(3), below(50), below(50))
    if (does('drop', 0.08)) cluster.network.dropRandom()
    if (does('restart', 0.03)) {
      const { restored } = await cluster.crashDispatcher(1 + below(cluster.dispatchers.length))
      await cluster.clock.advance(below(300))
      await restored()
    }
    if (does('cut', 0.03)) {
      const mend = cluster.cutGameFrom(1 + below(3), 1 + below(cluster.dispatchers.length))
      // The grace of a link is 3 s: half of the time the game is given up.
      await cluster.clock.advance(random() < 0.5 ? 500 : 3600)
      mend()
    }
    if (does('freeze', 0.06)) {
      const id = 1 + below(3)
      // It may be refused, as when a dispatcher has just come back; then the game goes on.
      const frozen = await cluster.freezeGame(id).catch(() => undefined)
      for (let n = 0; frozen && n < 6; n++) {
        act(step)
        await cluster.clock.advance(random() * 20)
      }
      if (frozen) await cluster.restoreGame(id, frozen)
    }
    await cluster.clock.advance(random() * 20)
  }
  await cluster.clock.advance(20_000)

  const where = `${trials.join(' ')}: seed ${seed}`
  const open = joined.filter(({ client }) => client.closed === undefined)
  // Some trials take a client's player from it: then it is closed. All others close nobody.
  const mayClose = trials.some((trial) => ['give', 'die', 'restart', 'cut'].includes(trial))
  if (!mayClose) expect([where, open.length]).toEqual([where, joined.length])
  for (const one of open) expectServed(cluster, one, where)
  expectTruth(cluster, open, where)
  const everybody = cluster.games.flatMap(({ world }) => [...world.all()])
  for (const core of players(cluster)) {
    const watchers = everybody.filter((other) => other.client && other.space?.sees(other, core)).length
    expect([where, core.watchers.reduce((sum, count) => sum + count, 0)]).toEqual([where, watchers])
    // Nobody is kept alive by a client that is gone.
    if (core.client)
      expect([where, open.map(({ client }) => client.player!.id)]).toEqual([where, expect.arrayContaining([core.id])])
  }
  expectQuiet(cluster, where)
  await cluster.stop()
}
