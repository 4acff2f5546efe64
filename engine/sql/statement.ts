// What a statement for SQLite asks of its parameters. SQLite itself would take a missing one for NULL, and all behind
// the first statement of a text for nothing.
import { type SqlValue, statementError, verbOf } from './sql.ts'

export type Bound = SqlValue[] | Record<string, SqlValue>

interface Statement {
  readonly fault: string | undefined
  /** How many `?` there are. */
  readonly marks: number
  /** The numbers of `$1`, `$2`, … */
  readonly numbers: ReadonlySet<number>
}

/** Texts are constants of the game, as a rule, and so few; others must not fill the memory. */
const KNOWN_MAX = 1000
const known = new Map<string, Statement>()

/** The parameters as SQLite takes them. Throws SqlError when they are not those of the text. */
export function bind(text: string, parameters: readonly SqlValue[]): Bound {
  const { fault, marks, numbers } = statementOf(text)
  if (fault !== undefined) throw statementError(fault, text)
  const wanted = numbers.size > 0 ? Math.max(...numbers) : marks
  if (parameters.length !== wanted)
    throw statementError(`${wanted} parameters are wanted, and ${parameters.length} are given`, text)
  const values = parameters.map(toSqlite)
  if (numbers.size === 0) return values
  return Object.fromEntries([...numbers].map((number) => [`$${number}`, values[number - 1]!]))
}

/** As a number SQLite would take it for one with a fraction. */
function toSqlite(value: SqlValue): SqlValue {
  if (typeof value === 'boolean') return value ? 1n : 0n
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value as number) : value
}

function statementOf(text: string): Statement {
  const there = known.get(text)
  if (there) return there
  if (known.size >= KNOWN_MAX) known.clear()
  const statement = scan(text)
  known.set(text, statement)
  return statement
}

// Strings, names in quotes, comments, spaces; then parameters; then words and numbers, which may have a $ inside.
const TOKEN =
  /'[^']*(?:''[^']*)*'|"[^"]*(?:""[^"]*)*"|`[^`]*(?:``[^`]*)*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\s+|\?\d*|[$:@#]\w+|[\w\u0080-\uffff][\w$\u0080-\uffff]*|[\s\S]/g
const SILENT = /^(?:--|\/\*|\s|;)/

function scan(text: string): Statement {
  const numbers = new Set<number>()
  let marks = 0
  let ended = false
  let fault: string | undefined
  // The body of a trigger has statements of its own.
  const isTrigger = /^CREATE\s+(?:TEMP\s+|TEMPORARY\s+)?TRIGGER\b/i.test(text.trimStart())
  for (const [token] of text.matchAll(TOKEN)) {
    if (ended && !isTrigger && !SILENT.test(token)) fault ??= 'there is more than one statement'
    if (token === ';') ended = true
    else if (token === '?') marks++
    else if (/^\$[1-9]\d{0,4}$/.test(token)) numbers.add(Number(token.slice(1)))
    else if (/^[?$:@#]./.test(token)) fault ??= `${token} is no parameter: they are $1, $2, … or ?`
  }
  if (marks > 0 && numbers.size > 0) fault ??= 'parameters are either ? or $1, $2, …'
  return { fault, marks, numbers }
}

const READS = /^(?:SELECT|VALUES|EXPLAIN)$/
const MAIN = /^(?:SELECT|VALUES|INSERT|UPDATE|DELETE|REPLACE)$/i

/** Whether it only reads, as far as its words tell. */
export function isRead(text: string): boolean {
  const verb = verbOf(text, 'sqlite')
  return READS.test(verb === 'WITH' ? mainVerb(text) : verb)
}

/** What comes behind the tables of a WITH, which stand in brackets. */
function mainVerb(text: string): string {
  let depth = 0
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '(') depth++
    else if (token === ')') depth--
    else if (depth === 0 && MAIN.test(token)) return token.toUpperCase()
  }
  return ''
}

/** Whether it changes the connection itself, for those who use it next. */
export const changesConnection = (text: string): boolean =>
  /^(?:PRAGMA|ATTACH|DETACH)$/.test(verbOf(text, 'sqlite')) || /^\W*CREATE\s+TEMP/i.test(text)
