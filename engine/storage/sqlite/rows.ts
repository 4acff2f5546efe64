// Which reads must see which writes: those that may be about the same row, as far as their parameters tell.
import type { SqlRequest, SqlValue } from './worker.ts'

/** Longer ones are not looked at: what is stored, and no name of it. */
const NAME_CHARACTERS_MAX = 2000

/** What some writes are about. */
export class Rows {
  readonly #names = new Set<SqlValue>()
  #some = false
  #any = false

  add({ statements }: SqlRequest): void {
    this.#some = true
    for (const { parameters } of statements) {
      if (parameters.length === 0) this.#any = true
      for (const value of parameters) if (isName(value)) this.#names.add(value)
    }
  }

  /** Whether the read may have to do with one of them. */
  mayHave({ statements }: SqlRequest): boolean {
    if (!this.#some || this.#any) return this.#some
    return statements.every(({ sql, parameters }) =>
      comparedIn(sql).every((at) => !isName(parameters[at]) || this.#names.has(parameters[at])),
    )
  }
}

const isName = (value: unknown): value is string => typeof value === 'string' && value.length <= NAME_CHARACTERS_MAX

/** By their text. The texts are constants of the stores, so they are few. */
const compared = new Map<string, number[]>()

/** The places of the parameters that a column of every row of a read is equal to. */
function comparedIn(sql: string): readonly number[] {
  let places = compared.get(sql)
  if (!places) {
    const marks = [...sql.matchAll(/(\b(?:WHERE|AND) \w+ = )?\?/g)]
    const simple = !/\b(?:OR|NOT|UNION)\b/i.test(sql)
    places = simple ? [...marks.keys()].filter((at) => marks[at]![1] !== undefined) : []
    compared.set(sql, places)
  }
  return places
}
