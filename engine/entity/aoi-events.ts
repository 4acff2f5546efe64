// Tells who came into whose sight and who went out of it, also when a handler changes the AOI while it is being told.
//
//     events:  | told … | told | pending | pending |   | told | pending |      a stack: one level an operation
//              '-- outer operation ----------------'   '-- operation of its handler, told first
//
// The rule: an operation changes all state before its first event, so what was told and what is true differ for exactly
// the pairs that have a pending event. An operation inside a handler that changes such a pair back takes the pending
// event off instead of adding its own. So each event is true when it is told, and the enters and leaves of a pair
// alternate. The pending events of outer levels are put in an index when the first nested operation asks.
import { AoiPairs } from './aoi-pairs.ts'

/** Handlers may change the AOI. One that throws does not keep the others from being told: the error comes at the end. */
export interface AoiEvents {
  onEnter(watcher: number, subject: number): void
  onLeave(watcher: number, subject: number): void
}

// The subject of an event that has been told or taken off.
const DONE = -1

export class AoiEventStack {
  readonly #handlers: AoiEvents
  // Watcher, subject, watcher, subject, …; a leave has ~watcher.
  #events = new Int32Array(128)
  #top = 0
  #enters = new Int32Array(64)
  #enterTop = 0
  // Levels being told.
  #depth = 0
  // Where the innermost level is; set before each handler runs.
  #cursor = 0
  // Pending events below `#indexed`, with their places.
  readonly #pending = new AoiPairs()
  #indexed = 0

  constructor(handlers: AoiEvents) {
    this.#handlers = handlers
  }

  /** Opens the level of an operation: to be handed to `tell`. */
  begin(): number {
    const events = this.#events
    if (this.#depth > 0) {
      for (let at = Math.max(this.#indexed, this.#cursor); at < this.#top; at += 2) {
        if (events[at + 1] !== DONE) this.#pending.set(watcherOf(events[at]!), events[at + 1]!, at)
      }
      this.#indexed = this.#top
    }
    return this.#top
  }

  enter(watcher: number, subject: number): void {
    if (this.#takeOff(watcher, subject)) return
    const at = this.#enterTop
    if (at === this.#enters.length) this.#enters = doubled(this.#enters)
    this.#enters[at] = watcher
    this.#enters[at + 1] = subject
    this.#enterTop = at + 2
  }

  leave(watcher: number, subject: number): void {
    if (!this.#takeOff(watcher, subject)) this.#push(~watcher, subject)
  }

  /** Takes the leaves of a removed slot that outer levels have yet to tell into this one: later the slot is another's. */
  takeOver(slot: number, base: number): void {
    for (let at = 0; at < base; at += 2) {
      const watcher = watcherOf(this.#events[at]!)
      const subject = this.#events[at + 1]!
      if (subject === slot || (watcher === slot && subject !== DONE)) {
        this.#takeOff(watcher, subject)
        this.#push(~watcher, subject)
      }
    }
  }

  /** Tells the level that began at `base`: the leaves, then the enters. */
  tell(base: number): void {
    for (let at = 0; at < this.#enterTop; at += 2) this.#push(this.#enters[at]!, this.#enters[at + 1]!)
    this.#enterTop = 0
    if (this.#top === base) return
    let failed = false
    let failure: unknown
    this.#depth++
    while (this.#top > base) {
      try {
        this.#drain(base)
        this.#top = base
      } catch (error) {
        if (!failed) failure = error
        failed = true
      }
    }
    this.#depth--
    this.#indexed = Math.min(this.#indexed, base)
    if (failed) throw failure
  }

  #drain(base: number): void {
    const end = this.#top
    for (let at = base; at < end; at += 2) {
      const watcher = this.#events[at]!
      const subject = this.#events[at + 1]!
      if (subject === DONE) continue
      this.#events[at + 1] = DONE
      if (at < this.#indexed) this.#pending.take(watcherOf(watcher), subject)
      this.#cursor = at + 2
      if (watcher < 0) this.#handlers.onLeave(~watcher, subject)
      else this.#handlers.onEnter(watcher, subject)
    }
  }

  #takeOff(watcher: number, subject: number): boolean {
    if (this.#pending.size === 0) return false
    const at = this.#pending.take(watcher, subject)
    if (at < 0) return false
    this.#events[at + 1] = DONE
    return true
  }

  #push(watcher: number, subject: number): void {
    const at = this.#top
    if (at === this.#events.length) this.#events = doubled(this.#events)
    this.#events[at] = watcher
    this.#events[at + 1] = subject
    this.#top = at + 2
  }
}

const watcherOf = (event: number) => (event < 0 ? ~event : event)

function doubled(list: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(list.length * 2)
  larger.set(list)
  return larger
}
