// The log of a process: pino behind the engine's Log, into a file and to standard error, one line each.
//
//     2026-01-31T12:00:00.000Z INFO  game1 the deployment is ready games=2
//     GOWORLD_LOG=short:  12:00:00.000 INFO  the deployment is ready games=2     (standard error only)
//     GOWORLD_LOG=json:  {"level":"info","time":…,"name":"game1","msg":"the deployment is ready","games":2}
import { closeSync, fstatSync, openSync, statSync, writeSync } from 'node:fs'
import { type Logger, multistream, pino, stdSerializers } from 'pino'
import { type Clock, realClock } from '../../engine/base/clock.ts'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import type { Log, LogFields } from '../../engine/base/log.ts'
import { wantsColor } from './color.ts'
import { formatLogLine } from './log-line.ts'

export interface LogSettings {
  /** Whose log it is: `game1`. */
  readonly name: string
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  /** Empty for none. */
  readonly file: string
  readonly stderr: boolean
}

/** For a reader of standard error that is slow; beyond, lines are dropped. */
const STDERR_BYTES_MAX = 1024 * 1024

/** Whether the file has been renamed is looked at no more often. */
const LOOK_MS = 1000

const IN_FILE = { color: false, short: false }

export class ProcessLog implements Log {
  readonly #logger: Logger
  readonly #close: () => void

  constructor(logger: Logger, close: () => void) {
    this.#logger = logger
    this.#close = close
  }

  debug(message: string, fields?: LogFields): void {
    this.#logger.debug(fields, message)
  }
  info(message: string, fields?: LogFields): void {
    this.#logger.info(fields, message)
  }
  warn(message: string, fields?: LogFields): void {
    this.#logger.warn(fields, message)
  }
  error(message: string, fields?: LogFields): void {
    this.#logger.error(fields, message)
  }
  child(fields: LogFields): Log {
    return new ProcessLog(this.#logger.child(fields), this.#close)
  }
  /** Nothing is written after it. */
  close(): void {
    this.#close()
  }
}

export function openLog(settings: LogSettings, clock: Clock = realClock): ProcessLog {
  const json = process.env.GOWORLD_LOG === 'json'
  const file = settings.file === '' ? undefined : openFile(settings.file, clock)
  const style = { color: wantsColor(process.stderr), short: process.env.GOWORLD_LOG === 'short' }
  const toFile = (line: string) => file?.write(json ? line : formatLogLine(line, IN_FILE))
  const toStderr = (line: string) => writeStderr(json ? line : formatLogLine(line, style))
  const streams = [...(file ? [toFile] : []), ...(settings.stderr ? [toStderr] : [])]
  const logger = pino(
    {
      level: settings.level,
      base: { name: settings.name },
      formatters: { level: (level) => ({ level }) },
      serializers: { error: stdSerializers.err },
    },
    multistream(streams.map((write) => ({ level: 'debug', stream: { write } }))),
  )
  return new ProcessLog(logger, () => file?.close())
}

/** What a pipe cannot take at once waits in memory, so a reader that has stopped reading does not stop us. */
function writeStderr(line: string): void {
  if (process.stderr.writableLength < STDERR_BYTES_MAX) process.stderr.write(line)
}

/**
 * Whole lines at the end of the file: several processes may write to one. A full disk costs lines, not the process. When the
 * file was renamed (logrotate), what comes later goes to a new one, without anybody telling us.
 */
function openFile(path: string, clock: Clock): { write(line: string): void; close(): void } {
  let file: number | undefined
  try {
    file = openSync(path, 'a')
  } catch (error) {
    throw new OperatorError(`log_file=${path}: ${messageOf(error)}`)
  }
  let lookedMs = clock.now()
  return {
    write(line) {
      if (file === undefined) return
      const nowMs = clock.now()
      if (nowMs - lookedMs >= LOOK_MS) {
        lookedMs = nowMs
        file = reopened(file, path)
      }
      try {
        writeSync(file, line)
      } catch {}
    },
    close() {
      if (file !== undefined) closeSync(file)
      file = undefined
    },
  }
}

/** The file that has the path now; the one that had it when there can be no other. */
function reopened(file: number, path: string): number {
  try {
    const now = statSync(path, { throwIfNoEntry: false })
    const open = fstatSync(file)
    if (now?.ino === open.ino && now.dev === open.dev) return file
    const another = openSync(path, 'a')
    closeSync(file)
    return another
  } catch {
    return file
  }
}
