// What the game saves through: one write at a time for each entity, the newest value only, again and again until
// it is written.
//
//              newer value replaces         newer value waits in `newer`
//                     ┌──┐                          ┌──┐
//     save ──────> ready ──at most writesMax──> writing ──done──> forgotten, or ready with `newer`
//                     ↑                             │
//                     └───── paused <────failed─────┘     100 ms, 200 ms, … 10 s
//
// So memory is bounded by the number of entities, an entity that fails does not hold up others, and a value is
// dropped only for a newer one of the same entity.
import type { Clock, Scheduled } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { copyDocument } from './document.ts'
import { NotStorable, StorageError } from './errors.ts'
import type { Document, EntityStorage } from './storage.ts'
import { checkEntityName } from './storage.ts'

export interface SaveQueueOptions {
  readonly clock: Clock
  readonly log: Log
  /** Writes under way at once: enough for full batches, few enough that a stuck store holds little. */
  readonly writesMax?: number
  /** Entities with something to save; at a few KB each the default is some 400 MB. Beyond it `save` rejects. */
  readonly entitiesMax?: number
}

interface Value {
  readonly data: Document
  readonly written: PromiseWithResolvers<void>
}

interface Entry {
  readonly key: string
  readonly type: string
  readonly id: string
  state: 'ready' | 'writing' | 'paused'
  value: Value
  /** Handed in while `value` was being written. */
  newer: Value | undefined
  failures: number
  pause: Scheduled | undefined
}

const PAUSE_FIRST_MS = 100
const PAUSE_MAX_MS = 10_000

export class SaveQueue {
  readonly #storage: EntityStorage
  readonly #clock: Clock
  readonly #log: Log
  readonly #writesMax: number
  #entitiesMax: number
  /** Every entity with a value that is not written. */
  readonly #entries = new Map<string, Entry>()
  /** Those in state ready, in the order of their turn. */
  readonly #ready = new Set<Entry>()
  #writing = 0
  /** Entries whose last attempt failed. The outage lasts while there are any. */
  #failing = 0
  #outageSince = 0
  #fullLogged = false
  #written = 0
  readonly #drains = new Set<() => void>()

  constructor(storage: EntityStorage, options: SaveQueueOptions) {
    this.#storage = storage
    this.#clock = options.clock
    this.#log = options.log
    this.#writesMax = options.writesMax ?? 64
    this.#entitiesMax = options.entitiesMax ?? 100_000
  }

  /** Entities with a value that is not written yet. */
  get depth(): number {
    return this.#entries.size
  }

  /** Values written since the start. */
  get written(): number {
    return this.#written
  }

  /**
   * Resolves when this value, or a newer one of the same entity, is written. Takes a copy of `data` at once. Rejects
   * with NotStorable when it can never be stored and with StorageError when the queue is full; both are logged here,
   * so a caller who does not wait need not catch.
   */
  save(type: string, id: string, data: Document): Promise<void> {
    const written = Promise.withResolvers<void>()
    written.promise.catch(() => {})
    try {
      checkEntityName(type, id)
      return this.#put(type, id, { data: copyDocument(data), written })
    } catch (error) {
      this.#log.error('an entity was not saved', { type, id, error: messageOf(error) })
      written.reject(error)
      return written.promise
    }
  }

  /** What was saved last, whether it is written yet or not. */
  async read(type: string, id: string): Promise<Document | undefined> {
    checkEntityName(type, id)
    const entry = this.#entries.get(keyOf(type, id))
    return entry ? copyDocument((entry.newer ?? entry.value).data) : this.#storage.read(type, id)
  }

  /** Resolves when nothing of an entity is unwritten any more, however that ended; undefined when nothing is. */
  settled(type: string, id: string): Promise<void> | undefined {
    const entry = this.#entries.get(keyOf(type, id))
    if (!entry) return undefined
    const again = () => this.settled(type, id)
    return (entry.newer ?? entry.value).written.promise.then(again, again)
  }

