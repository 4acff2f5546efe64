// What the game saves through: one write at a time for each entity, the newest value only, again and again until
// it is written. A journal keeps what is not written yet, if there is one.
//
//              newer value replaces         newer value waits in `newer`
//                     ┌──┐                          ┌──┐
//     save ──────> ready ──at most writesMax──> writing ──done──> forgotten, or ready with `newer`
//       │             ↑                             │
//       v             └───── paused <────failed─────┘     100 ms, 200 ms, … 10 s
//     journal ──on the disk──> the save is kept, whatever becomes of this process
//
// So memory is bounded by the number of entities, an entity that fails does not hold up others, and a value is
// dropped only for a newer one of the same entity.
import type { Clock, Scheduled } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { NotStorable, SaveOutdated, StorageError } from './errors.ts'
import type { Journal } from './journal.ts'
import type { JournalRow } from './journal-file.ts'
import { entityKey } from './key.ts'
import { isEarlier, Row, type RowHead } from './row.ts'
import type { EntityStorage } from './storage.ts'
import { checkEntityName } from './storage.ts'

export interface SaveQueueOptions {
  readonly clock: Clock
  readonly log: Log
  /** Writes under way at once: enough for full batches, few enough that a stuck store holds little. */
  readonly writesMax?: number
  /** Writes a second at the most; 0: as many as come. */
  readonly rate?: number
  /** Entities with something to save; at a few KB each the default is some 400 MB. Beyond it `save` rejects. */
  readonly entitiesMax?: number
  readonly journal?: Journal | undefined
  /** The store will never take what was saved last of an entity, though `save` may have resolved: it is unsaved again. */
  readonly refused?: (type: string, id: string, error: unknown) => void
  /** A later placement of the entity has saved than the one that saved this. */
  readonly outdated?: (type: string, id: string, row: Row) => void
}

interface Written extends PromiseWithResolvers<void> {
  /** Those whose value the journal has yet to keep. Not by `then`: an outage may be long, and each save of it would stay. */
  readonly waiting: Set<PromiseWithResolvers<void>>
}

interface Value {
  readonly row: Row
  /** The journal has it. */
  kept: boolean
  /** The journal has been asked to keep it, and has not said no. */
  offered: boolean
  written: Written
  /** Those whose value the journal does not keep: they hear of it when the store does not take it at once either. */
  unkept?: ((error: unknown) => void)[] | undefined
}

interface Entry {
  readonly key: string
  readonly type: string
  readonly id: string
  /** Since when something of it is not written. */
  sinceMs: number
  /** From the journal of an earlier process: what is stored may be later. */
  adopted: boolean
  state: 'ready' | 'writing' | 'paused'
  value: Value
  /** Handed in while `value` was being written. */
  newer: Value | undefined
  failures: number
  pause: Scheduled | undefined
}

const PAUSE_FIRST_MS = 100
const PAUSE_MAX_MS = 10_000
/** How often those that are paused are tried because another was written: some fail for reasons of their own. */
const WAKE_EVERY_MS = 1000
/** How long a save that the journal does not keep waits for the store. */
const UNKEPT_MAX_MS = 2000
/** So many are adopted at once, then others have their turn. */
const SLICE_ROWS = 1000
/** With a rate: so much of a second's writes may go at once. */
const BURST_S = 0.1

