// Which processes of one role there are, in the words of one dispatcher: games to a gate, gates to a game.
//
//     that dispatcher is gone: those that were there are awaited ──named again──> there, or gone if it is another process
//                              up again, and graceMs later       ───────────────> gone: they died while nobody could say so
//
// The time during which we do not reach the dispatcher does not count: what it says of them waits there for us.
import type { Clock, Scheduled } from '../base/clock.ts'

export interface PeersOwner {
  /** `process`: which it was. */
  gone(id: number, process: string): void
  /** It is there, and what was said to it before may be lost. */
  up?(id: number, process: string): void
  /** Nobody is awaited any more. */
  settled?(): void
  /** The dispatcher has had the time to name all that are there. */
  named?(): void
}

export class Peers {
  readonly #clock: Clock
  readonly #graceMs: number
  readonly #owner: PeersOwner
  /** By number, the names of their processes. */
  readonly #there = new Map<number, string>()
  readonly #awaited = new Map<number, string>()
  /** Of those awaited: what was said to them has come. */
  readonly #unmissed = new Set<number>()
  #patience: Scheduled | undefined
  /** The dispatcher is there, and may have yet to hear of some. */
  #isNaming = false

  constructor(clock: Clock, graceMs: number, owner: PeersOwner) {
    this.#clock = clock
    this.#graceMs = graceMs
    this.#owner = owner
  }

  get known(): number[] {
    return [...this.#there.keys()]
  }

  /** Whether everybody who was there has been heard of since the dispatcher was last away. */
  get settled(): boolean {
    return this.#awaited.size === 0
  }

  /** It was there when we were frozen, and what we said to it has come. */
  expect(id: number, process: string): void {
    this.#awaited.set(id, process)
    this.#unmissed.add(id)
  }

  /** What we say to those who are awaited does not come from now on: their dispatcher is not there. */
  missed(): void {
    this.#unmissed.clear()
  }

  /** Those that are there, with the names of their processes. */
  get all(): readonly (readonly [id: number, process: string])[] {
    return [...this.#there]
  }

  up(id: number, process: string): void {
    const awaited = this.#awaited.get(id)
    const unmissed = this.#unmissed.delete(id)
    this.#awaited.delete(id)
    this.#there.set(id, process)
    const isSame = awaited === process
    if (awaited !== undefined && !isSame) this.#owner.gone(id, awaited)
    if (!isSame || !unmissed) this.#owner.up?.(id, process)
    if (awaited !== undefined && this.settled) this.#owner.settled?.()
  }

  down(id: number, process = this.#there.get(id) ?? this.#awaited.get(id) ?? ''): void {
    this.#there.delete(id)
    const wasLast = this.#awaited.delete(id) && this.settled
    this.#owner.gone(id, process)
    if (wasLast) this.#owner.settled?.()
  }

  dispatcherDown(): void {
    this.#patience?.cancel()
    this.#isNaming = false
    for (const [id, process] of this.#there) this.#awaited.set(id, process)
    this.#unmissed.clear()
    this.#there.clear()
  }

  /** `forgotten`: it has given us up, and has told those that were there so. */
  dispatcherUp(forgotten: boolean): void {
    if (forgotten) this.#giveUp()
    this.#isNaming = true
    this.#beginPatience()
  }

  /** Our connection to it broke; the session waits for the next. */
  dispatcherBroken(): void {
    this.#patience?.cancel()
  }

  /** We are connected again, and what it had to say is on its way. */
  dispatcherBack(): void {
    if (this.#isNaming) this.#beginPatience()
  }

  stop(): void {
    this.#patience?.cancel()
  }

  #beginPatience(): void {
    this.#patience?.cancel()
    this.#patience = this.#clock.after(this.#graceMs, () => {
      this.#isNaming = false
      this.#giveUp()
      this.#owner.named?.()
    })
  }

  #giveUp(): void {
    if (this.settled) return
    const lost = [...this.#awaited]
    this.#awaited.clear()
    for (const [id, process] of lost) this.#owner.gone(id, process)
    this.#owner.settled?.()
  }
}
