// A frozen game as a file: written whole or not at all, and refused unless it is whole.
//
//     'GWFZ' | u16 version | u32 count | count × (u32 length, chunk) | SHA-256 of all before
//
// The first chunk is what the process knew (`FrozenProcess`), the others are the game's (`engine/entity/freezing.ts`).
import { createHash } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import type { FrozenGates } from '../../engine/entity/freezing.ts'
import { decode, encode } from '../../engine/wire/codec.ts'

/** What is the process's own, and not its world's. */
export interface FrozenProcess {
  /** The name by which all others know it: whoever is restored is the same to them. */
  readonly process: string
  /** Whether the deployment was whole. */
  readonly ready: boolean
  readonly gates: FrozenGates
  readonly frozenAt: string
}

export interface FrozenGame {
  readonly process: FrozenProcess
  readonly chunks: readonly Uint8Array[]
}

const MAGIC = Buffer.from('GWFZ')
const VERSION = 1
const HEADER_BYTES = MAGIC.length + 2 + 4
const HASH_BYTES = 32

export function writeFrozen(path: string, { process, chunks }: FrozenGame): void {
  const all = [encode(process), ...chunks]
  const bytes = Buffer.alloc(all.reduce((sum, { length }) => sum + 4 + length, HEADER_BYTES))
  MAGIC.copy(bytes)
  bytes.writeUInt16LE(VERSION, MAGIC.length)
  bytes.writeUInt32LE(all.length, MAGIC.length + 2)
  let at = HEADER_BYTES
  for (const chunk of all) {
    at = bytes.writeUInt32LE(chunk.length, at)
    bytes.set(chunk, at)
    at += chunk.length
  }
  const hash = createHash('sha256').update(bytes).digest()
  const temporary = `${path}.tmp`
  try {
    const file = openSync(temporary, 'w', 0o600)
    try {
      writeAll(file, bytes)
      writeAll(file, hash)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
    syncFolder(dirname(path))
  } catch (error) {
    rmSync(temporary, { force: true, recursive: true })
    throw new Error(`${path} could not be written: ${messageOf(error)}`, { cause: error })
  }
}

/** Throws an OperatorError that says what is wrong with the file. */
export function readFrozen(path: string): FrozenGame {
  if (!existsSync(path)) throw new OperatorError(`${path}: there is no frozen game to restore`)
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new OperatorError(`${path}: cannot be read: ${messageOf(error)}`)
  }
  const refuse = (why: string) => new OperatorError(`${path} is not restored: ${why}`)
  if (bytes.length < HEADER_BYTES + HASH_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw refuse('it is no frozen game')
  const version = bytes.readUInt16LE(MAGIC.length)
  if (version !== VERSION) throw refuse(`it has version ${version}, and this engine reads version ${VERSION}`)
  const content = bytes.subarray(0, bytes.length - HASH_BYTES)
  const hash = createHash('sha256').update(content).digest()
  if (!hash.equals(bytes.subarray(bytes.length - HASH_BYTES))) throw refuse('it is damaged: its checksum is wrong')
  const chunks: Uint8Array[] = []
  let at = HEADER_BYTES
  for (let count = bytes.readUInt32LE(MAGIC.length + 2); count > 0; count--) {
    const length = content.readUInt32LE(at)
    chunks.push(content.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  const [process, ...rest] = chunks
  return { process: decode(process!) as unknown as FrozenProcess, chunks: rest }
}

/** It is restored: never again from the same file. The last one is kept for a look. */
export function retireFrozen(path: string): void {
  renameSync(path, `${path}.old`)
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
}

/** So that the new name lasts, too. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
