// What one client may cost a second in bytes (`client_bytes_per_second`). Calls, attributes and entities that come or go are always
// sent, and paid; positions wait when nothing is left, but for a quarter that is theirs whatever else there is.
//
//     all        ──every second: the whole──> what is left ──frames, positions──>      below 0: paid back first
//     positions  ──every second: a quarter──> what is left ──positions─────────>
//
// A position may go when either has something left.
import type { Clock } from '../../engine/base/clock.ts'
import { getF32 } from '../../engine/wire/packet.ts'
import type { Output } from './output.ts'

export const POSITIONS_SHARE = 1 / 4
/** So much of what was not used may be used later: what two flushes of a game may cost, or one packet of the network. */
const SAVED_MS = 200
const SAVED_BYTES_MIN = 1400
/** What was too much is paid back for this long at the most: who comes into a crowded place is to see it move again. */
const DEBT_MS_MAX = 5000
/** What waits is looked at no more often than this. */
export const ROUND_MS = 50

export interface BudgetOwner {
  readonly clock: Clock
  readonly bytesPerSecond: number
  /** Records that had to wait. */
  waited: number
  /** Positions wait for the output: it is to be flushed when a round is over. */
  waits(output: Output): void
}

export class Budget {
  readonly #owner: BudgetOwner
  readonly #savedMax: number
  #left: number
  #positionsLeft: number
  #filledMs: number
  #roundMs = Number.NEGATIVE_INFINITY
  /** Where the client's player is; NaN: nobody knows. */
  playerX = Number.NaN
  playerZ = Number.NaN
  /** How many are to have a turn for how long they have waited; see `turns.ts`. */
  turns = 0

  constructor(owner: BudgetOwner) {
    this.#owner = owner
    this.#savedMax = Math.max((owner.bytesPerSecond * SAVED_MS) / 1000, SAVED_BYTES_MIN)
    this.#left = this.#savedMax
    this.#positionsLeft = 0
    this.#filledMs = owner.clock.now()
  }

  get nowMs(): number {
    return this.#owner.clock.now()
  }

  /** Something that is sent whatever it costs. */
  pay(bytes: number): void {
    this.#left -= bytes
  }

  payPosition(bytes: number): void {
    this.#left -= bytes
    this.#positionsLeft = Math.max(0, this.#positionsLeft - bytes)
  }

  /** Whether a position of so many bytes may go now. */
  allows(bytes: number): boolean {
    if (this.#left >= bytes || this.#positionsLeft >= bytes) return true
    this.#fill()
    return this.#left >= bytes || this.#positionsLeft >= bytes
  }

  /** A position has to wait. */
  waited(): void {
    this.#owner.waited++
  }

  /** Whether what waits may be looked at; answers for how long it has not been, in milliseconds, or -1. */
  beginRound(): number {
    const { nowMs } = this
    const sinceMs = nowMs - this.#roundMs
    if (sinceMs < ROUND_MS) return -1
    this.#roundMs = nowMs
    return Math.min(sinceMs, 2 * SAVED_MS)
  }

  /** The next round may begin at once. */
  endRound(): void {
    this.#roundMs = Number.NEGATIVE_INFINITY
  }

  waits(output: Output): void {
    this.#owner.waits(output)
  }

  /** The client's player is where the four floats at `at` say: x, y, z, yaw. */
  playerAt(bytes: Uint8Array, at: number): void {
    this.playerX = getF32(bytes, at)
    this.playerZ = getF32(bytes, at + 8)
  }

  #fill(): void {
    const { nowMs } = this
    const bytes = ((nowMs - this.#filledMs) * this.#owner.bytesPerSecond) / 1000
    this.#filledMs = nowMs
    const debtMax = (DEBT_MS_MAX * this.#owner.bytesPerSecond) / 1000
    this.#left = Math.min(Math.max(this.#left, -debtMax) + bytes, this.#savedMax)
    this.#positionsLeft = Math.min(this.#positionsLeft + bytes * POSITIONS_SHARE, this.#savedMax * POSITIONS_SHARE)
  }
}
