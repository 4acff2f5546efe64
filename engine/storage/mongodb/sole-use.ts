// Keeps entities and keys out of each other's collections, when one has the name of the other: entities of the type
// Avatar, and [kvdb] collection=Avatar. One document tells whose it is: entities have `data`, keys have `_`.
//
//     empty, so anybody's ──first document──> ours: used without another look
//                                └──────────> the other's: nothing is read, and nothing written over
//
// Until there is a document, each call looks for it. So only two whose first documents come at the same moment could
// get into one collection, and the next start would tell.
import type { Collection } from 'mongodb'
import type { MongodbClient } from './client.ts'

interface Either {
  readonly _id: string
  readonly data?: unknown
  readonly _?: unknown
}

type Use = 'entities' | 'keys'

const OTHERS = {
  entities: { use: 'keys', refusal: 'has keys and values of [kvdb] in it, and cannot hold entities' },
  keys: { use: 'entities', refusal: 'has entities in it, and cannot hold the keys and values of [kvdb]' },
} as const

export class SoleUse {
  readonly #collection: Collection<Either>
  readonly #use: Use
  #isOurs = false
  #look: Promise<void> | undefined

  constructor(client: MongodbClient, name: string, use: Use) {
    this.#collection = client.collection(name)
    this.#use = use
  }

  /** Rejects when it is the other's. Undefined when it is known to be ours. */
  check(): Promise<void> | undefined {
    if (this.#isOurs) return undefined
    const look = async () => {
      const why = await this.refusal()
      if (why !== undefined) throw new Error(why)
    }
    this.#look ??= look().finally(() => {
      this.#look = undefined
    })
    return this.#look
  }

  /** Why it is not for us; undefined when it is. */
  async refusal(): Promise<string | undefined> {
    const use = await this.#useOfOne()
    const other = OTHERS[this.#use]
    if (use === other.use) return `the collection ${this.#collection.collectionName} ${other.refusal}`
    if (use !== undefined) this.#isOurs = true
    return undefined
  }

  async #useOfOne(): Promise<Use | 'neither' | undefined> {
    // No more of `data` than whether it is an object.
    const one = await this.#collection.findOne({}, { projection: { 'data.%': 1 } })
    if (!one) return undefined
    if (one.data) return 'entities'
    const hasValue = { _id: one._id, _: { $exists: true } }
    return (await this.#collection.findOne(hasValue, { projection: { _id: 1 } })) ? 'keys' : 'neither'
  }
}
