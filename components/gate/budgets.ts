// The budgets of all clients, when there are any: who has to wait is looked after once a round, whether anything else is
// said to it or not.
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import { Budget, type BudgetOwner, ROUND_MS } from './budget.ts'
import type { Output } from './output.ts'

export class Budgets implements BudgetOwner {
  readonly clock: Clock
  /** For each client; 0: as much as there is. */
  readonly bytesPerSecond: number
  waited = 0
  readonly #waiting = new Set<Output>()
  #round: Scheduled | undefined

  constructor(clock: Clock, bytesPerSecond: number) {
    this.clock = clock
    this.bytesPerSecond = bytesPerSecond
  }

  /** How many clients have positions that wait for the next round. */
  get over(): number {
    return this.#waiting.size
  }

  add(output: Output): void {
    if (this.bytesPerSecond > 0) output.budget = new Budget(this)
  }

  waits(output: Output): void {
    this.#waiting.add(output)
    this.#round ??= this.clock.after(ROUND_MS, () => this.#wake())
  }

  forget(output: Output): void {
    this.#waiting.delete(output)
  }

  stop(): void {
    this.#round?.cancel()
  }

  #wake(): void {
    this.#round = undefined
    const waiting = [...this.#waiting]
    // Those that still have to wait say so again.
    this.#waiting.clear()
    for (const output of waiting) output.wake()
  }
}
