// The log as the engine sees it. Components plug pino in; tests plug a list in; the browser its console.

export type LogFields = Record<string, unknown>

export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  child(fields: LogFields): Log
}

const nothing = () => {}

/** Swallows everything. */
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silentLog }

/** Keeps every line, for tests that assert on what was said. */
export class MemoryLog implements Log {
  readonly lines: { level: string; message: string; fields: LogFields }[]
  readonly #bound: LogFields

  constructor(bound: LogFields = {}, lines: MemoryLog['lines'] = []) {
    this.#bound = bound
    this.lines = lines
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#add('debug', message, fields)
  }
  info(message: string, fields: LogFields = {}): void {
    this.#add('info', message, fields)
  }
  warn(message: string, fields: LogFields = {}): void {
    this.#add('warn', message, fields)
  }
  error(message: string, fields: LogFields = {}): void {
    this.#add('error', message, fields)
  }
  child(fields: LogFields): Log {
    return new MemoryLog({ ...this.#bound, ...fields }, this.lines)
  }
  /** Lines of `level` whose message contains `text`. */
  matching(level: string, text: string): string[] {
    return this.lines.filter((line) => line.level === level && line.message.includes(text)).map((line) => line.message)
  }

  #add(level: string, message: string, fields: LogFields): void {
    this.lines.push({ level, message, fields: { ...this.#bound, ...fields } })
  }
}
