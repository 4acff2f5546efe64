// Folders that live as long as a test, and the Node that runs the engine.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A fresh folder, removed when the test that asks for it is over (after what it closes later was closed). */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'goworld-store-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
