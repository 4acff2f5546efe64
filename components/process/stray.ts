// Whose an exception is that nobody has caught. One that came out of a callback which an author's code gave to Node.js itself (a plain
// setTimeout, an emitter, a library) says nothing of the engine's state: it is as one that a method throws.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const OURS = [join(ROOT, 'engine/'), join(ROOT, 'components/')]
const NODES = 'node:'
/** A stack is looked at to its end: whoever called first decides. */
const FRAMES_MAX = 50
/** `    at name (where:line:column)`, or without a name. */
const FRAME = /^ {4}at (?:.*? \()?(.+?)(?::\d+)?(?::\d+)?\)?$/gm

/** From now on stacks tell who called first. */
export function keepWholeStacks(): void {
  Error.stackTraceLimit = Math.max(Error.stackTraceLimit, FRAMES_MAX)
}

/** Whether the outermost frame that is not Node's own is not the engine's either. What has no whole stack is nobody's. */
export function isOfAuthor(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const frames = [...(error.stack ?? '').matchAll(FRAME)].map(([, where]) => where!)
  if (frames.length >= FRAMES_MAX) return false
  const outermost = frames.findLast((where) => !where.startsWith(NODES))
  if (outermost === undefined) return false
  const path = outermost.startsWith('file:') ? fileURLToPath(outermost) : outermost
  return path.startsWith('/') && !OURS.some((folder) => path.startsWith(folder))
}
