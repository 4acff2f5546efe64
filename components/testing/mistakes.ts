// What the author of a game did wrong, as the log has it: methods, hooks and timers that threw, calls that were refused, saves
// that no store takes, and hooks of clients. What else is in the log are faults, and what came of them.
import type { SimulatedCluster } from './cluster.ts'

type Line = SimulatedCluster['log']['lines'][number]

/** What games say of their authors' code: `author-errors.ts` has the rest of the line. */
const AUTHOR_ERROR =
  /^[^\n]* threw: |^\S+ cannot be created: |^\S+ is lost: it cannot be made again: |: it has no method /
const REFUSED = /^refused a call of .* \(further ones are only counted\)$/
/** A call may cross the hand-over of its client. */
const CROSSED = ': not exposed to this client ('

export class Mistakes {
  readonly #cluster: SimulatedCluster
  readonly #expected: boolean | RegExp
  #seen = 0

  /** `expected`: true when the game means all of them, or which. */
  constructor(cluster: SimulatedCluster, expected: boolean | RegExp) {
    this.#cluster = cluster
    this.#expected = expected
  }

  /** Those since the last time: the first with its stack, of the others what they begin with. */
  take(): string[] {
    const { lines } = this.#cluster.log
    const found: string[] = []
    for (; this.#seen < lines.length; this.#seen++) {
      const text = this.#mistake(lines[this.#seen]!, this.#seen)
      if (text !== undefined && !this.#isExpected(text)) found.push(`errors: ${text}`)
    }
    return found.map((text, at) => (at === 0 ? text : text.split('\n', 1)[0]!))
  }

  #mistake({ level, message, fields }: Line, at: number): string | undefined {
    if (this.#isOfTheDead(fields, at)) return undefined
    if (level === 'warn') return REFUSED.test(message) && !message.includes(CROSSED) ? message : undefined
    if (level !== 'error') return undefined
    if (fields['bot'] !== undefined) return `a hook of bot ${fields['bot']} threw: ${message}`
    const { type, id, error } = fields
    if (message === 'an entity was not saved' && / cannot be stored$/.test(String(error)))
      return `${type}<${id}> was not saved: ${error}`
    return AUTHOR_ERROR.test(message) ? message : undefined
  }

  /** What a process still says when it has died, nobody would have heard. */
  #isOfTheDead({ life }: Line['fields'], at: number): boolean {
    const endedAt = this.#cluster.ended.get(life as number)
    return endedAt !== undefined && at >= endedAt
  }

  #isExpected(text: string): boolean {
    const expected = this.#expected
    return typeof expected === 'boolean' ? expected : text.search(expected) >= 0
  }
}
