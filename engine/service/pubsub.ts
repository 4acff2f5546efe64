// Publish and subscribe by subject: a subject that ends in `*` hears all that begin with what stands before it.
//
// Subscriptions survive a freeze. When the game of this service dies, another one begins with none: subscribers tell it
// theirs again in `onServicePlaced(PublishSubscribeService)`, and in `onMigratedIn`, since who is on its way misses that.
// Whoever goes must say so with `UnsubscribeAll`: those who could not, because their game died, are kept until the service
// is placed anew (some 100 bytes each; what is published to them is dropped by the dispatcher).
import { type EntityId, entityId } from '../entity/contract.ts'
import { service } from '../entity/service.ts'

/** What a subscriber must have. */
export interface Subscriber {
  OnPublish(subject: string, content: string): void
}

export class PublishSubscribeService extends service({ kept: ['subscribers', 'subjects'] }) {
  /** Who hears a subject; a key that ends in `*` holds those that hear a prefix. */
  subscribers: Map<string, Set<string>> = new Map()
  /** What each of them hears. */
  subjects: Map<string, Set<string>> = new Map()

  Subscribe(subscriber: string, subject: string): void {
    wellFormed(subject)
    const id = entityId(subscriber)
    entry(this.subscribers, subject).add(id)
    entry(this.subjects, subscriber).add(subject)
  }

  Unsubscribe(subscriber: string, subject: string): void {
    drop(this.subscribers, subject, subscriber)
    drop(this.subjects, subscriber, subject)
  }

  UnsubscribeAll(subscriber: string): void {
    for (const subject of this.subjects.get(subscriber) ?? []) drop(this.subscribers, subject, subscriber)
    this.subjects.delete(subscriber)
  }

  /** Calls `OnPublish(subject, content)` once on everyone who hears the subject. */
  Publish(subject: string, content: string): void {
    if (subject.includes('*')) throw new TypeError(`'${subject}' cannot be published: only subscriptions have a '*'`)
    this.call(this.#hearersOf(subject)).OnPublish(subject, content)
  }

  /** Each of them once. */
  #hearersOf(subject: string): EntityId<Subscriber & object>[] {
    const found = [this.subscribers.get(subject)]
    for (let length = 0; length <= subject.length; length++)
      found.push(this.subscribers.get(`${subject.slice(0, length)}*`))
    const groups = found.filter((group) => group !== undefined)
    const all = groups.length === 1 ? groups[0]! : new Set(groups.flatMap((group) => [...group]))
    return [...all] as EntityId<Subscriber & object>[]
  }
}

function wellFormed(subject: string): void {
  const star = subject.indexOf('*')
  if (star >= 0 && star !== subject.length - 1) throw new TypeError(`'${subject}': a '*' may only stand at the end`)
}

function entry(map: Map<string, Set<string>>, key: string): Set<string> {
  let set = map.get(key)
  if (!set) {
    set = new Set()
    map.set(key, set)
  }
  return set
}

function drop(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key)
  set?.delete(value)
  if (set?.size === 0) map.delete(key)
}
