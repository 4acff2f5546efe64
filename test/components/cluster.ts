// A whole cluster in one process, for tests: the simulator's, with the time moved along by what happens to it.
import type { FrozenGame } from '../../components/game/frozen-file.ts'
import type { Game } from '../../components/game/game.ts'
import { type ClusterOptions, SimulatedCluster } from '../../components/testing/cluster.ts'
import { streamOver, streamTo } from '../../components/testing/stream.ts'
import { type Game as ClientGame, connect } from '../../engine/client/client.ts'
import { motion } from '../../engine/client/motion.ts'
import type { GameDefinition } from '../../engine/entity/definition.ts'

export type { ClusterOptions } from '../../components/testing/cluster.ts'

export class TestCluster extends SimulatedCluster {
  static async start(options: ClusterOptions): Promise<TestCluster> {
    const cluster = new TestCluster(options)
    await cluster.begin()
    return cluster
  }

  /** The process of a dispatcher is gone without a word; until `restored` the network of the servers is down. */
  async crashDispatcher(id: number): Promise<{ restored(): Promise<void> }> {
    this.network.isDown = true
    this.network.dropAll()
    await this.dispatchers[id - 1]!.stop()
    return {
      restored: async () => {
        await this.replace('dispatcher', id)
        this.network.isDown = false
      },
    }
  }

  /** The process of a game is gone without a word. */
  async crashGame(id: number): Promise<void> {
    await Promise.all([this.kill('game', id), this.clock.advance(0)])
  }

  /** Another process in its place, which knows nothing. */
  async startGame(id: number): Promise<Game> {
    await this.replace('game', id)
    return this.games[id - 1]!
  }

  /** The process of a game freezes and ends. Answers what it was. With `dropping` all connections break meanwhile. */
  async freezeGame(id: number, { dropping = false } = {}): Promise<FrozenGame> {
    const game = this.games[id - 1]!
    const freezing = game.freeze()
    if (dropping) for (let n = 0; n < 8; n++) this.clock.after(this.random() * 30, () => this.network.dropAll())
    freezing.catch(() => {})
    let frozen = false
    const done = () => {
      frozen = true
    }
    void freezing.then(done, done)
    await this.clock.until(() => frozen, 20_000, `game ${id} to freeze`)
    const taken = await freezing
    const leaving = this.retire(id)
    await this.clock.advance(1)
    await leaving
    return taken
  }

  /** Another process goes on where the frozen one stopped, maybe with other code. */
  async restoreGame(id: number, frozen: FrozenGame, definition?: GameDefinition): Promise<Game> {
    const restored = () => this.log.matching('info', `game ${id} is restored`).length
    const before = restored()
    await this.replace('game', id, frozen, definition)
    await this.clock.until(() => restored() > before, 20_000, `game ${id} to be restored`)
    return this.games[id - 1]!
  }

  /** A game is handed over to another process, maybe of other code, as `goworld reload` does it. Answers what that was made of. */
  async handOver(id: number, definition?: GameDefinition): Promise<FrozenGame[]> {
    const old = this.games[id - 1]!
    const within = async <T>(doing: Promise<T>): Promise<T> => {
      await this.clock.advance(3000)
      return doing
    }
    const since = await within(old.copyAhead())
    const successor = this.standBy(id, since.game, definition)
    successor.game.prepareAhead()
    const frozen = await within(old.freeze({ saves: false, since }))
    successor.game.prepare(frozen)
    await this.retire(id)
    await successor.takeOver()
    await this.clock.until(() => successor.isRestored, 20_000, `game ${id} to be handed over`)
    return [since.game, frozen]
  }

  /** The process of a gate is gone without a word, and another takes its place. */
  async replaceGate(id: number): Promise<void> {
    await Promise.all([this.gates[id - 1]!.stop(), this.clock.advance(100)])
    void this.replace('gate', id)
  }

  /** A client of a gate, through the SDK. What goes against the protocol is in `errors`. */
  async client<M = unknown>(gateId = 1): Promise<ClientGame<M>> {
    const connecting = this.dial(gateId)
    await this.clock.advance(2)
    return connect<M>(streamOver(await connecting), {
      clock: this.clock,
      heartbeatMs: 0,
      moveIntervalMs: 0,
      log: this.log,
      motion,
      observer: { onProtocolError: (error) => void this.errors.push(error) },
    })
  }

  /** A client with a session, through the SDK, which comes to the first of these gates that it can reach. */
  session<M = unknown>(...gateIds: number[]): ClientGame<M> {
    const gates = gateIds.map((id) => () => streamTo(() => this.dial(id)))
    return connect<M>(gates, {
      clock: this.clock,
      random: this.random,
      log: this.log,
      observer: { onProtocolError: (error) => void this.errors.push(error) },
    })
  }
}
