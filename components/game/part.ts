// A game as a part of a process: its module loaded, its stores opened, started, with its figures. It can be frozen into its
// file, or handed over to a successor that stands by; and it can be that successor:
//
//     rehearsal ── copy ────> written to a file while it goes on
//
//     successor ── ahead ───> the same; what changes from now on is known
//               makes what it can of that
//               ── freeze ──> stands still; what has changed is written behind it (not forced to the disk)
//               makes the rest: when that fails, it ends, and the game goes on as if nothing had happened
//               ── leave ───> leaves the cluster, closes its stores
//               takes its place: when that fails, the game restores itself
//               ── done ────> ends                                                   (components/process/swap-channel.ts)
import { existsSync, rmSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { Address } from '../../engine/base/address.ts'
import { realClock } from '../../engine/base/clock.ts'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import { machineRandom } from '../../engine/base/random.ts'
import type { Config } from '../../engine/config/config.ts'
import { type GameDefinition, isGameDefinition } from '../../engine/entity/definition.ts'
import type { Misplaced } from '../../engine/entity/world.ts'
import { MemoryKvdb } from '../../engine/kvdb/memory.ts'
import type { Transport } from '../../engine/net/connection.ts'
import { MemoryStorage } from '../../engine/storage/memory.ts'
import type { Part } from '../process/part.ts'
import { isOfAuthor } from '../process/stray.ts'
import { SwapClient, type Swapped, SwappedIsGone, SwapServer } from '../process/swap-channel.ts'
import { openDoor } from './door.ts'
import {
  copyPath,
  type FrozenGame,
  FrozenReader,
  FrozenWriter,
  readFrozen,
  retireFrozen,
  syncFrozen,
  writeCopy,
} from './frozen-file.ts'
import { type CopiedGame, Game, type GameOptions } from './game.ts'
import { measureLoad } from './load.ts'
import { keepsJournal, openJournal, openStores, type Stores } from './stores.ts'
import { warmUp } from './warm-up.ts'

export interface GamePartOptions {
  readonly id: number
  readonly config: Config
  readonly definition: GameDefinition
  readonly links: Transport
  readonly dispatchers: readonly Address[]
  readonly log: Log
  /** Where the game is written to when it freezes; without it, it cannot. */
  readonly frozenPath?: string
  /** The socket by which a successor takes it over. */
  readonly swapPath?: string
  /** Goes on from what is written there. */
  readonly restore?: boolean
}

/** What the freeze of a swap took, in milliseconds. */
interface Frozen {
  /** Milliseconds since 1970: from then on dispatchers keep what is for the game. */
  readonly heldSinceMs: number
  /** Until all that authors wait for was answered, or given up. */
  readonly waitMs: number
  /** From then on nothing ran: until it was written. */
  readonly freezeMs: number
  /** What went wrong in `onFrozen`, if it was forced all the same. */
  readonly failed: readonly string[]
}

/** What a swap took, in milliseconds. */
export interface SwapTimes extends Omit<Frozen, 'failed'> {
  readonly restoreMs: number
  readonly leaveMs: number
  /** Until it was there again for all others. */
  readonly returnMs: number
  /** From the moment on that nothing was passed on to it, until all that had waited came. */
  readonly blackoutMs: number
  readonly bytes: number
  /** What an operator is to know of it. */
  readonly notes: readonly string[]
}

/** What a swap may go on without. */
interface Lenience {
  /** What has no place in the code of now. */
  readonly drops?: boolean
  /** What an `onFrozen` would have done that throws. */
  readonly forced?: boolean
}

/** Others wait for a game that is restored, until it goes on, or until a dispatcher is certainly not there; … */
const BACK_WITHIN_MS = 250
/** … and then all call at once. */
const RUSH_MS = 100
/** So long a game that is told to freeze plays on for who was started at the same time to restore it: even on a busy machine a process is there by then. */
const GUEST_WITHIN_MS = 1000
/** So long a successor may take until it is the game, after the one before has left. */
const RETURN_LIMIT_MS = 10_000
/** So many of what an operator is to know are named; of the rest is said how many there are. */
const NAMED_MAX = 5

/** The game that a module exports. Whatever else is wrong with the module is thrown as it is, with its stack. */
export async function loadGame(path: string): Promise<GameDefinition> {
  if (!existsSync(path)) throw new OperatorError(`${path}: no such file`)
  openDoor()
  const module = (await import(pathToFileURL(path).href)) as { default?: unknown }
  if (isGameDefinition(module.default)) return module.default
  throw new OperatorError(`${path} exports no game: it must end with export default game([…])`)
}

export async function startGame(options: GamePartOptions): Promise<Part> {
  const { config, log, frozenPath, restore = false } = options
  const frozen = restore && frozenPath !== undefined ? readFrozen(frozenPath) : undefined
  const part = new GamePart(options, await openStores(config, log))
  await part.begin(frozen)
  await part.listen()
  return part
}

/**
 * Takes the place of the running game, which goes on by itself when this rejects. Unless `lenience` says so, what has no place
 * in the code of now is a reason not to, and so is an `onFrozen` that throws. `isGone`: whether its process has ended.
 */
export async function succeedGame(
  options: GamePartOptions,
  isGone: () => Promise<boolean>,
  lenience: Lenience = {},
): Promise<Part> {
  const part = new GamePart(options, await openStores(options.config, options.log))
  warmUp()
  await takeOver(part, options, isGone, lenience)
  return part
}

/**
 * Goes on from what a game freezes into that was told to a moment ago: it is handed over, when there is still time for that.
 * `isGone`: whether its process has ended, waited for as long as a freeze may take.
 */
export async function restoreBehind(options: GamePartOptions, isGone: () => Promise<boolean>): Promise<Part> {
  const { config, log } = options
  const part = new GamePart(options, await openStores(config, log))
  try {
    // What it has no place for is left out with a warning, as out of a file.
    await takeOver(part, options, isGone, { drops: true })
    return part
  } catch (error) {
    if (part.hasBegun || !(await isGone())) throw error
    log.info(`the game is not handed over, but restored from its file: ${messageOf(error)}`)
    await part.giveUp()
    return startGame(options)
  }
}

/** Throws when the part could not become the game; that goes on then, unless `part.hasBegun`. */
async function takeOver(
  part: GamePart,
  options: GamePartOptions,
  isGone: () => Promise<boolean>,
  lenience: Lenience,
): Promise<void> {
  const swap = await SwapClient.connect(options.swapPath!)
  try {
    await part.succeed(swap, isGone, lenience)
  } catch (error) {
    // Once it has begun to be the game, only its end makes sure that it is not.
    if (part.hasBegun) swap.close()
    else swap.fail(messageOf(error))
    throw error
  }
  // It is the game, whether the other still says so or not.
  await swap.done().catch((error) => options.log.warn(messageOf(error)))
}

/** Tries whether the running game could go on with this code, on a copy of it. Throws OperatorError when it could not. */
export async function rehearseGame(options: GamePartOptions, { drops = false } = {}) {
  const swap = await SwapClient.connect(options.swapPath!)
  const { path } = await swap.ask<{ readonly path: string }>('copy')
  swap.close()
  const frozen = readFrozen(path)
  rmSync(path, { force: true })
  const began = realClock.now()
  // Whatever its authors' code does on the way: nothing of it is saved, and nobody hears of it.
  const game = newGame(options, { storage: new MemoryStorage(), kvdb: new MemoryKvdb() }, { was: { frozen } })
  refuseDropped(game.prepare(), drops)
  const bytes = bytesOf(frozen)
  return { entities: game.world.size, bytes, restoreMs: Math.round(realClock.now() - began) }
}

class GamePart implements Part {
  readonly addresses = {}
  readonly freeze?: () => Promise<void>
  readonly #options: GamePartOptions
  readonly #server: SwapServer | undefined
  #stores: Stores
  #game!: Game
  #journals: Awaited<ReturnType<typeof openJournal>>
  #swapped: SwapTimes | undefined
  readonly #back = Promise.withResolvers<void>()
  /** Whether its game has begun to say that it is there. */
  hasBegun = false

  constructor(options: GamePartOptions, stores: Stores) {
    this.#options = options
    this.#stores = stores
    const { swapPath, frozenPath, log } = options
    if (frozenPath === undefined) return
    this.freeze = () => this.#freezeToFile(frozenPath)
    if (swapPath !== undefined) this.#server = new SwapServer(swapPath, log, this.#asSwapped(frozenPath))
  }

  async calm(): Promise<void> {
    if (!this.#options.restore) return
    const limit = realClock.after(BACK_WITHIN_MS, this.#back.resolve)
    await this.#back.promise
    limit.cancel()
    await new Promise<void>((resolve) => void realClock.after(RUSH_MS, resolve))
  }

  get ready(): boolean {
    return this.#game.ready
  }

  status(): Record<string, unknown> {
    return { ...this.#game.status(), ...(this.#swapped && { swap: this.#swapped }) }
  }

  strayRejection(error: unknown): void {
    this.#game.world.stray('a promise that nobody awaits', error)
  }

  strayException(error: unknown): boolean {
    if (!isOfAuthor(error)) return false
    this.#game.world.stray('a callback', error)
    return true
  }

  /** Starts the game: from nothing, or from what it was. */
  async begin(frozen: FrozenGame | undefined): Promise<void> {
    const { id, config, log } = this.#options
    this.#journals = await openJournal(id, config, log)
    this.#game = this.#newGame({ frozen })
    this.#game.keepIn(this.#journals)
    await this.#game.start()
  }

  /** From now on a successor may come. */
  async listen(): Promise<void> {
    await this.#server?.listen()
  }

  async stop(): Promise<void> {
    await this.#server?.settled()
    this.#server?.close()
    const unsaved = await this.#game.stop()
    await this.#close()
    if (unsaved > 0) throw new Error(`${unsaved} entities could not be saved`)
  }

  /** For who cannot become the game after all. */
  async giveUp(): Promise<void> {
    await this.#close()
  }

  async #freezeToFile(path: string): Promise<void> {
    // Whoever is to go on from the file may be on its way: the game is handed to it, and this process ends, or goes on here.
    await this.#server?.visited(GUEST_WITHIN_MS)
    await this.#server?.alone()
    const since = await this.#game.copyAhead()
    await this.#server?.alone()
    const file = new FrozenWriter(path)
    file.block(since.game)
    await file.settle()
    const frozen = await this.#game.freeze({ since }).catch((error) => {
      file.discard()
      throw error
    })
    try {
      file.block(frozen)
      file.finish()
    } catch (error) {
      this.#game.thaw()
      throw error
    }
    // From here on there is no way back: whoever restores the file is the game.
    try {
      await this.#game.leave()
      await this.#close()
    } catch (error) {
      this.#options.log.error(`the frozen game did not leave in order: ${messageOf(error)}`)
    }
  }

  /** The one that is swapped. Its file is for the case that both processes die. */
  #asSwapped(path: string): Swapped {
    const { log, config } = this.#options
    /** What was copied of it last, and for whom. */
    let ahead: (CopiedGame & { readonly pid: number; readonly file: FrozenWriter }) | undefined
    /** What it was when it was frozen. */
    let taken: FrozenGame | undefined
    let hasLeft = false
    const copy = async (pid: number) => {
      const frozen = await this.#game.copy()
      return { path: writeCopy(path, pid, frozen) }
    }
    const copyAhead = async (pid: number) => {
      const copied = await this.#game.copyAhead()
      ahead?.file.discard()
      const file = new FrozenWriter(path, copyPath(path, pid))
      file.block(copied.game)
      ahead = { ...copied, pid, file }
      return { path: file.temporary }
    }
    const freeze = async (pid: number, forced: boolean): Promise<Frozen> => {
      if (ahead?.pid !== pid) throw new Error('it was copied for another since')
      log.info('a successor stands by: freezing')
      const { file, ...since } = ahead
      const { heldSinceMs, stillSinceMs, failed, ...frozen } = await this.#game.freeze({ saves: false, since, forced })
      try {
        file.block(frozen)
        file.finish({ sync: false })
      } catch (error) {
        this.#game.thaw()
        throw error
      }
      taken = frozen
      ahead = undefined
      // Its time is for others: it is needed only when both processes die with their machine.
      syncFrozen(path).catch((error) => log.warn(messageOf(error)))
      const freezeMs = realClock.wallMs() - stillSinceMs
      return { heldSinceMs, waitMs: stillSinceMs - heldSinceMs, freezeMs, failed: inShort(failed) }
    }
    const steps = {
      freeze: (pid: number) => freeze(pid, false),
      forceFreeze: (pid: number) => freeze(pid, true),
      leave: async () => {
        hasLeft = true
        await this.#game.leave()
        await this.#journals?.own.close()
        // Nothing is under way in them, and this process ends.
        this.#stores.close().catch((error) => log.error(`the stores: ${messageOf(error)}`))
        return {}
      },
    }
    return {
      looks: { copy, ahead: copyAhead },
      seen(pid) {
        if (ahead?.pid !== pid) return
        ahead.file.discard()
        ahead = undefined
      },
      steps,
      back: async (why) => {
        log.error(`its successor has failed, so it goes on: ${why}`)
        const again = taken
        taken = undefined
        rmSync(path, { force: true })
        if (!hasLeft) return this.#game.thaw()
        hasLeft = false
        this.#stores = await openStores(config, log)
        await this.begin(again)
      },
      done: () => {
        log.info('handed over to its successor')
        process.exit(0)
      },
    }
  }

  /** Becomes the game that `swap` is the end of. */
  async succeed(swap: SwapClient, isGone: () => Promise<boolean>, lenience: Lenience): Promise<void> {
    const { id, config, log } = this.#options
    const { path } = await swap.ask<{ readonly path: string }>('ahead')
    const { promise, resolve } = Promise.withResolvers<void>()
    const { frozen, times, frozenMs } = await this.#standIn(swap, new FrozenReader(path), lenience, resolve)
    const preparedMs = realClock.wallMs()
    await swap.ask('leave').catch(async (error) => {
      // It may have left or not: once it is dead, what it was is here and nowhere else.
      if (!(error instanceof SwappedIsGone) || !(await isGone())) throw error
    })
    const leftMs = realClock.wallMs()
    this.hasBegun = true
    await this.#game.start()
    const late = realClock.after(RETURN_LIMIT_MS, () => process.exit(1))
    await promise
    late.cancel()
    const nowMs = realClock.wallMs()
    // It has nothing in it: who is frozen has written all. Until it is open, saves count as kept when the store has them.
    this.#journals = await openJournal(id, config, log)
    this.#game.keepIn(this.#journals)
    const { failed, ...frozenTimes } = times
    // What was thrown by an `onRestored` that is asynchronous.
    await new Promise<void>((resolve) => realClock.defer(resolve))
    this.#swapped = {
      ...frozenTimes,
      restoreMs: preparedMs - frozenMs,
      leaveMs: leftMs - preparedMs,
      returnMs: nowMs - leftMs,
      blackoutMs: nowMs - times.heldSinceMs,
      bytes: bytesOf(frozen),
      notes: this.#notes(failed),
    }
    await this.listen()
  }

  /** What it went on without, and what went wrong with the code of now. `failed`: with that of before. */
  #notes(failed: readonly string[]): string[] {
    const { droppedParts, failedHooks } = this.#game.world
    const { count, first } = failedHooks
    return [
      ...inShort(droppedParts.map(({ what }) => what)).map((what) => `it went on without: ${what}`),
      ...failed.map((what) => `it went on without an onFrozen: ${what}`),
      ...(count > 0 ? [`${count} onInit or onRestored threw, the first: ${first}`] : []),
    ]
  }

  /** The game as it was when the other stood still, in memory alone. Whatever comes of it, the file is closed. */
  async #standIn(swap: SwapClient, file: FrozenReader, { drops, forced }: Lenience, restored: () => void) {
    try {
      this.#game = this.#newGame({ ahead: file.ahead() }, restored)
      refuseDropped(this.#game.prepareAhead(), drops)
      const times = await swap.ask<Frozen>(forced ? 'forceFreeze' : 'freeze')
      const frozenMs = realClock.wallMs()
      const frozen = file.rest()
      refuseDropped(this.#game.prepare(frozen), drops)
      return { frozen, times, frozenMs }
    } finally {
      file.close()
    }
  }

  #newGame(was: Was, restored = () => {}): Game {
    return newGame(this.#options, this.#stores, {
      was,
      restored: () => {
        // From here on it goes its own way.
        const { id, config, frozenPath } = this.#options
        if (existsSync(frozenPath ?? '')) retireFrozen(frozenPath!, config.game(id).frozenKept)
        this.#back.resolve()
        restored()
      },
    })
  }

  async #close(): Promise<void> {
    await this.#journals?.own.close()
    await this.#stores.close()
  }
}

