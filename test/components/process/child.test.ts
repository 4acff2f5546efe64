// Tests of components/process/child.ts: the file of what a process in the background writes.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Child } from '../../../components/process/child.ts'
import { RunFolder } from '../../../components/process/run-folder.ts'
import { tempFolder } from '../../temp-folder.ts'

const NAME = { role: 'game', id: 1 } as const
const MIB = 1024 * 1024

/** What is in the file, and in the one beside it, when a process has written to it that found so many bytes there. */
async function outOf(bytes: number, appends: boolean) {
  const folder = tempFolder()
  const run = new RunFolder(folder)
  run.create()
  const path = run.outPath(NAME)
  writeFileSync(path, 'x'.repeat(bytes))
  const command = ['-e', "process.stdout.write('from now on\\n')"]
  const child = new Child(NAME, run, { command, cwd: folder, appends })
  await child.ended
  expect(child.lastLines).toEqual(['from now on'])
  const aside = existsSync(`${path}.1`) ? readFileSync(`${path}.1`).length : undefined
  return { bytes: readFileSync(path).length, aside }
}

test.each([true, false])('what was written before is put aside when it is long (appends: %s)', async (appends) => {
  expect(await outOf(MIB + 1, appends)).toEqual({ bytes: 12, aside: MIB + 1 })
})

test('what was written before stays when it is short, for who appends', async () => {
  expect(await outOf(MIB, true)).toEqual({ bytes: MIB + 12, aside: undefined })
})
