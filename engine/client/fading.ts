// What something is drawn beside where it should be, so that nothing jumps: it fades away, exponentially, to nothing at all.
import { around, go, lengthOf, newPlace, type Place } from '../base/place.ts'

/** What is left when it is over, of what it was at its begin. */
const FADED = 1e-4

export class Fading {
  readonly off = newPlace()
  readonly #turn: number
  #first = 0

  constructor(turn: number) {
    this.#turn = turn
  }

  /** It should be drawn farther off, by so many times that way. */
  add(by: Readonly<Place>, times: number): void {
    const { off } = this
    go(off, by, times)
    off.yaw = around(off.yaw, this.#turn)
    this.#first = this.#size
  }

  /** So much time goes by. `leastKept`: the part that stays at least, however fast it fades. */
  pass(ms: number, correctionMs: number, leastKept = 0): void {
    const { off } = this
    if (ms <= 0 || this.#size === 0) return
    const kept = Math.exp(-ms / correctionMs)
    const yaw = off.yaw * kept
    go(off, off, Math.max(kept, leastKept) - 1)
    off.yaw = yaw
    if (this.#size <= FADED * this.#first) this.clear()
  }

  clear(): void {
    const { off } = this
    off.x = off.y = off.z = off.yaw = 0
  }

  get #size(): number {
    return lengthOf(this.off) + Math.abs(this.off.yaw)
  }
}
