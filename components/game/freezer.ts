// Brings a game to a stand-still and takes it down as data, or lets it go on as if nothing had happened.
//
//     nobody leaves ─> hold (dispatchers keep what is for it) ─> run what has come ─> wait for what is promised ─> reject the rest
//        ─> time stands still ─> onFrozen ─> all that was said has arrived ─> data          (docs/order.md, Freeze)
import type { Clock } from '../../engine/base/clock.ts'
import { GameFrozen } from '../../engine/base/errors.ts'
import type { Link } from '../../engine/cluster/link.ts'
import type { EntityCore } from '../../engine/entity/core.ts'
import { type Copied, freezeWorld } from '../../engine/entity/freezing.ts'
import type { World } from '../../engine/entity/world.ts'

export interface FreezerOptions {
  readonly world: World
  readonly clock: Clock
  readonly links: readonly Link[]
  readonly waitMs: number
  /** How long the dispatchers keep what is for the game. */
  readonly limitMs: number
  /** Sends what the turn has gathered. */
  readonly flush: () => void
  /**
   * Whether what is unsaved is written at the end, for whoever comes too late for the restore. Otherwise it is unsaved there.
   */
  readonly saves: boolean
  /** Whether it goes on though an `onFrozen` throws, or does not come to its end. */
  readonly forced: boolean
  /** What has been copied ahead: only what has changed since is answered. */
  readonly copied: Copied | undefined
  /** Is called again and again by what takes long while the game goes on: lets others run. */
  readonly pause: () => Promise<void>
}

/** Dispatchers answer at once, or are not there. */
const HELD_WITHIN_MS = 5_000
/** Whoever has left is somewhere by then. */
const SETTLED_WITHIN_MS = 5_000
/** However short the game may wait for others, its own authors have this long to get ready. */
const ON_FROZEN_MIN_MS = 100
const FORCE = 'goworld reload -drop goes on without what it would have done'

export class Freezer {
  /** Milliseconds since 1970: when dispatchers were told to keep what is for the game. */
  heldSinceMs = 0
  /** When all that authors had waited for was over: from then on nothing runs. */
  stillSinceMs = 0
  /** What went wrong in `onFrozen`, if it was forced all the same. */
  readonly failed: string[] = []
  readonly #options: FreezerOptions
  readonly #held = new Set<number>()
  #allHold = Promise.withResolvers<void>()
  readonly #failure = Promise.withResolvers<never>()
  /** Whether authors know of the freeze. */
  #told = false

  constructor(options: FreezerOptions) {
    this.#options = options
    // It may come while nobody waits, or never.
    this.#failure.promise.catch(() => {})
  }

  /** A dispatcher keeps what is for the game, and all before that has come. */
  held(dispatcher: number): void {
    this.#held.add(dispatcher)
    if (this.#held.size === this.#options.links.length) this.#allHold.resolve()
  }

  /** A dispatcher is not what it was: it may know nothing of the hold. */
  fail(reason: string): void {
    this.#failure.reject(new Error(reason))
  }

  /** Answers the game as data. Rejects when that cannot be, and the game must go on: see `thaw`. */
  async run(): Promise<Uint8Array[]> {
    const { world, waitMs } = this.#options
    // Whoever leaves must have left: what dispatchers keep for the game is only for those who stay.
    world.migration.close('a freeze')
    await this.#unlessFailed(world.migration.idle(SETTLED_WITHIN_MS))
    if (world.migration.size > 0) throw new Error('an entity that has left has not arrived')
    // Who comes too late for the restore finds in storage what is there now.
    world.saving.saveAll()
    await this.#saveAll()
    await this.#options.copied?.lookThrough(this.#options.pause)
    this.heldSinceMs = this.#options.clock.wallMs()
    await this.#hold()
    await this.#turn()
    // What clients have said of where they are: nothing more comes of them.
    world.movement.settle()
    await world.openWork.idle(waitMs)
    // Before anybody is told that the game freezes: where nothing can be saved it does not.
    await this.#saveAll()
    world.requests.close((what) => new GameFrozen(`${what}: the game is being frozen`))
    world.openWork.rejectAll(new GameFrozen('the game is being frozen: the answer would come too late'))
    await this.#turn()
    this.stillSinceMs = this.#options.clock.wallMs()
    world.standStill()
    await this.#tellAuthors()
    if (this.#options.saves) world.saving.saveAll()
    await this.#saveAll()
    await this.#turn()
    world.calling.postpone()
    world.flushAttrs()
    world.movement.flush()
    const chunks = freezeWorld(world, this.#options.copied)
    world.seal()
    await this.#turn()
    // Once more: who answers has all that was said to it. A mere acknowledgement would take its time.
    await this.#hold()
    return chunks
  }

  /** The game goes on. */
  thaw(): void {
    const { world, links } = this.#options
    world.goOn()
    world.migration.open()
    world.players.offerAgain()
    if (this.#told) world.tellRestored()
    for (const link of links) link.send('releaseGame', {})
  }

  /** Dispatchers keep what is for the game from now on. Resolves when all that they had said before has come. */
  async #hold(): Promise<void> {
    const { clock, links, limitMs, flush } = this.#options
    this.#held.clear()
    this.#allHold = Promise.withResolvers()
    const { promise, reject } = this.#allHold
    for (const link of links) link.send('holdGame', { limitMs })
    flush()
    const limit = clock.after(HELD_WITHIN_MS, () => reject(new Error('a dispatcher does not answer')))
    await this.#unlessFailed(promise).finally(() => limit.cancel())
  }

  async #saveAll(): Promise<void> {
    const { left } = await this.#options.world.saves.drain(SETTLED_WITHIN_MS)
    if (left > 0) throw new Error(`${left} entities could not be saved`)
  }

  async #tellAuthors(): Promise<void> {
    const { world, clock, waitMs, forced } = this.#options
    this.#told = true
    const left = new Set<EntityCore>()
    const { promise, resolve } = Promise.withResolvers<void>()
    const isOver = () => left.size === 0 || (this.failed.length > 0 && !forced)
    for (const core of [...world.all()]) {
      if (!core.kind.hearsFrozen) continue
      left.add(core)
      void world.hooked(core, 'onFrozen').then((thrown) => {
        left.delete(core)
        if (thrown !== undefined) this.failed.push(`${core}: ${thrown}`)
        if (isOver()) resolve()
      })
    }
    const limit = clock.after(Math.max(waitMs, ON_FROZEN_MIN_MS), resolve)
    await this.#turn()
    if (!isOver()) await promise
    limit.cancel()
    if (forced) for (const core of left) this.failed.push(`${core}: it has not come to its end`)
    else if (this.failed.length > 0) throw new Error(`an onFrozen threw (${this.failed[0]}): ${FORCE}`)
    else if (left.size > 0)
      throw new Error(`${left.size} onFrozen have not come to their end (${[...left][0]}): ${FORCE}`)
  }

  /** What waits for the end of this turn has run, and what that has caused. */
  async #turn(): Promise<void> {
    const { clock, flush } = this.#options
    for (let turns = 0; turns < 2; turns++) await new Promise<void>((resolve) => clock.defer(resolve))
    flush()
  }

  async #unlessFailed(done: Promise<void>): Promise<void> {
    await Promise.race([this.#failure.promise, done])
  }
}
