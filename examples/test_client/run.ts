// A run from beginning to end: starts the bots, shows how they fare, stops them in time, and tells what it came to.
import { startCrew } from './crew.ts'
import { exitCodeOf, progressLine, Rates, type Summary, summarize, table } from './report.ts'
import type { RunOptions } from './settings.ts'

/** Where a run writes to, so that a test can read it. */
export interface Screen {
  /** What it came to. */
  out(text: string): void
  /** How it goes. */
  err(text: string): void
  /** Whether `err` is a terminal, on which a line can be written again and again. */
  readonly live: boolean
}

const PROGRESS_MS = 1_000
/** Not on a terminal, every tenth line is enough. */
const LINES_SKIPPED = 9

/** Goes on until `stop` is signalled, the time is over, or a strict run has failed. */
export async function run(
  options: RunOptions,
  screen: Screen,
  stop: AbortSignal,
): Promise<{ exitCode: number; summary: Summary }> {
  const startedAt = performance.now()
  const rates = new Rates(options.bots, startedAt)
  const line = new ProgressLine(screen, options.quiet)
  const over = Promise.withResolvers<void>()
  if (stop.aborted) over.resolve()
  stop.addEventListener('abort', () => over.resolve(), { once: true })

  const crew = startCrew(options, options.workers, {
    tell: (text) => options.silent || line.above(text),
    faulted: () => options.strict && over.resolve(),
  })
  const progress = setInterval(() => {
    const tally = crew.tally()
    line.show(progressLine(tally, options.bots, rates.follow(tally, performance.now())))
  }, PROGRESS_MS)
  const timeout = options.durationSeconds > 0 ? setTimeout(over.resolve, options.durationSeconds * 1000) : undefined

  await over.promise
  clearInterval(progress)
  clearTimeout(timeout)
  const endedAt = performance.now()
  const tally = await crew.stop()
  line.clear()

  const records = rates.positionsPerSecond(tally, startedAt, endedAt)
  const summary = summarize(tally, options.bots, (endedAt - startedAt) / 1000, records)
  screen.out(`${table(summary)}\n`)
  if (options.json) screen.out(`${JSON.stringify(summary)}\n`)
  return { exitCode: exitCodeOf(tally, options.strict), summary }
}

class ProgressLine {
  readonly #screen: Screen
  readonly #quiet: boolean
  #shown = ''
  #skipped = LINES_SKIPPED

  constructor(screen: Screen, quiet: boolean) {
    this.#screen = screen
    this.#quiet = quiet
  }

  show(text: string): void {
    if (this.#quiet) return
    if (this.#screen.live) {
      this.#screen.err(`\r\x1b[K${text}`)
      this.#shown = text
    } else if (this.#skipped++ === LINES_SKIPPED) {
      this.#screen.err(`${text}\n`)
      this.#skipped = 0
    }
  }

  /** Writes a line that stays, and the progress below it. */
  above(text: string): void {
    const shown = this.#shown
    this.clear()
    this.#screen.err(`${text}\n`)
    if (shown !== '') this.show(shown)
  }

  clear(): void {
    if (this.#shown !== '') this.#screen.err('\r\x1b[K')
    this.#shown = ''
  }
}