export class SaveQueue {
  readonly #storage: EntityStorage
  readonly #clock: Clock
  readonly #log: Log
  readonly #writesMax: number
  readonly #refused: SaveQueueOptions['refused']
  readonly #isOutdated: SaveQueueOptions['outdated']
  #journal: Journal | undefined
  #rate: number
  #entitiesMax: number
  /** Every entity with a value that is not written, by type and id; the one that waits the longest first. */
  readonly #entries = new Map<string, Entry>()
  /** Those in state ready, in the order of their turn. */
  readonly #ready = new Set<Entry>()
  #writing = 0
  /** Entries whose last attempt failed. The outage lasts while there are any. */
  #failing = 0
  #outageSince = 0
  #fullLogged = false
  /** Writes that the rate allows now, and since when that is so. */
  #allowance = 0
  #allowedMs = 0
  #later: Scheduled | undefined
  #wokenMs = Number.NEGATIVE_INFINITY
  #waking: Scheduled | undefined
  /** Rows of an earlier process that have no entry yet, and when they have. */
  #adopting = 0
  #adopted: Promise<void> | undefined
  #stopped = false
  #written = 0
  /** When the rate of writes was last worked out, and what it was. */
  #asked = { atMs: 0, written: 0, perSecond: 0 }
  #failures = 0
  #outdated = 0
  #refusals = 0
  #unkept = 0
  readonly #drains = new Set<() => void>()

  constructor(storage: EntityStorage, options: SaveQueueOptions) {
    this.#storage = storage
    this.#clock = options.clock
    this.#log = options.log
    this.#writesMax = options.writesMax ?? 64
    this.#rate = options.rate ?? 0
    this.#entitiesMax = options.entitiesMax ?? 100_000
    this.#journal = options.journal
    this.#refused = options.refused
    this.#isOutdated = options.outdated
    this.#allowedMs = options.clock.now()
    this.#asked.atMs = this.#allowedMs
  }

  /** Entities with a value that is not written yet. */
  get depth(): number {
    return this.#entries.size + this.#adopting
  }

  /** How many more entities it takes. */
  get room(): number {
    return this.#entitiesMax - this.depth
  }

  /** Values written since the start. */
  get written(): number {
    return this.#written
  }

