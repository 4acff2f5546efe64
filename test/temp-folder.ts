// A folder for one test, gone after it. Its path is short: Unix sockets are made in it.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export function tempFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'gw-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