/** What the game was, or what was copied of it ahead. */
type Was = Pick<GameOptions, 'frozen' | 'ahead'>

function newGame(
  { id, config, definition, links, dispatchers, log }: GamePartOptions,
  stores: Pick<Stores, 'storage' | 'kvdb'> & Partial<Pick<Stores, 'sql'>>,
  { was, restored }: { readonly was: Was; readonly restored?: () => void },
): Game {
  const { bootEntity, banBootEntity, saveInterval, positionSyncIntervalMs, freezeWaitMs, restoreLimitMs } =
    config.game(id)
  const { storage, cluster } = config
  return new Game({
    id,
    definition,
    clock: realClock,
    random: machineRandom,
    log,
    links,
    dispatchers,
    config: {
      bootEntity,
      banBootEntity,
      saveIntervalMs: saveInterval * 1000,
      positionSyncIntervalMs,
      freezeWaitMs,
      restoreLimitMs,
      linkGraceMs: cluster.linkGraceMs,
      reconnectGraceMs: cluster.reconnectGrace * 1000,
      linkResendBytesMax: cluster.linkResendBytesMax,
      journalWaitMs: cluster.journalWaitMs,
      saveDeadlineMs: storage.saveDeadlineMs,
      saves: { writesMax: storage.writesMax, rate: storage.saveRate, entitiesMax: storage.saveQueueMax },
    },
    storage: stores.storage,
    kvdb: stores.kvdb,
    sql: stores.sql,
    load: measureLoad(),
    keepsJournal: keepsJournal(config),
    ...was,
    ...(restored && { restored }),
  })
}

/** What was frozen and has no place in the code of now is never dropped in silence. */
function refuseDropped(dropped: readonly Misplaced[], drops = false): void {
  if (drops || dropped.length === 0) return
  const named = inShort(dropped.map(({ what, remedy }) => (remedy ? `${what} (${remedy})` : what)))
  throw new OperatorError(
    `the new code has no place for what is there: ${named.join('; ')}. Or reload with -drop, which goes on without`,
  )
}

function inShort(all: readonly string[]): string[] {
  const named = all.slice(0, NAMED_MAX)
  return all.length > NAMED_MAX ? [...named, `and ${all.length - NAMED_MAX} more`] : named
}

const bytesOf = ({ chunks, ahead = [] }: FrozenGame): number =>
  [...ahead, ...chunks].reduce((sum, { length }) => sum + length, 0)
