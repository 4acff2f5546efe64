// Where an export goes: standard output, or a file that is there when it is whole, and not before.
import { realpathSync, rmSync, type Stats, statSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import { StorageError } from '../../engine/storage/errors.ts'

export interface Sink {
  /** Resolves when there is room for more. Rejects with OutputGone, or with StorageError. */
  write(text: string): Promise<void>
  /** Makes what was written last. */
  finish(): Promise<void>
  /** Removes what was written, as far as it can be. */
  abandon(): Promise<void>
}

/** Whoever read our output has enough of it. */
export class OutputGone extends Error {
  override readonly name = 'OutputGone'
}

/** Small lines go to the disk together. */
const GATHER_CHARACTERS = 256 * 1024

export async function openSink(path: string): Promise<Sink> {
  return path === '-' ? standardOutput() : openFile(path)
}

export function standardOutput(): Sink {
  let gathered = ''
  const flush = () =>
    new Promise<void>((resolve, reject) => {
      process.stdout.write(gathered, (error) => {
        if (!error) resolve()
        else if ((error as NodeJS.ErrnoException).code === 'EPIPE') reject(new OutputGone(error.message))
        else reject(new StorageError(`standard output: ${error.message}`))
      })
      gathered = ''
    })
  return {
    async write(text) {
      gathered += text
      if (gathered.length >= GATHER_CHARACTERS) await flush()
    },
    finish: flush,
    async abandon() {},
  }
}

async function openFile(named: string): Promise<Sink> {
  const there = find(named)
  if (there?.isDirectory()) throw new OperatorError(`${named} is a folder: name a file`)
  const path = there ? realpathSync(named) : named
  // A pipe or a device is written to as it is: a rename would put a file in its place.
  const part = there && !there.isFile() ? undefined : join(dirname(path), `.${basename(path)}.${process.pid}.part`)
  let file: FileHandle
  try {
    file = await open(part ?? path, part === undefined ? 'w' : 'wx')
  } catch (error) {
    throw new OperatorError(`${named}: cannot be written: ${messageOf(error)}`)
  }
  const remove = () => part !== undefined && rmSync(part, { force: true })
  process.on('exit', remove)
  let gathered = ''
  const flush = async () => {
    const text = gathered
    gathered = ''
    await file.writeFile(text)
  }
  const failing = async (work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      throw new StorageError(`${named}: ${messageOf(error)}`)
    }
  }
  return {
    async write(text) {
      gathered += text
      if (gathered.length >= GATHER_CHARACTERS) await failing(flush)
    },
    finish: () =>
      failing(async () => {
        await flush()
        if (part === undefined) return file.close()
        await file.sync()
        await file.close()
        await rename(part, path)
        process.off('exit', remove)
        await syncFolder(dirname(path))
      }),
    async abandon() {
      await file.close().catch(() => {})
      remove()
      process.off('exit', remove)
    },
  }
}

function find(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
