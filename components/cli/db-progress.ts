// How far an export or import is, on one line of the terminal.
//
//     [##########          ] 50%  12,345 rows  4,115/s  0:03
import { type Clock, realClock } from '../../engine/base/clock.ts'

export interface ProgressScreen {
  readonly isTTY?: boolean
  write(text: string): unknown
}

export interface ProgressOptions {
  readonly screen: ProgressScreen
  readonly clock?: Clock
  /** The bytes that will be added in the end; without it there is no bar. */
  readonly bytesTotal?: number | undefined
}

const PAINT_MS = 100
const WIDTH = 20

export class Progress {
  rows = 0
  readonly #screen: ProgressScreen
  readonly #clock: Clock
  readonly #bytesTotal: number | undefined
  readonly #began: number
  #bytes = 0
  #paintedAt = Number.NEGATIVE_INFINITY

  constructor({ screen, clock = realClock, bytesTotal }: ProgressOptions) {
    this.#screen = screen
    this.#clock = clock
    this.#bytesTotal = bytesTotal
    this.#began = clock.now()
  }

  /** Paints now and then, where it is a terminal. */
  add(rows: number, bytes: number): void {
    this.rows += rows
    this.#bytes += bytes
    if (!this.#screen.isTTY || this.#clock.now() - this.#paintedAt < PAINT_MS) return
    this.#paintedAt = this.#clock.now()
    this.#screen.write(`\r${this.#line()}\x1b[K`)
  }

  /** Takes the line away: what comes next is the last line of the command. */
  clear(): void {
    if (this.#screen.isTTY && this.#paintedAt > Number.NEGATIVE_INFINITY) this.#screen.write('\r\x1b[K')
  }

  /** `12,345 rows in 3.0 s, 4,115/s` */
  summary(): string {
    return `${count(this.rows, 'row')} in ${(this.#elapsedMs() / 1000).toFixed(1)} s, ${this.#rate()}/s`
  }

  #line(): string {
    const seconds = Math.floor(this.#elapsedMs() / 1000)
    const elapsed = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
    return `${this.#bar()}${count(this.rows, 'row')}  ${this.#rate()}/s  ${elapsed}`
  }

  #bar(): string {
    if (!this.#bytesTotal) return ''
    const part = Math.min(1, this.#bytes / this.#bytesTotal)
    const filled = '#'.repeat(Math.floor(part * WIDTH))
    return `[${filled.padEnd(WIDTH)}] ${String(Math.floor(part * 100)).padStart(2)}%  `
  }

  #rate(): string {
    return number(Math.round(this.rows / Math.max(0.001, this.#elapsedMs() / 1000)))
  }

  #elapsedMs(): number {
    return this.#clock.now() - this.#began
  }
}

/** `1 row`, `12,345 rows` */
export const count = (many: number, what: string): string => `${number(many)} ${what}${many === 1 ? '' : 's'}`

const number = (value: number): string => value.toLocaleString('en-US')
