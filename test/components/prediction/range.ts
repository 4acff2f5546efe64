// A shooting range for tests: players who walk by numbered inputs, targets that go to and fro, and shots that are judged by
// what the shooter saw. Clients may be far away.
import { attr, entity, game, maybe, number, shape, space } from '../../../components/game/goworld.ts'
import { streamTo } from '../../../components/testing/stream.ts'
import { connect, type Game } from '../../../engine/client/client.ts'
import type { Mirror } from '../../../engine/client/game.ts'
import { motion } from '../../../engine/client/motion.ts'
import type { Predictor } from '../../../engine/client/predictor.ts'
import { type Distance, FAR } from '../../engine/client/drawn-world.ts'
import { type ClusterOptions, TestCluster } from '../cluster.ts'

export const STEP_MS = 50
/** Units a second, of players and of targets. */
export const SPEED = 5
const WALL = 1000
const TARGET_TURN = 20
const TARGET_STEP_MS = 20
export const TARGET_RADIUS = 0.25

export interface Controls {
  readonly x: number
  readonly z: number
  /** Shoots along the z axis at whoever is at this x. */
  readonly fireAt?: number | null | undefined
}
export interface Walk {
  x: number
  z: number
}

/** One step, on both ends. */
export function walk(state: Walk, { x, z }: Controls, stepMs: number): void {
  const length = Math.hypot(x, z)
  if (length === 0) return
  const way = (SPEED * stepMs) / 1000 / length
  state.x = Math.min(WALL, Math.max(-WALL, state.x + x * way))
  state.z = Math.min(WALL, Math.max(-WALL, state.z + z * way))
}

export class Range extends space({ history: 1000 }) {}

export class Player extends entity({
  aoi: 100,
  inputs: { steer: 22 },
  attrs: { steps: attr(0, 'client') },
  ownClient: { steer: [shape({ x: number, z: number, fireAt: maybe(number) })] },
  client: { shot: (_hitThen: number, _hitNow: number) => {} },
}) {
  override onCreated() {
    const [range = this.game.createSpace(Range, 1)] = this.game.entitiesOf(Range)
    void this.enterSpace(range, { x: 0.1, y: 0.7, z: 0.3 })
  }
  override onClientDisconnected() {
    this.destroy()
  }

  steer(controls: Controls) {
    const { x, y, z } = this.position
    const state = { x, z }
    walk(state, controls, STEP_MS)
    this.position = { x: state.x, y, z: state.z }
    this.attrs.steps++
    if (controls.fireAt !== undefined && controls.fireAt !== null) this._shoot(controls.fireAt)
  }

  /** At whom it saw there, and for comparison at who is there now. */
  _shoot(x: number) {
    const then = this.space.seenBy(this).ray({ x, z: -50 }, { x, z: 50 }, TARGET_RADIUS)
    const now = [...this.space.entities].filter(
      (one) => one instanceof Target && Math.abs(one.position.x - x) <= TARGET_RADIUS,
    )
    this.client.shot(then.filter(({ entity: one }) => one instanceof Target).length, now.length)
  }
}

/** Goes to and fro along the x axis. */
export class Target extends entity({ aoi: 0 }) {
  #way = 1
  go() {
    const { x, y, z } = this.position
    if (Math.abs(x) >= TARGET_TURN) this.#way = -Math.sign(x)
    this.position = { x: x + (this.#way * SPEED * TARGET_STEP_MS) / 1000, y, z }
  }
  start() {
    this.every(TARGET_STEP_MS, this.go)
  }
}

export const definition = game([Player, Target, Range])
export type RangeGame = { Player: typeof Player; Target: typeof Target; Range: typeof Range }

export const startRange = (options: Partial<ClusterOptions> = {}): Promise<TestCluster> =>
  TestCluster.start({ definition, bootEntity: 'Player', ...options })

export { FAR }
export const NEAR: Distance = { rttMs: 0, jitterMs: 0, loss: 0 }

export interface Shooter {
  readonly client: Game<RangeGame>
  readonly me: Predictor<Walk, Controls, Mirror<typeof Player, 'Player'>>
  readonly shots: [then: number, now: number][]
}

/** A client with a session that is in the range and predicts its player; it comes to the first of these gates. */
export async function shooter(
  cluster: TestCluster,
  { rttMs, jitterMs, loss }: Distance,
  ...gateIds: number[]
): Promise<Shooter> {
  const gates = [1, ...gateIds].map((id) => () => streamTo(() => cluster.dial(id)))
  const client = connect<RangeGame>(gates, {
    motion,
    clock: cluster.clock,
    random: cluster.random,
    log: cluster.log,
    observer: { onProtocolError: (error) => void cluster.errors.push(error) },
  })
  client.simulateLatency(rttMs, jitterMs, loss)
  const shots: [number, number][] = []
  client.on('Player', { shot: (then, now) => void shots.push([then, now]) })
  const me = client.predict('Player', {
    method: 'steer',
    stepMs: STEP_MS,
    step: walk,
    state: ({ position: { x, z } }) => ({ x, z }),
  })
  await cluster.clock.until(
    () => client.space !== undefined && client.player !== undefined,
    20_000,
    'a shooter to be in',
  )
  return { client, me, shots }
}

/** Frames, one after the other, as a page draws them. */
export async function frames(
  cluster: TestCluster,
  shooters: readonly Shooter[],
  ms: number,
  controls: Controls | (() => Controls),
  drawn: (nowMs: number) => void = () => {},
): Promise<void> {
  const FRAME_MS = 1000 / 60
  for (let passed = 0; passed < ms; passed += FRAME_MS) {
    await cluster.clock.advance(FRAME_MS)
    for (const { client, me } of shooters) {
      client.frame()
      me.update(typeof controls === 'function' ? controls() : controls)
    }
    drawn(cluster.clock.now())
  }
}

export const playerOf = (cluster: TestCluster, { client }: Shooter): Player =>
  cluster.games.flatMap(({ world }) => world.game.entitiesOf(Player)).find(({ id }) => id === client.player?.id)!