  /** Values written a second since it was asked before, or in the second before that. */
  #perSecond(): number {
    const nowMs = this.#clock.now()
    const { atMs, written } = this.#asked
    if (nowMs - atMs < 1000) return this.#asked.perSecond
    const perSecond = Math.round(((this.#written - written) * 1000) / (nowMs - atMs))
    this.#asked = { atMs: nowMs, written: this.#written, perSecond }
    return perSecond
  }

  status() {
    const [oldest] = this.#entries.values()
    return {
      depth: this.depth,
      oldestMs: oldest ? Math.round(this.#clock.now() - oldest.sinceMs) : 0,
      writing: this.#writing,
      failing: this.#failing,
      written: this.#written,
      perSecond: this.#perSecond(),
      failures: this.#failures,
      outdated: this.#outdated,
      /** Values that the store will never take. */
      refused: this.#refusals,
      /** Saves that neither journal nor store took in time. */
      unkept: this.#unkept,
    }
  }

  /**
   * Resolves when the store or the journal has this value, or the store a newer one of the same entity. `data` is taken
   * as it is at the call. Rejects with NotStorable when it can never be stored, with StorageError when the queue is full,
   * with JournalFull when neither journal nor store take it (within 2 s, and it is tried on), and with SaveOutdated when a
   * later placement of the entity has saved; all are logged here, so a caller who does not wait need not catch.
   */
  save(type: string, id: string, data: unknown, head: RowHead): Promise<void> {
    try {
      checkEntityName(type, id)
      const saved = this.#put(type, id, Row.of(data, head))
      saved.catch(() => {})
      return saved
    } catch (error) {
      if (error instanceof NotStorable) this.#refusals++
      this.#notSaved(type, id, error)
      const refused = Promise.reject(error)
      refused.catch(() => {})
      return refused
    }
  }

  /** What is saved from now on is kept there as well. */
  keepIn(journal: Journal | undefined): void {
    this.#journal = journal
  }

  /**
   * Takes what the journal of an earlier process has kept; none of it is written over what is stored by now. Resolves
   * when all has its place; reads and drains wait for that.
   */
  adopt(rows: readonly JournalRow[]): Promise<void> {
    this.#adopting += rows.length
    const all = Promise.all([this.#adopted, this.#adoptSlices(rows)]).then(() => {
      if (this.#adopted === all) this.#adopted = undefined
    })
    this.#adopted = all
    return all
  }

  async #adoptSlices(rows: readonly JournalRow[]): Promise<void> {
    for (let at = 0; at < rows.length && !this.#stopped; at += SLICE_ROWS) {
      if (at > 0) await new Promise<void>((resolve) => this.#clock.defer(resolve))
      const slice = rows.slice(at, at + SLICE_ROWS)
      this.#adopting -= slice.length
      // What has been saved meanwhile is later.
      for (const { type, id, row } of slice) if (!this.#entries.has(entityKey(type, id))) this.#add(type, id, row, true)
      this.#start()
    }
    this.#settleDrains()
  }

  /** What was saved last, whether it is written yet or not. */
  async read(type: string, id: string): Promise<Row | undefined> {
    checkEntityName(type, id)
    if (this.#adopted) await this.#adopted
    const entry = this.#entries.get(entityKey(type, id))
    if (!entry) return this.#storage.read(type, id)
    if (!entry.adopted || entry.newer) {
      // It may have lived and been saved elsewhere since, if this process was thought dead.
      const { row } = entry.newer ?? entry.value
      const stored = await this.#storage.read(type, id)
      return stored && isEarlier(row, stored) ? stored : row
    }
    await this.settled(type, id)
    return this.read(type, id)
  }

  /** Resolves when nothing of an entity is unwritten any more, however that ended; undefined when nothing is. */
  settled(type: string, id: string): Promise<void> | undefined {
    if (this.#adopted) return this.#adopted.then(() => this.settled(type, id))
    const entry = this.#entries.get(entityKey(type, id))
    if (!entry) return undefined
    const again = () => this.settled(type, id)
    return (entry.newer ?? entry.value).written.promise.then(again, again)
  }

  /** From now on takes whatever comes, as fast as it can: the game ends, and what is refused would be lost. */
  liftLimits(): void {
    this.#entitiesMax = Number.POSITIVE_INFINITY
    this.#rate = 0
  }

  /** Whether there is something to read of an entity. */
  async exists(type: string, id: string): Promise<boolean> {
    checkEntityName(type, id)
    if (this.#adopted) await this.#adopted
    return this.#entries.has(entityKey(type, id)) || this.#storage.exists(type, id)
  }

  /**
   * Waits until all is written, at most `deadlineMs`; what is paused is tried at once. `written` counts the values
   * written meanwhile, `left` the entities that are still not, `kept` those of them that the journal has.
   */
  async drain(deadlineMs: number): Promise<{ written: number; left: number; kept: number }> {
    const before = this.#written
    for (const entry of this.#entries.values()) if (entry.state === 'paused') this.#makeReady(entry)
    this.#start()
    if (this.depth > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const deadline = this.#clock.after(deadlineMs, resolve)
      this.#drains.add(resolve)
      await promise
      this.#drains.delete(resolve)
      deadline.cancel()
    }
    let kept = this.#adopting
    for (const { value, newer } of this.#entries.values()) if ((newer ?? value).kept) kept++
    return { written: this.#written - before, left: this.depth, kept }
  }

  /** Tries nothing again from now on. What is under way comes to its end. */
  stop(): void {
    this.#stopped = true
    this.#later?.cancel()
    this.#waking?.cancel()
    for (const entry of this.#entries.values()) entry.pause?.cancel()
  }

  // --- what comes ----------------------------------------------------------------------------------------------------

  #put(type: string, id: string, row: Row): Promise<void> {
    const entry = this.#entries.get(entityKey(type, id))
    if (!entry) {
      this.#requireRoom()
      const added = this.#add(type, id, row, false)
      const kept = this.#keep(added, added.value)
      this.#start()
      return kept
    }
    // The value that is replaced resolves with the one that replaces it: they share a promise.
    if (entry.state === 'writing') {
      const { written = newPromise(), unkept } = entry.newer ?? {}
      entry.newer = { row, kept: false, offered: false, written, unkept }
      return this.#keep(entry, entry.newer)
    }
    entry.adopted = false
    const { written, unkept } = entry.value
    entry.value = { row, kept: false, offered: false, written, unkept }
    return this.#keep(entry, entry.value)
  }

  #add(type: string, id: string, row: Row, adopted: boolean): Entry {
    const entry: Entry = {
      key: entityKey(type, id),
      type,
      id,
      sinceMs: this.#clock.now(),
      adopted,
      state: 'ready',
      value: { row, kept: adopted, offered: adopted, written: newPromise() },
      newer: undefined,
      failures: 0,
      pause: undefined,
    }
    this.#entries.set(entry.key, entry)
    this.#makeReady(entry)
    return entry
  }

  /** Resolves when the journal or the store has the value. */
  #keep(entry: Entry, value: Value): Promise<void> {
    const { written } = value
    if (!this.#journal) return written.promise
    const kept = Promise.withResolvers<void>()
    kept.promise.catch(() => {})
    written.waiting.add(kept)
    const settle = (how: () => void) => {
      written.waiting.delete(kept)
      how()
    }
    this.#offer(this.#journal, entry, value).then(
      () => settle(kept.resolve),
      (error) => this.#keepNot(entry, written.promise, () => settle(() => kept.reject(error))),
    )
    return kept.promise
  }

  async #offer(journal: Journal, { type, id }: Entry, value: Value): Promise<void> {
    value.offered = true
    try {
      await journal.append(type, id, value.row)
      value.kept = true
    } catch (error) {
      value.offered = false
      throw error
    }
  }

  /** The store may still take it at once. A later value may have taken its place. */
  #keepNot(entry: Entry, written: Promise<void>, reject: () => void): void {
    if (this.#failing > 0) {
      this.#unkept++
      return reject()
    }
    let waits = true
    const over = () => {
      waits = false
      alarm.cancel()
    }
    const giveUp = () => {
      if (!waits) return
      over()
      this.#unkept++
      reject()
    }
    const alarm = this.#clock.after(UNKEPT_MAX_MS, giveUp)
    written.then(over, over)
    const current = entry.newer ?? entry.value
    current.unkept ??= []
    current.unkept.push(giveUp)
  }

  #requireRoom(): void {
    if (this.room > 0) {
      this.#fullLogged = false
      return
    }
    if (!this.#fullLogged) this.#log.error('the save queue is full', { entities: this.#entries.size })
    this.#fullLogged = true
    throw new StorageError(`the save queue is full: ${this.#entries.size} entities wait for the store`)
  }

  #notSaved(type: string, id: string, error: unknown): void {
    this.#log.error('an entity was not saved', { type, id, error: messageOf(error) })
  }

  // --- what goes -----------------------------------------------------------------------------------------------------

  #start(): void {
    for (const entry of this.#ready) {
      if (this.#writing >= this.#writesMax || !this.#allowed()) return
      this.#ready.delete(entry)
      entry.state = 'writing'
      this.#writing++
      void this.#write(entry)
    }
  }

  /** Whether the rate allows one more write now; otherwise they go on when it does. */
  #allowed(): boolean {
    const rate = this.#rate
    if (rate === 0) return true
    const nowMs = this.#clock.now()
    const earned = ((nowMs - this.#allowedMs) * rate) / 1000
    this.#allowance = Math.min(Math.max(1, rate * BURST_S), this.#allowance + earned)
    this.#allowedMs = nowMs
    if (this.#allowance >= 1) {
      this.#allowance--
      return true
    }
    // Never zero, which would be for ever on a clock that stands still.
    this.#later ??= this.#clock.after(Math.max(1, ((1 - this.#allowance) * 1000) / rate), () => {
      this.#later = undefined
      this.#start()
    })
    return false
  }

  async #write(entry: Entry): Promise<void> {
    const { type, id, value } = entry
    try {
      const taken = await this.#storage.write(type, id, value.row)
      this.#writing--
      this.#journal?.confirm(type, id, value.row)
      if (taken) {
        this.#written++
        value.written.resolve()
      } else {
        this.#overtaken(entry)
      }
      this.#finish(entry)
      this.#wake()
    } catch (error) {
      this.#writing--
      if (error instanceof NotStorable) {
        this.#refuse(entry, error)
      } else {
        this.#pause(entry, error)
      }
    }
    this.#start()
  }

  #refuse(entry: Entry, error: NotStorable): void {
    const { type, id, value, newer } = entry
    this.#refusals++
    this.#notSaved(type, id, error)
    this.#journal?.refused?.(type, id, value.row, error)
    value.written.reject(error)
    this.#finish(entry)
    if (!newer) this.#refused?.(type, id, error)
  }

  #overtaken({ type, id, value, adopted }: Entry): void {
    if (adopted) return value.written.resolve()
    this.#outdated++
    const error = new SaveOutdated(`${type}<${id}>: a later placement of it has saved`)
    this.#notSaved(type, id, error)
    value.written.reject(error)
    this.#isOutdated?.(type, id, value.row)
  }

  #finish(entry: Entry): void {
    if (entry.failures > 0) {
      entry.failures = 0
      this.#failing--
      if (this.#failing === 0) {
        this.#log.info('entities can be saved again', { outageMs: Math.round(this.#clock.now() - this.#outageSince) })
      }
    }
    this.#entries.delete(entry.key)
    if (entry.newer) {
      // At the end of those that wait.
      this.#entries.set(entry.key, entry)
      entry.sinceMs = this.#clock.now()
      entry.adopted = false
      entry.value = entry.newer
      entry.newer = undefined
      this.#makeReady(entry)
      return
    }
    this.#settleDrains()
  }

  #settleDrains(): void {
    if (this.depth === 0) for (const drained of this.#drains) drained()
  }

  /** The store takes writes: what is paused is tried at once. */
  #wake(): void {
    if (this.#failing === 0 || this.#waking || this.#stopped) return
    const nowMs = this.#clock.now()
    this.#waking = this.#clock.after(Math.max(0, this.#wokenMs + WAKE_EVERY_MS - nowMs), () => {
      this.#waking = undefined
      this.#wokenMs = this.#clock.now()
      for (const entry of this.#entries.values()) if (entry.state === 'paused') this.#makeReady(entry)
      this.#start()
    })
  }

