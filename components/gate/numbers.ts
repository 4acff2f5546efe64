// The numbers by which one client knows the entities that it sees. The last one that was given back is the next to be used,
// so they stay as small as what is seen at a time: below 512 a number takes two bytes together with what goes with it.
import { NUMBER_MAX } from '../../engine/wire/compact.ts'

export class Numbers {
  readonly #free: number[] = []
  #next = 1

  /** A number that nothing has, or 0: who sees so much hears of the rest in full form. */
  take(): number {
    return this.#free.pop() ?? (this.#next > NUMBER_MAX ? 0 : this.#next++)
  }

  give(number: number): void {
    if (number !== 0) this.#free.push(number)
  }
}
