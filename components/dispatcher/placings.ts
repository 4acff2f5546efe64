// The placings under way: who asked for which entity, and which game was told to make it. Each is kept until that game
// has answered, so that it can be given to another when the game dies first.
//
//     asked ──> waiting (no game is there) ──> assigned ──entityPlaced / entityGone──> done
//                  ^                               │
//                  └────────── its game died ──────┘
import type { Values } from '../../engine/wire/messages.ts'

export type PlacingRequest =
  | { readonly name: 'createEntity'; readonly values: Values<'createEntity'> }
  | { readonly name: 'loadEntity'; readonly values: Values<'loadEntity'> }
  | { readonly name: 'bootEntity'; readonly values: Values<'bootEntity'> }

export interface Placing {
  readonly slot: number
  readonly request: PlacingRequest
  /** The game that was asked for by its number; 0 when any will do. */
  wanted: number
  /** The game that was told; 0 while none was. */
  game: number
  /** The link session by which it was told; 0 when the order waits in the queue of a held game. */
  session: number
  /** When it was asked for, or its game was told. */
  since: number
  /** When it began to wait for journals (lost-saves.ts); undefined when it has not. */
  waitsSince: number | undefined
  /** It has waited for so long as it may. */
  hasWaited: boolean
  tries: number
  /** Who asked for it while it was in doubt, should that end in its death. */
  next: PlacingRequest | undefined
}

export interface PlacingLimits {
  readonly countMax: number
  readonly bytesMax: number
}

export class Placings {
  readonly #limits: PlacingLimits
  readonly #bySlot = new Map<number, Placing>()
  #byteCount = 0

  constructor(limits: PlacingLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#bySlot.size
  }

  get(slot: number): Placing | undefined {
    return this.#bySlot.get(slot)
  }

  /** Undefined when there is no room. */
  add(slot: number, request: PlacingRequest, now: number): Placing | undefined {
    const bytes = bytesOf(request)
    if (this.#bySlot.size >= this.#limits.countMax || this.#byteCount + bytes > this.#limits.bytesMax) return undefined
    const wanted = request.name === 'bootEntity' ? 0 : request.values.gameId
    const placing: Placing = {
      slot,
      request,
      wanted,
      game: 0,
      session: 0,
      since: now,
      waitsSince: undefined,
      hasWaited: false,
      tries: 0,
      next: undefined,
    }
    this.#bySlot.set(slot, placing)
    this.#byteCount += bytes
    return placing
  }

  done(slot: number): void {
    const placing = this.#bySlot.get(slot)
    if (!placing) return
    this.#bySlot.delete(slot)
    this.#byteCount -= bytesOf(placing.request)
  }

  /** As plain data; times are ages. */
  save(nowMs: number): readonly Placing[] {
    return [...this.#bySlot.values()].map((placing) => shifted(placing, (timeMs) => nowMs - timeMs))
  }

  restore(saved: readonly Placing[], nowMs: number): void {
    for (const placing of saved) {
      this.#bySlot.set(
        placing.slot,
        shifted(placing, (ageMs) => nowMs - ageMs),
      )
      this.#byteCount += bytesOf(placing.request)
    }
  }

  /** How many a game was told of and has not answered. */
  countOf(game: number): number {
    let count = 0
    for (const placing of this.#bySlot.values()) if (placing.game === game) count++
    return count
  }

  /** Those that `test` picks, the oldest first, as a list of their own. */
  filter(test: (placing: Placing) => boolean): Placing[] {
    const found: Placing[] = []
    for (const placing of this.#bySlot.values()) if (test(placing)) found.push(placing)
    return found
  }
}

const bytesOf = ({ name, values }: PlacingRequest) => 64 + (name === 'createEntity' ? values.attrs.length : 0)

const shifted = (placing: Placing, shift: (ms: number) => number): Placing => ({
  ...placing,
  since: shift(placing.since),
  waitsSince: placing.waitsSince === undefined ? undefined : shift(placing.waitsSince),
})
