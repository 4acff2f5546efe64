// Small writes of one collection, sent together.
//
//     send ─> gathered ──end of turn──> one bulkWrite ─> each promise settles
//                 └── gathered while that one is under way ──> the next, unless that one takes long to fail
import type { AnyBulkWriteOperation, Collection, WriteError } from 'mongodb'
import { MongoBulkWriteError, MongoNetworkError, MongoServerSelectionError } from 'mongodb'
import { realClock } from '../../base/clock.ts'
import { notSent, tookLong } from './client.ts'

interface Gathered<Schema extends { _id: string }> {
  readonly write: AnyBulkWriteOperation<Schema>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Longer ones go by themselves, so as not to hold up a batch; measured in characters of JSON or of a value. */
export const SMALL_CHARACTERS_MAX = 128 * 1024
const BATCH_WRITES_MAX = 500

// The server refused the whole because of what is in it: BadValue, FailedToParse, BSONObjectTooLarge.
const REFUSED_CODES: readonly unknown[] = [2, 9, 10334]

export class Batches<Schema extends { _id: string }> {
  readonly #collection: Collection<Schema>
  readonly #ordered: boolean
  #gathered: Gathered<Schema>[] = []
  #isSending = false

  /** `ordered`: the writes take effect one after the other, also those of different documents. */
  constructor(collection: Collection<Schema>, ordered: boolean) {
    this.#collection = collection
    this.#ordered = ordered
  }

  /** Rejects with what the driver says: an error, or a WriteError. */
  send(write: AnyBulkWriteOperation<Schema>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#gathered.push({ write, resolve, reject })
      if (this.#isSending) return
      this.#isSending = true
      // The server lives in real time, whatever clock the game runs on.
      realClock.defer(() => void this.#sendAll())
    })
  }

  async #sendAll(): Promise<void> {
    while (this.#gathered.length > 0) {
      const batch = this.#gathered.splice(0, BATCH_WRITES_MAX)
      const sinceMs = realClock.now()
      const errors = await this.#errorsOf(batch.map(({ write }) => write))
      for (const [at, { resolve, reject }] of batch.entries()) errors.has(at) ? reject(errors.get(at)) : resolve()
      if (errors.size < batch.length || !tookLong(sinceMs)) continue
      for (const { reject } of this.#gathered.splice(0)) reject(notSent())
    }
    this.#isSending = false
  }

  /** Of those that were not done, by their place. */
  async #errorsOf(writes: AnyBulkWriteOperation<Schema>[]): Promise<Map<number, unknown>> {
    const errors = new Map<number, unknown>()
    let from = 0
    while (from < writes.length) {
      const rest = writes.slice(from)
      try {
        await this.#collection.bulkWrite(rest, { ordered: this.#ordered })
        break
      } catch (error) {
        const refused = refusedOf(error)
        for (const one of refused) errors.set(from + one.index, one)
        if (refused.length > 0 && !this.#ordered) break
        if (refused.length === 0) {
          for (const [at, why] of await this.#errorsOfEach(rest, error)) errors.set(from + at, why)
          break
        }
        // The server stopped at the one that it refused.
        from += refused[0]!.index + 1
      }
    }
    return errors
  }

  /** When `error` is all that is known of the writes. */
  async #errorsOfEach(writes: AnyBulkWriteOperation<Schema>[], error: unknown): Promise<Map<number, unknown>> {
    const errors = new Map<number, unknown>()
    const isOneToBlame = writes.length > 1 && mayBeOneOfThem(error)
    for (const [at, write] of writes.entries()) {
      const why = isOneToBlame ? (await this.#errorsOf([write])).get(0) : error
      if (why !== undefined) errors.set(at, why)
    }
    return errors
  }
}

/** Empty when it is not known of each write what became of it. */
function refusedOf(error: unknown): WriteError[] {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError()) return []
  return [error.writeErrors].flat()
}

/** Whether the others might be done without one of them. Not when the connection failed: it is unknown what was done. */
function mayBeOneOfThem(error: unknown): boolean {
  if (error instanceof MongoBulkWriteError) return REFUSED_CODES.includes(error.code)
  return !(error instanceof MongoNetworkError || error instanceof MongoServerSelectionError)
}
