// SQL for the code of a game: the same few calls on SQLite and on PostgreSQL, with values always apart from the text.
//
//     await sql.query('SELECT name FROM scores WHERE score > $1', [100])      { rows, count }
//     await sql.transaction(async (tx) => { await tx.query(…); await tx.query(…) })
//
// What goes in, as a parameter: null, booleans (1 and 0 in SQLite), finite numbers, bigints of 64 bits, strings, bytes.
// What comes out: null, numbers, bigints for whole numbers beyond 2^53, strings, bytes, and from PostgreSQL booleans;
// all else that PostgreSQL has (numeric, json, timestamps, arrays) comes as its text.

export type SqlKind = 'sqlite' | 'postgres' | 'none'
export type SqlValue = null | boolean | number | bigint | string | Uint8Array
export type SqlRow = Record<string, SqlValue>

export interface SqlResult<Row = SqlRow> {
  readonly rows: Row[]
  /** How many rows came back, or were written by a statement that gives none back. */
  readonly count: number
}

export interface SqlQueries {
  /**
   * Runs one statement. Its parameters are `$1`, `$2`, … (in SQLite also `?`). Rejects with SqlError. `Row` is what the
   * caller knows of the columns; nobody checks it.
   */
  query<Row extends object = SqlRow>(text: string, parameters?: readonly SqlValue[]): Promise<SqlResult<Row>>
}

export interface Sql extends SqlQueries {
  /** `none` when goworld.ini has no database for the game: then every query rejects. */
  readonly kind: SqlKind
  /**
   * Runs `work` in a transaction, on a connection that is its own meanwhile. Commits when `work` resolves and every
   * statement succeeded, and resolves to its value; else rolls back, and rejects with what `work` threw or with SqlError.
   * It has `time_limit_ms` of `[sql]`, so wait for nothing in it but its own queries.
   */
  transaction<T>(work: (tx: SqlQueries) => Promise<T>): Promise<T>
}

export interface SqlDatabase extends Sql {
  /** Rolls back what is not committed. Every call after it rejects. */
  close(): Promise<void>
}

/** A statement failed, or could not be sent. The message has its text, and no parameters. */
export class SqlError extends Error {
  override readonly name = 'SqlError'
  /** PostgreSQL's SQLSTATE (`23505`), or SQLite's extended result code (`1555`); undefined when neither said it. */
  readonly code: string | undefined

  constructor(message: string, code?: string) {
    super(message)
    this.code = code
  }
}

/** An error of a statement, by what the database said of it. */
export function statementError(
  reason: string,
  text: string,
  parameters: readonly SqlValue[] = [],
  code?: string,
): SqlError {
  let message = reason
  // PostgreSQL quotes what it could not read.
  for (const value of parameters)
    if (typeof value === 'string') message = message.replaceAll(`"${value}"`, 'a parameter')
  const shown = String(text).replace(/\s+/g, ' ').trim()
  return new SqlError(`${message} in: ${shown.length > 200 ? `${shown.slice(0, 200)}…` : shown}`, code)
}

const BIGINT_MAX = 2n ** 63n
/** Whole numbers that a column of whole numbers could hold, and a number not to the last digit. */
const isRounded = (value: number) =>
  Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) <= 2 ** 63

/** The parameters as they are now. Throws SqlError unless they and the text are what a database can be given. */
export function takeParameters(text: unknown, parameters: unknown): SqlValue[] {
  if (typeof text !== 'string') throw new SqlError(`a statement must be a string, and this is ${describe(text)}`)
  if (!Array.isArray(parameters)) throw statementError('the parameters must be an array', text)
  for (const [at, value] of parameters.entries()) {
    const fault = faultOf(value)
    if (fault) throw statementError(`parameter ${at + 1} ${fault}`, text)
  }
  checkVerb(text)
  return parameters.map((value) => (value instanceof Uint8Array ? value.slice() : value) as SqlValue)
}

function faultOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'boolean':
      return undefined
    case 'string':
      return value.isWellFormed() ? undefined : 'holds half a surrogate pair'
    case 'number':
      if (!Number.isFinite(value)) return `is ${value}`
      return isRounded(value) ? 'is a whole number beyond 2^53-1: use a bigint' : undefined
    case 'bigint':
      return value >= -BIGINT_MAX && value < BIGINT_MAX ? undefined : 'is a bigint of more than 64 bits'
    default:
      return value === null || value instanceof Uint8Array ? undefined : `is ${describe(value)}`
  }
}

function describe(value: unknown): string {
  if (value instanceof Date) return 'a Date: pass its number or its text'
  return typeof value === 'object' && value !== null ? 'an object' : String(typeof value)
}

/** Whatever comes first in the eyes of one database or the other. */
function checkVerb(text: string): void {
  for (const kind of ['sqlite', 'postgres'] as const) {
    const [verb, next] = verbsOf(text, kind)
    if (CONTROL.test(verb)) throw statementError(`${verb} is for sql.transaction to say`, text)
    if (verb === 'PREPARE' && next === 'TRANSACTION')
      throw statementError('PREPARE TRANSACTION would end the transaction', text)
    if (verb === 'COPY') throw statementError('COPY is no query: use INSERT and SELECT', text)
  }
}

const CONTROL = /^(?:BEGIN|START|COMMIT|END|ABORT|ROLLBACK|SAVEPOINT|RELEASE)$/

/** The first word of a statement, in capitals. */
export const verbOf = (text: string, kind: 'sqlite' | 'postgres'): string => verbsOf(text, kind)[0]

function verbsOf(text: string, kind: 'sqlite' | 'postgres'): [string, string] {
  const start = skipBlanks(text, 0, kind)
  const verb = wordAt(text, start)
  return [verb.toUpperCase(), wordAt(text, skipBlanks(text, start + verb.length, kind)).toUpperCase()]
}

const WORD = /[a-z]*/iy

function wordAt(text: string, at: number): string {
  WORD.lastIndex = at
  return WORD.exec(text)![0]
}

/** In PostgreSQL comments have comments in them, and a line ends at \r too. */
const SYNTAX = {
  sqlite: { blank: /(?:[\s;]+|--[^\n]*)*/y, edge: /\*\//g },
  postgres: { blank: /(?:[\s;]+|--[^\n\r]*)*/y, edge: /\/\*|\*\//g },
} as const

/** Where the next word is. */
function skipBlanks(text: string, at: number, kind: 'sqlite' | 'postgres'): number {
  const { blank, edge } = SYNTAX[kind]
  for (;;) {
    blank.lastIndex = at
    at += blank.exec(text)![0].length
    if (!text.startsWith('/*', at)) return at
    at += 2
    for (let depth = 1; depth > 0; ) {
      edge.lastIndex = at
      const found = edge.exec(text)
      if (!found) return text.length
      depth += found[0] === '/*' ? 1 : -1
      at = edge.lastIndex
    }
  }
}
