// A game is handed over to another process while people play, as `goworld reload` does it, and may come back from wherever the
// successor fails.
//
//     copy, rehearsed ─> copied ahead ─> frozen ─> restored by the successor ─> left by the old one ─> joined by the successor, goes on
//                          │                │ fails                    │ dies                │ dies before it goes on
//                          └── goes on <────┘                          └── restored by the old one, from what it was
import { messageOf } from '../../engine/base/errors.ts'
import { freezeWorld } from '../../engine/entity/freezing.ts'
import type { SavedEntity } from '../../engine/entity/saved-entity.ts'
import type { World } from '../../engine/entity/world.ts'
import { decode } from '../../engine/wire/codec.ts'
import type { FrozenGame } from '../game/frozen-file.ts'
import type { Game } from '../game/game.ts'
import type { Successor } from './cluster.ts'
import type { Simulation } from './simulation.ts'

/** Where the successor fails, if it does. */
const FAILS = [
  '',
  '',
  '',
  'before it is restored',
  'before the other leaves',
  'before it joins',
  'when it has joined',
] as const
/** So long the one that is frozen waits for a successor that does nothing. */
const HANGS_MS_MAX = 3000
const LOOK_MS = 5

export class Handover {
  readonly #sim: Simulation
  readonly #id: number
  readonly #random: () => number
  readonly #say: (what: string) => void

  constructor(sim: Simulation, id: number, random: () => number, say: (what: string) => void) {
    this.#sim = sim
    this.#id = id
    this.#random = random
    this.#say = (what) => say(`game ${id} ${what}`)
  }

  /** Resolves when there is one game again that goes on, the successor or the old one. */
  async run(): Promise<void> {
    const { cluster } = this.#sim
    this.#say('is to be handed over')
    const old = cluster.games[this.#id - 1]!
    await this.#rehearse()
    const since = await old.copyAhead()
    const successor = cluster.standBy(this.#id, since.game)
    await this.#pause()
    successor.game.prepareAhead()
    await this.#pause()
    let frozen: FrozenGame
    try {
      frozen = await old.freeze({ saves: false, since })
    } catch (error) {
      return this.#say(`is not frozen: ${messageOf(error)}`)
    }
    const fails = FAILS[Math.floor(this.#random() * FAILS.length)]!
    await this.#pause()
    if (fails !== 'before it is restored') {
      successor.game.prepare(frozen)
      this.#compare(old, successor.game)
    }
    await this.#pause()
    if (fails.startsWith('before it is') || fails.startsWith('before the')) {
      await this.#pause(HANGS_MS_MAX)
      old.thaw()
      return this.#say(`goes on: its successor fails ${fails}`)
    }
    await cluster.retire(this.#id)
    await this.#pause()
    if (fails === 'before it joins') return this.#comeBack(frozen, fails)
    await successor.takeOver()
    if (fails === 'when it has joined') return this.#endEarly(successor, frozen, fails)
    while (!successor.game.ready) await this.#sim.sleep(LOOK_MS)
    this.#say('is handed over')
  }

  /** Whatever moment it is taken at, a copy is good. */
  async #rehearse(): Promise<void> {
    const { cluster } = this.#sim
    try {
      cluster.rehearse(this.#id, await cluster.games[this.#id - 1]!.copy())
    } catch (error) {
      this.#sim.fail(`handover: the rehearsal of game ${this.#id} fails: ${messageOf(error)}`)
    }
  }

  /** The successor is what the old one stands still as, whether it was told now or ahead. */
  #compare(old: Game, { world }: Game): void {
    const before = savedById(old.world)
    const after = savedById(world)
    for (const id of new Set([...before.keys(), ...after.keys()]))
      if (before.get(id) !== after.get(id))
        this.#sim.fail(`handover: game ${this.#id} had ${before.get(id)}, its successor has ${after.get(id)}`)
  }

  /** The successor dies while it gathers its dispatchers; when it has gone on before that, it is a success. */
  async #endEarly(successor: Successor, frozen: FrozenGame, why: string): Promise<void> {
    await this.#pause(20)
    while (successor.isRestored && !successor.game.ready) await this.#sim.sleep(LOOK_MS)
    if (successor.isRestored) return this.#say('is handed over')
    void this.#sim.cluster.kill('game', this.#id).catch(() => {})
    await this.#comeBack(frozen, why)
  }

  /** The old process is the game again, from what it was. */
  async #comeBack(frozen: FrozenGame, why: string): Promise<void> {
    const { cluster } = this.#sim
    await this.#pause(HANGS_MS_MAX)
    await cluster.replace('game', this.#id, frozen)
    this.#say(`is taken back: its successor dies ${why}`)
    while (!cluster.games[this.#id - 1]!.ready) await this.#sim.sleep(LOOK_MS)
  }

  #pause(longestMs = 200): Promise<void> {
    return this.#sim.sleep(1 + this.#random() * longestMs)
  }
}

/** All that would be frozen of each entity, but what depends on the moment. */
function savedById(world: World): Map<string, string> {
  const chunks = freezeWorld(world).slice(1)
  return new Map(chunks.map((chunk) => textOf(decode(chunk) as unknown as SavedEntity)))
}

function textOf(saved: SavedEntity): [id: string, text: string] {
  const inOrder = (_: string, value: unknown) =>
    isPlainObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value
  const text = (key: string, value: unknown) =>
    key === 'leftMs' || key === 'savedMs' ? undefined : typeof value === 'bigint' ? `${value}` : inOrder(key, value)
  return [saved.id, JSON.stringify(saved, text)]
}

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
