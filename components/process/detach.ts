// -d: the same command again in the background, in a session of its own. Ours ends when that one is up, or has failed.
import { OperatorError } from '../../engine/base/errors.ts'
import type { Config } from '../../engine/config/config.ts'
import { Child } from './child.ts'
import { nameOf, type ProcessId, RunFolder } from './run-folder.ts'

const START_LIMIT_MS = 30_000

export async function detach(name: ProcessId, config: Pick<Config, 'dir'>, logFile: string): Promise<void> {
  const folder = RunFolder.of(config)
  const running = folder.find(name)
  if (running?.alive) throw new OperatorError(`${nameOf(name)} runs already in ${folder.path}, pid ${running.pid}`)
  folder.create()
  const command = process.argv.slice(1).filter((arg) => !/^--?d(=.*)?$/.test(arg))
  const child = new Child(name, folder, { command, cwd: process.cwd() })
  if (await child.until(() => true, START_LIMIT_MS)) {
    process.stdout.write(`${nameOf(name)} runs in the background, pid ${child.pid}, log ${logFile || 'none'}\n`)
    child.unref()
    return
  }
  process.stderr.write(`${child.lastLines.join('\n')}\n`)
  process.stderr.write(`${nameOf(name)} ${child.end ?? `does not answer after ${START_LIMIT_MS / 1000} s`}\n`)
  child.signal('SIGKILL')
  process.exitCode = child.exitCode ?? 1
}
