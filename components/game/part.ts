// A game as a part of a process: its module loaded, its stores opened, started, with its figures.
import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { Address } from '../../engine/base/address.ts'
import { realClock } from '../../engine/base/clock.ts'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import { machineRandom } from '../../engine/base/random.ts'
import type { Config } from '../../engine/config/config.ts'
import { type GameDefinition, isGameDefinition } from '../../engine/entity/definition.ts'
import { openKvdb } from '../../engine/kvdb/backends.ts'
import type { Transport } from '../../engine/net/connection.ts'
import { openSql } from '../../engine/sql/backends.ts'
import { openStorage } from '../../engine/storage/backends.ts'
import type { Part } from '../process/part.ts'
import { openDoor } from './door.ts'
import { readFrozen, retireFrozen, writeFrozen } from './frozen-file.ts'
import { Game } from './game.ts'
import { type Journals, openJournals } from './journals.ts'
import { measureLoad } from './load.ts'

export interface GamePartOptions {
  readonly id: number
  readonly config: Config
  readonly definition: GameDefinition
  readonly links: Transport
  readonly dispatchers: readonly Address[]
  readonly log: Log
  /** Where the game is written to when it freezes; without it, it cannot. */
  readonly frozenPath?: string
  /** Goes on from what is written there. */
  readonly restore?: boolean
}

/** The game that a module exports. Whatever else is wrong with the module is thrown as it is, with its stack. */
export async function loadGame(path: string): Promise<GameDefinition> {
  if (!existsSync(path)) throw new OperatorError(`${path}: no such file`)
  openDoor()
  const module = (await import(pathToFileURL(path).href)) as { default?: unknown }
  if (isGameDefinition(module.default)) return module.default
  throw new OperatorError(`${path} exports no game: it must end with export default game([…])`)
}

export async function startGame(options: GamePartOptions): Promise<Part> {
  const { id, config, definition, links, dispatchers, log, frozenPath, restore = false } = options
  const { bootEntity, banBootEntity, saveInterval, positionSyncIntervalMs, freezeWaitMs, restoreLimitMs } =
    config.game(id)
  const { linkGraceMs, linkResendBytesMax } = config.cluster
  const baseDirectory = config.dir
  const frozen = restore && frozenPath !== undefined ? readFrozen(frozenPath) : undefined
  const storage = await openStorage({ ...config.storage, baseDirectory, log }).catch(refuse('storage', config))
  const journals = await openJournal(id, config, log)
  const kvdb = await openKvdb({ ...config.kvdb, baseDirectory, log }).catch(refuse('kvdb', config))
  const sql = await openSql({ ...config.sql, storage: config.storage, baseDirectory }).catch(refuse('sql', config))
  const game = new Game({
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
      linkGraceMs,
      linkResendBytesMax,
      journalWaitMs: config.cluster.journalWaitMs,
      saveDeadlineMs: config.storage.saveDeadlineMs,
      saves: {
        writesMax: config.storage.writesMax,
        rate: config.storage.saveRate,
        entitiesMax: config.storage.saveQueueMax,
      },
    },
    storage,
    journals,
    kvdb,
    sql,
    load: measureLoad(),
    frozen,
    // From here on it goes its own way.
    restored: () => retireFrozen(frozenPath!),
  })
  await game.start()
  const closeStores = async () => {
    await sql.close()
    await journals?.own.close()
    await storage.close()
    await kvdb.close()
  }
  return {
    get ready() {
      return game.ready
    },
    addresses: {},
    status: () => game.status(),
    strayRejection: (error) => game.world.strayRejection(error),
    ...(frozenPath !== undefined && {
      async freeze() {
        const taken = await game.freeze()
        try {
          writeFrozen(frozenPath, taken)
        } catch (error) {
          game.thaw()
          throw error
        }
        // From here on there is no way back: whoever restores the file is the game.
        try {
          await game.leave()
          await closeStores()
        } catch (error) {
          log.error(`the frozen game did not leave in order: ${messageOf(error)}`)
        }
      },
    }),
    async stop() {
      const unsaved = await game.stop()
      await closeStores()
      if (unsaved > 0) throw new Error(`${unsaved} entities could not be saved`)
    },
  }
}

/** What is in memory only is not to outlive the process. */
async function openJournal(id: number, { storage }: Config, log: Log): Promise<Journals | undefined> {
  if (storage.type === 'memory' || storage.journal === '') return undefined
  const { journalFsyncMs: fsyncMs, journalBytesMax: bytesMax } = storage
  return openJournals(storage.journal, id, { clock: realClock, log, fsyncMs, bytesMax }).catch((error) => {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(`[storage] journal=${storage.journal}: ${messageOf(error)}`, { cause: error })
  })
}

/** A store that cannot be opened is for the operator to mend. */
const refuse = (section: 'storage' | 'kvdb' | 'sql', config: Config) => (error: unknown) => {
  if (error instanceof OperatorError) throw error
  const { type, url } = config[section]
  const setting = `[${section}] type=${type} url=${withoutPassword(url)}`
  throw new OperatorError(`${setting}: ${messageOf(error)}`, { cause: error })
}

const withoutPassword = (url: string) =>
  url.replace(/(:\/\/[^:@/]*):.*@/, '$1:***@').replace(/([?&]password=)[^&]*/g, '$1***')
