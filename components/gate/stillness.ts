// That what a client sees stands still. A flush of a game tells of what moved, so that who is told of nothing cannot know
// whether that is late or there is nothing: a client in compact form draws on for a moment, past where the walker stopped. So
// whoever was told of anything in a game's last flush and is told of nothing in this one gets a frame without a record.
//
//     flush:      1         2         3         4              a game says once that nothing has moved, too
//     client:     B moved   B moved   nothing   ─
//
// It is known at the end of the turn: what a game says of one flush comes in one piece, as a rule. Where it does not, what
// comes behind the empty frame is of the same time, and no harm is done.
import type { Output, PositionsFrame } from './output.ts'

/** What a game has said of places. */
interface Flushes {
  /** Of the newest. */
  timeMs: number
  /** Who was told of any in it, and in the one before that. */
  told: Output[]
  before: Output[]
  /** The turn that it came in is not over. */
  isOpen: boolean
}

export class Stillness {
  readonly #games = new Map<number, Flushes>()
  readonly #open: Flushes[] = []
  readonly #opened: () => void

  /** `opened`: at the end of this turn there is something to tell. */
  constructor(opened: () => void) {
    this.#opened = opened
  }

  /** Positions of a game have come: the list of those who are told of any in the same flush. */
  toldIn(gameId: number, timeMs: number): Output[] {
    let flushes = this.#games.get(gameId)
    if (!flushes) {
      flushes = { timeMs: Number.NaN, told: [], before: [], isOpen: false }
      this.#games.set(gameId, flushes)
    }
    if (flushes.timeMs === timeMs) return flushes.told
    if (flushes.isOpen) {
      tell(flushes)
    } else {
      flushes.isOpen = true
      this.#open.push(flushes)
      this.#opened()
    }
    flushes.timeMs = timeMs
    flushes.before = flushes.told
    flushes.told = []
    return flushes.told
  }

  /** The turn is over: tells those who were told of nothing in it. */
  tell(): void {
    if (this.#open.length === 0) return
    for (const flushes of this.#open) {
      tell(flushes)
      flushes.isOpen = false
    }
    this.#open.length = 0
  }

  /** The game is gone. */
  forget(gameId: number): void {
    this.#games.delete(gameId)
  }
}

function tell({ timeMs, before }: Flushes): void {
  const frame: PositionsFrame = { timeMs, step: 0, told: undefined }
  for (const output of before) if (output.toldIn === before) output.tellStill(frame)
  before.length = 0
}
