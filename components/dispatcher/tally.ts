// Counts what the dispatcher had to drop, refuse or move, by reason. The first of a kind is logged at once, the rest
// are summed up now and then: a million lost packets cost a million additions and a few log lines.
import type { Log, LogFields } from '../../engine/base/log.ts'

export const REASONS = {
  unknownEntity: 'packets dropped: no game has their entity',
  unknownGame: 'packets dropped: their game is not there',
  unknownGate: 'packets dropped: their gate is not there',
  entityQueueFull: 'packets dropped: too many wait for their entity to be placed',
  gameQueueFull: 'packets dropped: too many wait for their game to be released',
  neverPlaced: 'packets dropped: the entity that they waited for was never placed',
  gameLost: 'packets dropped: the game that they waited for did not come back',
  stalePlacement: 'reports of older placements ignored',
  alreadyThere: 'placings refused: the entity is there',
  placingsFull: 'placings refused: too many wait for a game',
  placingMoved: 'placings given to another game: theirs went down',
  placingGivenUp: 'placings given up: no game did them',
  registryFull: 'keys not registered: there are too many',
  forbidden: 'messages ignored: their sender may not send them',
  malformed: 'messages ignored: they cannot be read',
} as const

export type Reason = keyof typeof REASONS

export class Tally {
  readonly counts = Object.fromEntries(Object.keys(REASONS).map((reason) => [reason, 0])) as Record<Reason, number>
  readonly #log: Log
  readonly #reported = { ...this.counts }

  constructor(log: Log) {
    this.#log = log
  }

  add(reason: Reason, count = 1): void {
    const before = this.counts[reason]
    this.counts[reason] = before + count
    if (before === 0 && count > 0) this.#say(reason)
  }

  save() {
    return { counts: this.counts, reported: this.#reported }
  }

  restore({ counts, reported }: ReturnType<Tally['save']>): void {
    Object.assign(this.counts, counts)
    Object.assign(this.#reported, reported)
  }

  /** One line for each reason that has grown since the last. */
  report(): void {
    for (const reason of Object.keys(REASONS) as Reason[]) {
      if (this.counts[reason] > this.#reported[reason]) this.#say(reason)
    }
  }

  #say(reason: Reason): void {
    const fields: LogFields = { reason, count: this.counts[reason] - this.#reported[reason], all: this.counts[reason] }
    this.#reported[reason] = this.counts[reason]
    this.#log.warn(REASONS[reason], fields)
  }
}