  #pause(entry: Entry, error: unknown): void {
    this.#failures++
    if (entry.failures === 0) {
      this.#failing++
      if (this.#failing === 1) {
        this.#outageSince = this.#clock.now()
        this.#log.error('saving fails; it is tried until it succeeds', {
          type: entry.type,
          id: entry.id,
          error: messageOf(error),
        })
      }
    }
    entry.failures++
    for (const hear of [...(entry.value.unkept ?? []), ...(entry.newer?.unkept ?? [])]) hear(error)
    entry.value.unkept = undefined
    if (entry.newer) {
      // The failed value is not needed any more. Its promise goes on as that of the newer one, which the journal may
      // be about to keep.
      const { written } = entry.value
      entry.newer.written.resolve(written.promise)
      entry.value = entry.newer
      entry.value.written = written
      entry.value.unkept = undefined
      entry.newer = undefined
    }
    // The journal may have room by now.
    if (this.#journal && !entry.value.offered) this.#offer(this.#journal, entry, entry.value).catch(() => {})
    entry.state = 'paused'
    entry.pause = this.#clock.after(Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (entry.failures - 1)), () => {
      this.#makeReady(entry)
      this.#start()
    })
  }

  #makeReady(entry: Entry): void {
    entry.pause?.cancel()
    entry.pause = undefined
    entry.state = 'ready'
    this.#ready.add(entry)
  }
}

/** Nobody may be waiting for it. */
function newPromise(): Written {
  const made = Promise.withResolvers<void>()
  const waiting = new Set<PromiseWithResolvers<void>>()
  made.promise.then(
    () => {
      for (const one of waiting) one.resolve()
      waiting.clear()
    },
    (error) => {
      for (const one of waiting) one.reject(error)
      waiting.clear()
    },
  )
  return { ...made, waiting }
}
