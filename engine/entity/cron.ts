// When a crontab entry is due: `minute hour day month weekday` in the local time of the machine, with seconds in front
// if there are six fields. Croner knows the syntax and the days on which clocks change.
import { Cron } from 'croner'

export class CronPattern {
  readonly text: string
  readonly #cron: Cron

  /** Throws a TypeError that names the pattern. */
  constructor(text: string) {
    this.text = text
    try {
      this.#cron = new Cron(text, { mode: '5-or-6-parts' })
    } catch (error) {
      throw new TypeError(`'${text}' is no crontab pattern: ${(error as Error).message}`)
    }
    if (!this.#cron.nextRun(new Date(0))) throw new TypeError(`'${text}' is never due`)
  }

  /** When it is due next after `wallMs`, both in milliseconds since 1970; Infinity for never again. */
  nextMs(wallMs: number): number {
    return this.#cron.nextRun(new Date(wallMs))?.getTime() ?? Number.POSITIVE_INFINITY
  }
}
