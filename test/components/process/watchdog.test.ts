// Tests of components/process/watchdog.ts: a main thread that stands still, in real processes.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Program, until } from '../../program.ts'
import { tempFolder } from '../../temp-folder.ts'

function begin(how: string) {
  const file = join(tempFolder(), 'game.log')
  const program = new Program(process.execPath, [join(import.meta.dirname, 'watchdog-fixture.ts'), how, file])
  return { program, log: () => readFileSync(file, 'utf8') }
}

describe('the watchdog', () => {
  test('names the method in which the main thread stands still, in the log and on standard error', async () => {
    const { program, log } = begin('loops')
    await program.said(
      /ERROR game1 stands still for .* in Avatar<ann>\.say: .*\n {4}at Avatar\.say \(.*fixture\.ts:\d+/,
    )
    await until(() => log() === program.err.replace('now\n', ''), 'the same in the file')
    expect(log().match(/ERROR/g)).toHaveLength(1)
  })

  test('says when it goes on again, and leaves it as it was', async () => {
    const { program, log } = begin('takes long')
    await program.said(/WARN {2}game1 goes on, after it stood still for 2 s/)
    expect(log()).toMatch(/^.* stands still for .* in Avatar<ann>\.say: [\s\S]*\n.* goes on, after it stood still/)
    await program.said('and does its work')
  })

  test('speaks of what is no JavaScript, too, and does not halt it later', async () => {
    const { program } = begin('computes')
    await program.said(/ERROR game1 stands still for .* of which Node does not tell/)
    await program.said('goes on, after it stood still')
    await program.said('and does its work')
  })

  test('says nothing while all is well, and keeps no process alive', async () => {
    const { program } = begin('ends')
    expect(await program.ended).toMatchObject({ code: 0, err: 'now\nand does its work\n' })
  })
})
