// A frozen game of which the name cannot be made to last is not left for anybody to find: the game itself goes on.
import type * as Fs from 'node:fs'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { describeFrozen, readFrozen, writeFrozen } from '../../../components/game/frozen-file.ts'
import { tempFolder } from '../../temp-folder.ts'

let isBroken = false
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof Fs>()
  const fsyncSync = (file: number) => {
    if (isBroken && fs.fstatSync(file).isDirectory())
      throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' })
    fs.fsyncSync(file)
  }
  return { ...fs, fsyncSync, default: { ...fs, fsyncSync } }
})

const known = { process: 'p'.repeat(16), ready: true, gates: [], gameId: 1, frozenMs: 0 }
const frozen = describeFrozen(known as unknown as Parameters<typeof describeFrozen>[0], [new Uint8Array(3)])

test('a folder that cannot be forced to the disk fails the freeze, and the next one succeeds', () => {
  const folder = tempFolder()
  const path = join(folder, 'game1.freeze')
  isBroken = true
  expect(() => writeFrozen(path, frozen)).toThrow(`${path} could not be written: EIO`)
  expect(readdirSync(folder)).toEqual([])
  isBroken = false
  writeFrozen(path, frozen)
  expect(readFrozen(path).process.gameId).toBe(1)
})
