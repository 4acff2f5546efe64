// One run of the simulator: the cluster, its bots and its faults, and what has gone wrong so far.
import { seededRandom } from '../../engine/base/random.ts'
import type { RunningGame } from '../../engine/entity/running-game.ts'
import { isEarlier, type Row } from '../../engine/storage/row.ts'
import type { Bot } from './bot.ts'
import { Closings } from './closings.ts'
import { type Latency, SimulatedCluster } from './cluster.ts'
import { Faults } from './faults.ts'
import { watchSaves } from './kept-saves.ts'
import { Mistakes } from './mistakes.ts'
import { Recent } from './recent.ts'
import type { SimulateOptions } from './simulate.ts'

export interface Sizes {
  readonly dispatchers: number
  readonly games: number
  readonly gates: number
  readonly bots: number
  readonly sessions: number
  readonly seconds: number
}

export class Simulation<M = unknown> {
  readonly seed: number
  readonly sizes: Sizes
  readonly cluster: SimulatedCluster
  readonly bots: Bot<M>[] = []
  readonly faults: Faults
  readonly closings: Closings
  readonly mistakes: Mistakes
  readonly recent: Recent
  /** A number in [0, 1), for what bots do: the same for a seed, whatever the faults are. */
  readonly random: () => number
  /** What was found to be wrong. */
  readonly failures: string[] = []
  /** By type and id: the newest save that `save()` said is kept. */
  readonly keptSaves = new Map<string, Row>()
  /** Bots are to end what they do. */
  isEnding = false
  entitiesAtEnd = 0

  constructor(
    { definition, bootEntity, journals = true, expectErrors = false, ...options }: SimulateOptions<M>,
    sizes: Sizes,
  ) {
    const { seed, faults = {} } = options
    this.seed = seed
    this.sizes = sizes
    this.random = seededRandom(seed * 3 + 1)
    const lanes: Latency[] = [
      [0.1, 1],
      [0.1, 1],
      [0.1, 1],
    ]
    this.cluster = new SimulatedCluster({
      definition: definition!,
      bootEntity: bootEntity!,
      journals,
      ...sizes,
      seed,
      split: true,
      lanes,
      made: (game) => {
        watchSaves(game, this)
        this.made(game.world.game)
      },
    })
    this.faults = new Faults(this as unknown as Simulation, faults, lanes)
    this.closings = new Closings(this as unknown as Simulation)
    this.mistakes = new Mistakes(this.cluster, expectErrors)
    this.recent = new Recent(this.cluster.clock)
  }

  /** Hears of each game before it starts. */
  made: (game: RunningGame) => void = () => {}

  /** Milliseconds of virtual time since the start. */
  get now(): number {
    return this.cluster.clock.now()
  }

  /** The games that live, as their authors know them. */
  get games(): RunningGame[] {
    return this.cluster.livingGames.map(({ world }) => world.game)
  }

  below(count: number): number {
    return Math.floor(this.random() * count)
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.cluster.clock.after(ms, resolve))
  }

  /** What is kept of an entity, in the store or in a journal. */
  async saved(type: string, id: string): Promise<Row | undefined> {
    const { storage, journals } = this.cluster
    let newest = await storage.read(type, id)
    for (let gameId = 1; gameId <= this.sizes.games; gameId++)
      for (const { row, ...of } of journals.rowsOf(gameId))
        if (of.type === type && of.id === id && (!newest || isEarlier(newest, row))) newest = row
    return newest
  }

  fail(failure: string): void {
    this.failures.push(failure)
  }
}
