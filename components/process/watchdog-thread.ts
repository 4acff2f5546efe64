// The thread of the watchdog. It counts the looks in which the main thread had not come round, and writes to the log by itself:
// that it stands still, and in which method, and when it goes on. Looks are counted, as a process that was halted as a whole, or
// whose machine slept, has not stood still. Where the main thread is, Node's debugger says: it costs nothing until it is asked.
import { appendFileSync, writeSync } from 'node:fs'
import type { Debugger, Session } from 'node:inspector/promises'
import { workerData } from 'node:worker_threads'
import { formatLogLine } from './log-line.ts'
import type { WatchdogData } from './watchdog.ts'

/** Where the main thread is. */
interface Standstill {
  /** What the engine has called of the author's: `Avatar<id>.say`. */
  readonly method: string
  readonly stack: string
}

const STDERR = 2
/** What is no JavaScript, such as a file or a computation of Node's own, is not interrupted. */
const STACK_WITHIN_MS = 2000
const LINES_MAX = 12

const { beats, lookMs, missesMax, name, file, stderr, color } = workerData as WatchdogData
const ROOT = new URL('../../', import.meta.url).href
let beatsSeen = Atomics.load(beats, 0)
let misses = 0

setInterval(() => {
  if (hasBeaten()) {
    if (misses >= missesMax) tell('warn', `goes on, after it stood still for ${secondsOf(misses)} s`)
    beatsSeen = Atomics.load(beats, 0)
    misses = 0
  } else if (++misses === missesMax) {
    void standsStill()
  }
}, lookMs)

const hasBeaten = () => Atomics.load(beats, 0) !== beatsSeen

const secondsOf = (looks: number) => Math.round((looks * lookMs) / 1000)

async function standsStill(): Promise<void> {
  const found = await whereItIs()
  const where = found ? `in ${found.method}` : 'in something of which Node does not tell where it is'
  tell(
    'error',
    `stands still for ${secondsOf(misses)} s, ${where}: it answers nobody, goworld kill ends it`,
    found?.stack,
  )
}

/** Halts the main thread for the moment that it takes to read its stack. */
async function whereItIs(): Promise<Standstill | undefined> {
  const { Session } = process.getBuiltinModule('node:inspector/promises')
  const session = new Session()
  session.connectToMainThread()
  const { promise, resolve } = Promise.withResolvers<Standstill | undefined>()
  const urls = new Map<string, string>()
  session.on('Debugger.scriptParsed', ({ params }) => void urls.set(params.scriptId, params.url))
  session.on('Debugger.paused', ({ params }) => resolve(read(session, params.callFrames, urls)))
  const limit = setTimeout(resolve, STACK_WITHIN_MS, undefined)
  for (const asked of ['Debugger.enable', 'Debugger.pause'] as const) session.post(asked).catch(() => {})
  const found = await promise.catch(() => undefined)
  clearTimeout(limit)
  // Which lets it go on.
  session.disconnect()
  return found
}

async function read(
  session: Session,
  frames: readonly Debugger.CallFrame[],
  urls: ReadonlyMap<string, string>,
): Promise<Standstill | undefined> {
  // It has come round before it was halted: this is another place.
  if (hasBeaten()) return undefined
  const urlOf = ({ location }: Debugger.CallFrame) => urls.get(location.scriptId) ?? ''
  const lines = frames.slice(0, LINES_MAX).map((frame) => {
    const { lineNumber, columnNumber = 0 } = frame.location
    return `at ${functionOf(frame)} (${urlOf(frame)}:${lineNumber + 1}:${columnNumber + 1})`
  })
  const stack = lines.join('\n')
  // What the engine has called comes last, and before that whatever it has called then.
  const authors = frames.filter((frame) => isAuthors(urlOf(frame))).reverse()
  for (const frame of authors) {
    const entity = await entityOf(session, frame)
    if (entity !== '') return { method: `${entity}.${frame.functionName || 'a function'}`, stack }
  }
  return { method: functionOf(authors[0] ?? frames[0]!), stack }
}

/** `Avatar.say`. */
function functionOf({ this: { className }, functionName }: Debugger.CallFrame): string {
  const named = functionName || 'a function'
  return className === undefined || className === 'Object' ? named : `${className}.${named}`
}

const isAuthors = (url: string): boolean =>
  url.startsWith('file:') &&
  !url.includes('/node_modules/') &&
  !['engine/', 'components/'].some((folder) => url.startsWith(ROOT + folder))

/** `Avatar<id>`, or nothing when it is none. No code of an author's runs for it. */
async function entityOf(session: Session, { callFrameId }: Debugger.CallFrame): Promise<string> {
  // An entity's core, which is under its only symbol, says what it is called; its `id` is read by code that is not known to
  // change nothing.
  const expression = 'String(this[Object.getOwnPropertySymbols(this)[0]])'
  const asked = { callFrameId, expression, throwOnSideEffect: true }
  // Its type is that of any question.
  const answer: unknown = await session.post('Debugger.evaluateOnCallFrame', asked)
  const { result, exceptionDetails } = answer as Debugger.EvaluateOnCallFrameReturnType
  const said = exceptionDetails === undefined ? String(result.value) : ''
  return /^[^<]+<.+>$/.test(said) ? said : ''
}

/** As the log of the process does (log.ts), which is the main thread's. */
function tell(level: 'warn' | 'error', msg: string, stack?: string): void {
  const json = `${JSON.stringify({ level, time: Date.now(), name, msg, ...(stack && { error: { stack } }) })}\n`
  const kind = process.env.GOWORLD_LOG
  const text = (short: boolean, colors: boolean) =>
    kind === 'json' ? json : formatLogLine(json, { short, color: colors })
  write(() => void (file !== '' && appendFileSync(file, text(false, false))))
  write(() => void (stderr && writeSync(STDERR, text(kind === 'short', color))))
}

/** A disk or a pipe that is full costs the line. */
function write(line: () => void): void {
  try {
    line()
  } catch {}
}
