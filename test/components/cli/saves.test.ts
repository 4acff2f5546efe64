// Tests of components/cli/saves.ts: whoever saves a source is heard, however the editor does it, and every time.
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Saves } from '../../../components/cli/saves.ts'
import { tempFolder } from '../../temp-folder.ts'

let folder: string
beforeEach(() => {
  folder = tempFolder()
})

function watched(): Saves {
  const saves = new Saves(folder)
  onTestFinished(() => saves.close())
  return saves
}

const write = (name: string) => writeFileSync(join(folder, name), 'export {}\n')

/** As `sed -i` does. */
function replace(name: string): void {
  writeFileSync(join(folder, 'sedA1b2C3'), 'export {}\n')
  renameSync(join(folder, 'sedA1b2C3'), join(folder, name))
}

describe('the saves of a source', () => {
  test.each([
    ['are written into the file', write],
    ['are renamed over it', replace],
  ])('are told each time when they %s', async (_, save) => {
    mkdirSync(join(folder, 'rooms'))
    write('chess.ts')
    write('rooms/hall.ts')
    const saves = watched()
    for (let time = 0; time < 3; time++) {
      for (const name of ['chess.ts', 'rooms/hall.ts']) {
        const saved = saves.next()
        save(name)
        expect(await saved).toBe(join(folder, name))
      }
    }
  })

  test('are told of folders that came later, and of one that has come again', async () => {
    const saves = watched()
    for (let time = 0; time < 2; time++) {
      mkdirSync(join(folder, 'rooms/small'), { recursive: true })
      const made = saves.next()
      write('rooms/small/attic.ts')
      expect(await made).toBe(join(folder, 'rooms/small/attic.ts'))
      const saved = saves.next()
      replace('rooms/small/attic.ts')
      expect(await saved).toBe(join(folder, 'rooms/small/attic.ts'))
      const removed = saves.next()
      rmSync(join(folder, 'rooms'), { recursive: true })
      await removed
    }
  })

  test('are not told of what is no source of the server', async () => {
    for (const inside of ['web', '.git', 'node_modules', 'rooms/node_modules'])
      mkdirSync(join(folder, inside), { recursive: true })
    const saves = watched()
    const saved = saves.next()
    const others = ['web/page.ts', '.git/a.ts', 'node_modules/b.ts', 'rooms/node_modules/c.ts', 'notes.txt', '.#d.ts']
    for (const name of others) write(name)
    write('rooms/hall.ts')
    expect(await saved).toBe(join(folder, 'rooms/hall.ts'))
  })
})
