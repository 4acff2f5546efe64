// What the client shows before the server has said it: a bullet that it draws at once, a hit that it sounds. Each such guess
// waits for the word that confirms it, and is taken back when it does not come.
//
//     open ── the entity is created, the method is called: it matches ──> confirmed
//       ├──── the server has run the input, and nothing of it has come ──> rejected 'input'
//       ├──── reject() ──> rejected 'told'
//       └──── time over ──> rejected 'time'
//
// All that an input's method does at once reaches the client in front of the word that it is done: so the answer is known then.
import type { Clock, Scheduled } from '../base/clock.ts'
import type { CallArguments } from './call-arguments.ts'
import type { MirrorEntity } from './mirror.ts'

/** Why a guess was wrong. */
export type Rejected = 'input' | 'told' | 'time'

export interface Expecting<A extends unknown[]> {
  /** Whether this is it; anything of the kind unless given. */
  matches?(...what: A): boolean
  /** Runs once, before the hooks for it do. */
  confirmed?(...what: A): void
  /** Runs once instead: what was shown was wrong. */
  rejected?(why: Rejected): void
  /** The input that it comes of (`Predictor.input` answers it): once that is done and nothing has come, it is rejected. */
  readonly no?: number
  /** How long after the input was done it may still come, for what does not come of it at once; 0 unless told. */
  readonly graceMs?: number
  /** It is rejected after so long in any case; 2000 unless told. */
  readonly limitMs?: number
}

export interface Expected {
  readonly outcome: 'open' | 'confirmed' | 'rejected'
  /** The server has said, in whatever way, that it will not be. */
  reject(): void
}

const LIMIT_MS = 2000
/** More are not waited for: the oldest is over then. */
const OPEN_MAX = 256

class Guess implements Expected {
  outcome: 'open' | 'confirmed' | 'rejected' = 'open'
  readonly type: string
  /** Of a call; undefined for one that is created. */
  readonly method: string | undefined
  readonly expecting: Expecting<unknown[]>
  timer: Scheduled | undefined
  /** When it is over in any case. */
  readonly overMs: number
  /** Its input has been run: it waits for `graceMs`. */
  isDone = false
  readonly #end: (guess: Guess, why: Rejected) => void

  constructor(
    type: string,
    method: string | undefined,
    expecting: Expecting<unknown[]>,
    overMs: number,
    end: (guess: Guess, why: Rejected) => void,
  ) {
    this.type = type
    this.method = method
    this.expecting = expecting
    this.overMs = overMs
    this.#end = end
  }

  reject(): void {
    this.#end(this, 'told')
  }
}

export class Expectations {
  readonly #clock: Clock
  readonly #failed: (where: string, error: unknown) => void
  #open: Guess[] = []

  /** `failed` hears what the author's functions throw. */
  constructor(clock: Clock, failed: (where: string, error: unknown) => void) {
    this.#clock = clock
    this.#failed = failed
  }

  get size(): number {
    return this.#open.length
  }

  /** Waits for an entity of a class, or for a call of `method` on one. `doneNo`: up to where inputs have been run. */
  add(type: string, method: string | undefined, expecting: Expecting<never[]>, doneNo: number): Expected {
    const { limitMs = LIMIT_MS, no, graceMs = 0 } = expecting
    if (!(limitMs >= 0) || !(graceMs >= 0)) throw new RangeError(`expect: limitMs = ${limitMs}, graceMs = ${graceMs}`)
    const overMs = this.#clock.now() + limitMs
    const guess = new Guess(type, method, expecting as Expecting<unknown[]>, overMs, (one, why) =>
      this.#reject(one, why),
    )
    if (this.#open.length >= OPEN_MAX) this.#reject(this.#open[0]!, 'time')
    this.#open.push(guess)
    this.#within(guess, limitMs, 'time')
    if (no !== undefined && no <= doneNo) this.#done(guess)
    return guess
  }

  created(mirror: MirrorEntity): void {
    if (this.#open.length > 0) this.#confirm(mirror.type, undefined, mirror, undefined)
  }

  called(mirror: MirrorEntity, method: string, args: CallArguments): void {
    if (this.#open.length > 0) this.#confirm(mirror.type, method, mirror, args)
  }

  /** The server has run inputs up to this one. */
  inputDone(no: number): void {
    if (this.#open.length === 0) return
    for (const guess of [...this.#open]) {
      const { no: of } = guess.expecting
      if (of !== undefined && of <= no && !guess.isDone) this.#done(guess)
    }
  }

  #done(guess: Guess): void {
    const { graceMs = 0 } = guess.expecting
    if (graceMs === 0) return this.#reject(guess, 'input')
    guess.isDone = true
    if (this.#clock.now() + graceMs < guess.overMs) this.#within(guess, graceMs, 'input')
  }

  /** The first that it fits: what comes once confirms one. */
  #confirm(type: string, method: string | undefined, mirror: MirrorEntity, args: CallArguments | undefined): void {
    let what: unknown[] | undefined
    for (const guess of this.#open) {
      if (guess.type !== type || guess.method !== method) continue
      what ??= args ? [mirror, ...args.values()] : [mirror]
      const { expecting } = guess
      if (!this.#try(guess, () => expecting.matches?.(...what!) ?? true)) continue
      this.#close(guess, 'confirmed')
      this.#try(guess, () => expecting.confirmed?.(...what!))
      return
    }
  }

  #reject(guess: Guess, why: Rejected): void {
    if (guess.outcome !== 'open') return
    this.#close(guess, 'rejected')
    this.#try(guess, () => guess.expecting.rejected?.(why))
  }

  #close(guess: Guess, outcome: 'confirmed' | 'rejected'): void {
    guess.outcome = outcome
    guess.timer?.cancel()
    this.#open = this.#open.filter((one) => one !== guess)
  }

  #within(guess: Guess, ms: number, why: Rejected): void {
    guess.timer?.cancel()
    guess.timer = this.#clock.after(ms, () => this.#reject(guess, why))
  }

  #try<T>({ type, method = 'created' }: Guess, run: () => T): T | undefined {
    try {
      return run()
    } catch (error) {
      this.#failed(`what is expected of ${type}.${method}`, error)
      return undefined
    }
  }
}