  /** From now on takes whatever comes: the game ends, and what is refused would be lost. */
  liftLimit(): void {
    this.#entitiesMax = Number.POSITIVE_INFINITY
  }

  /** Whether there is something to read of an entity. */
  async exists(type: string, id: string): Promise<boolean> {
    checkEntityName(type, id)
    return this.#entries.has(keyOf(type, id)) || this.#storage.exists(type, id)
  }

  /**
   * Waits until all is written, at most `deadlineMs`; what is paused is tried at once. `written` counts the values
   * written meanwhile, `left` the entities that are still not.
   */
  async drain(deadlineMs: number): Promise<{ written: number; left: number }> {
    const before = this.#written
    for (const entry of this.#entries.values()) if (entry.state === 'paused') this.#makeReady(entry)
    this.#start()
    if (this.#entries.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const deadline = this.#clock.after(deadlineMs, resolve)
      this.#drains.add(resolve)
      await promise
      this.#drains.delete(resolve)
      deadline.cancel()
    }
    return { written: this.#written - before, left: this.#entries.size }
  }

  #put(type: string, id: string, value: Value): Promise<void> {
    const key = keyOf(type, id)
    const entry = this.#entries.get(key)
    if (!entry) {
      this.#requireRoom()
      const added: Entry = { key, type, id, state: 'ready', value, newer: undefined, failures: 0, pause: undefined }
      this.#entries.set(key, added)
      this.#makeReady(added)
      this.#start()
      return value.written.promise
    }
    // The value that is replaced resolves with the one that replaces it: they share a promise.
    if (entry.state === 'writing') {
      entry.newer = { data: value.data, written: entry.newer?.written ?? value.written }
      return entry.newer.written.promise
    }
    entry.value = { data: value.data, written: entry.value.written }
    return entry.value.written.promise
  }

  #requireRoom(): void {
    if (this.#entries.size < this.#entitiesMax) {
      this.#fullLogged = false
      return
    }
    if (!this.#fullLogged) this.#log.error('the save queue is full', { entities: this.#entries.size })
    this.#fullLogged = true
    throw new StorageError(`the save queue is full: ${this.#entries.size} entities wait for the store`)
  }

  #start(): void {
    for (const entry of this.#ready) {
      if (this.#writing >= this.#writesMax) return
      this.#ready.delete(entry)
      entry.state = 'writing'
      this.#writing++
      void this.#write(entry)
    }
  }

  async #write(entry: Entry): Promise<void> {
    try {
      await this.#storage.write(entry.type, entry.id, entry.value.data)
      this.#written++
      entry.value.written.resolve()
    } catch (error) {
      this.#writing--
      if (error instanceof NotStorable) {
        this.#log.error('an entity was not saved', { type: entry.type, id: entry.id, error: messageOf(error) })
        entry.value.written.reject(error)
        this.#finish(entry)
      } else {
        this.#pause(entry, error)
      }
      this.#start()
      return
    }
    this.#writing--
    this.#finish(entry)
    this.#start()
  }

  #finish(entry: Entry): void {
    if (entry.failures > 0) {
      entry.failures = 0
      this.#failing--
      if (this.#failing === 0) {
        this.#log.info('entities can be saved again', { outageMs: Math.round(this.#clock.now() - this.#outageSince) })
      }
    }
    if (entry.newer) {
      entry.value = entry.newer
      entry.newer = undefined
      this.#makeReady(entry)
      return
    }
    this.#entries.delete(entry.key)
    if (this.#entries.size === 0) for (const drained of this.#drains) drained()
  }

  #pause(entry: Entry, error: unknown): void {
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
    if (entry.newer) {
      // The failed value is not needed any more. Its promise goes on as that of the newer one.
      entry.newer.written.resolve(entry.value.written.promise)
      entry.value = { data: entry.newer.data, written: entry.value.written }
      entry.newer = undefined
    }
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

/** No two entities share it, whatever characters their type and id have. */
const keyOf = (type: string, id: string): string => `${type.length}:${type}${id}`
