// Ctrl-C and its like: the first asks for an orderly end, the second for a quick one.

export class Interrupts {
  count = 0
  /** Resolves at the first. */
  readonly first: Promise<void>
  readonly #first = Promise.withResolvers<void>()
  readonly #second = new AbortController()

  constructor(tell: () => void) {
    this.first = this.#first.promise
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        this.count++
        if (this.count === 1) tell()
        this.#first.resolve()
        if (this.count === 2) this.#second.abort()
      })
    }
    // The terminal may be gone with the hangup; the processes must be stopped all the same.
    process.stdout.on('error', () => {})
    process.stderr.on('error', () => {})
  }

  /** Aborts at the second. */
  get second(): AbortSignal {
    return this.#second.signal
  }
}
