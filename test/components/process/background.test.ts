// Tests of components/process/background.ts: who sits at a terminal, and who does not.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inBackground } from '../../../components/process/background.ts'

const BACKGROUND = join(import.meta.dirname, '../../../components/process/background.ts')
/** /proc/self/stat of a program with this name and this terminal. */
const stat = (name: string, tty: number) => `4711 (${name}) S 4700 4711 4711 ${tty} -1 4194304 0 0 0 0 0 0`
const never = () => {
  throw new Error('nobody should ask')
}

describe('in the background', () => {
  test('is who has no controlling terminal', () => {
    expect(inBackground(stat('node', 0), never)).toBe(true)
    expect(inBackground(stat('node', 34816), never)).toBe(false)
  })

  test('is told apart whatever the program is called', () => {
    for (const name of ['a b', 'a) S 1 2 3 4', ') S 1 1 1 5 (', '']) {
      expect(inBackground(stat(name, 0), never)).toBe(true)
      expect(inBackground(stat(name, 1025), never)).toBe(false)
    }
  })

  test('is who has no terminal to read or write, on systems without /proc', () => {
    expect(inBackground('', () => false)).toBe(true)
    expect(inBackground('', () => true)).toBe(false)
  })

  test('is a process in a session of its own', async () => {
    const source = `import { inBackground } from ${JSON.stringify(BACKGROUND)}; process.exit(inBackground() ? 5 : 6)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], { detached: true, stdio: 'ignore' })
    expect(await once(child, 'exit')).toEqual([5, null])
  })
})
