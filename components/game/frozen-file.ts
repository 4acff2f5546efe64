// A frozen game as a file: written whole or not at all, and refused unless it is whole.
//
//     'GWFZ' | u16 version | block | SHA-256 of all before
//     'GWFZ' | u16 version | block, copied ahead | block: what has changed since | SHA-256 of all before
//
//     block: u32 count | count × u32 length | the chunks, one behind the other
//
// The first chunk is what the process knew (`FrozenProcess`), the second what the game knows of the others, and each
// further one is an entity (`engine/entity/freezing.ts`). The lengths are in front, so that chunks that lie behind one
// another in memory go to the file as they are. `goworld inspect` shows what is in such a file.
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writevSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Clock, realClock } from '../../engine/base/clock.ts'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import type { FrozenGates } from '../../engine/entity/freezing.ts'
import { decode, encode } from '../../engine/wire/codec.ts'
import { ENGINE_VERSION } from '../process/engine-version.ts'

/** What is the process's own, and not its world's; and what the file says of itself. */
export interface FrozenProcess {
  /** The name by which all others know it: whoever is restored is the same to them. */
  readonly process: string
  /** Whether the deployment was whole. */
  readonly ready: boolean
  readonly gates: FrozenGates
  readonly frozenAt: string
  /** The version of the engine that froze it. */
  readonly engine: string
  /** What the game says of its own version; empty when it says nothing. */
  readonly gameVersion: string
  readonly gameId: number
  /** How many there were, spaces among them. */
  readonly entities: number
  /** Bytes in the same block: of what the game knows of the others, and of all entities together. */
  readonly sizes: { readonly world: number; readonly entities: number }
}

export interface FrozenGame {
  readonly process: FrozenProcess
  readonly chunks: readonly Uint8Array[]
  /** What was copied ahead: the others are what has changed since. */
  readonly ahead?: readonly Uint8Array[]
}

/** What only the process can say of itself. */
export interface KnownOfProcess extends Pick<FrozenProcess, 'process' | 'ready' | 'gates' | 'gameId'> {
  /** How many there are, where not all of them are in the chunks. */
  readonly entities?: number
  readonly gameVersion?: string | undefined
  /** Milliseconds since 1970. */
  readonly frozenMs: number
}

/** The format of the file. */
export const FROZEN_VERSION = 3

const MAGIC = Buffer.from('GWFZ')
const HEADER_BYTES = MAGIC.length + 2
const HASH_BYTES = 32

/** A world's chunks, with all that is said of them. */
export function describeFrozen(
  { process, ready, gates, gameId, gameVersion = '', frozenMs, ...known }: KnownOfProcess,
  chunks: readonly Uint8Array[],
  ahead?: readonly Uint8Array[],
): FrozenGame {
  const frozenAt = new Date(frozenMs).toISOString()
  const { entities = entitiesIn(chunks) } = known
  const sizes = measured(chunks)
  return {
    process: { process, ready, gates, frozenAt, engine: ENGINE_VERSION, gameVersion, gameId, entities, sizes },
    chunks,
    ...(ahead && { ahead }),
  }
}

const entitiesIn = (chunks: readonly Uint8Array[]): number => Math.max(0, chunks.length - 1)

function measured(chunks: readonly Uint8Array[]): FrozenProcess['sizes'] {
  const world = chunks[0]?.length ?? 0
  return { world, entities: chunks.reduce((sum, { length }) => sum + length, -world) }
}

/** A file that is written in one go, or ahead and to its end; it is not at its path before. */
export class FrozenWriter {
  readonly path: string
  /** Where it is until then. */
  readonly temporary: string
  readonly #hash = createHash('sha256')
  #file: number

  /** Throws an Error that names the file. */
  constructor(path: string, temporary = `${path}.tmp`) {
    this.path = path
    this.temporary = temporary
    this.#file = this.#try(() => openSync(temporary, 'w', 0o600))
    const header = Buffer.alloc(HEADER_BYTES)
    MAGIC.copy(header)
    header.writeUInt16LE(FROZEN_VERSION, MAGIC.length)
    this.#write([header])
  }

  /** Writes what was copied ahead, or the game as it stood still. */
  block({ process, chunks }: FrozenGame): void {
    const all = [encode(process), ...chunks]
    const lengths = Buffer.alloc(4 + 4 * all.length)
    lengths.writeUInt32LE(all.length)
    const view = new DataView(lengths.buffer, lengths.byteOffset + 4)
    for (let n = 0; n < all.length; n++) view.setUint32(4 * n, all[n]!.length, true)
    this.#write([lengths, ...joined(all)])
  }

  /** What is written so far is forced to the disk; nothing waits meanwhile. */
  async settle(): Promise<void> {
    try {
      await promisify(fsync)(this.#file)
    } catch (error) {
      throw this.#failed(error)
    }
  }

  /**
   * All is written: it takes its place. Without `sync` nothing is forced to the disk: the file is there for whoever looks, but
   * a power cut may take it, or leave one that is refused. `syncFrozen` makes good for that.
   */
  finish({ sync = true } = {}): void {
    this.#try(() => {
      writeAll(this.#file, [this.#hash.digest()])
      if (sync) fsyncSync(this.#file)
      this.#close()
      renameSync(this.temporary, this.path)
      if (sync) this.#syncName()
    })
  }

  #syncName(): void {
    try {
      syncFolder(dirname(this.path))
    } catch (error) {
      // The game goes on, and nobody is to find it here as it was.
      try {
        rmSync(this.path, { force: true })
      } catch {
        // What is the matter with the disk has been said.
      }
      throw error
    }
  }

  /** Nobody needs it any more. */
  discard(): void {
    this.#close()
    rmSync(this.temporary, { force: true, recursive: true })
  }

  #write(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) this.#hash.update(piece)
    this.#try(() => writeAll(this.#file, pieces))
  }

  #close(): void {
    const file = this.#file
    this.#file = -1
    if (file >= 0) closeSync(file)
  }

  #try<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw this.#failed(error)
    }
  }

  #failed(error: unknown): Error {
    this.discard()
    return new Error(`${this.path} could not be written: ${messageOf(error)}`, { cause: error })
  }
}

/** See `FrozenWriter.finish`. */
export function writeFrozen(path: string, game: FrozenGame, { sync = true } = {}): void {
  const writer = new FrozenWriter(path)
  writer.block(game)
  writer.finish({ sync })
}

/** Forces a file to the disk that was written without: it, and its name. Nothing waits meanwhile. */
export async function syncFrozen(path: string): Promise<void> {
  try {
    for (const one of [path, dirname(path)]) {
      const handle = await open(one)
      await handle.sync().finally(() => handle.close())
    }
  } catch (error) {
    throw new Error(`${path} could not be forced to the disk: ${messageOf(error)}`, { cause: error })
  }
}

/** Throws an OperatorError that says what is wrong with the file. */
export function readFrozen(path: string): FrozenGame {
  if (!existsSync(path)) throw new OperatorError(`${path}: there is no frozen game to restore`)
  const reader = new FrozenReader(path)
  try {
    return reader.rest()
  } finally {
    reader.close()
  }
}

/** Reads a file whose writer may still be at it. What it answers is OperatorErrors that say what is wrong with the file. */
export class FrozenReader {
  readonly #path: string
  readonly #file: number
  readonly #hash = createHash('sha256')
  /** What was copied ahead, once it is read. */
  #ahead: FrozenGame | undefined

  constructor(path: string) {
    this.#path = path
    this.#file = this.#try(() => openSync(path, 'r'))
  }

  /** What was copied ahead: all that is there so far. */
  ahead(): FrozenGame {
    const content = this.#headless(this.#read())
    this.#hash.update(content)
    const { block, end } = this.#blockIn(content, 0)
    if (end !== content.length) throw this.#refuse('it is damaged: its lengths are wrong')
    this.#ahead = block
    return block
  }

  /** The game, with all that comes to the end of the file. */
  rest(): FrozenGame {
    const read = this.#read()
    if (read.length < HASH_BYTES) throw this.#refuse('it is no frozen game')
    const hash = read.subarray(read.length - HASH_BYTES)
    const whole = read.subarray(0, read.length - HASH_BYTES)
    const content = this.#ahead ? whole : this.#headless(whole)
    if (!this.#hash.update(content).digest().equals(hash)) throw this.#refuse('it is damaged: its checksum is wrong')
    const blocks = this.#ahead ? [this.#ahead] : []
    for (let at = 0; at < content.length; ) {
      const { block, end } = this.#blockIn(content, at)
      blocks.push(block)
      at = end
    }
    const [ahead, game] = blocks.length > 1 ? blocks : [undefined, ...blocks]
    if (!game || blocks.length > 2) throw this.#refuse('it is damaged: its lengths are wrong')
    if (!ahead && game.process.entities !== entitiesIn(game.chunks))
      throw this.#refuse('it is damaged: it does not have the entities that it says it has')
    return ahead ? { ...game, ahead: ahead.chunks } : game
  }

  close(): void {
    closeSync(this.#file)
  }

  /** What follows in the file. */
  #read(): Buffer {
    return this.#try(() => readFileSync(this.#file))
  }

  #try<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw new OperatorError(`${this.#path}: cannot be read: ${messageOf(error)}`)
    }
  }

  #refuse(why: string): OperatorError {
    return new OperatorError(`${this.#path} is not restored: ${why}`)
  }

  /** Without what is in front of all blocks, which is checked. */
  #headless(read: Buffer): Buffer {
    if (read.length < HEADER_BYTES || !read.subarray(0, MAGIC.length).equals(MAGIC))
      throw this.#refuse('it is no frozen game')
    const version = read.readUInt16LE(MAGIC.length)
    if (version !== FROZEN_VERSION)
      throw this.#refuse(`it has version ${version}, and this engine reads version ${FROZEN_VERSION}`)
    this.#hash.update(read.subarray(0, HEADER_BYTES))
    return read.subarray(HEADER_BYTES)
  }

  #blockIn(content: Buffer, start: number): { readonly block: FrozenGame; readonly end: number } {
    const found = chunksAt(content, start)
    const [first, ...chunks] = found?.chunks ?? []
    if (!found || !first) throw this.#refuse('it is damaged: its lengths are wrong')
    const process = processOf(first)
    if (!process) throw this.#refuse('it is damaged: what it says of its process cannot be read')
    const sizes = measured(chunks)
    if (sizes.world !== process.sizes.world || sizes.entities !== process.sizes.entities)
      throw this.#refuse('it is damaged: it does not have the entities that it says it has')
    return { block: { process, chunks }, end: found.end }
  }
}

/** Undefined when it has not what it announces. */
function chunksAt(content: Buffer, start: number): { readonly chunks: Buffer[]; readonly end: number } | undefined {
  if (start + 4 > content.length) return undefined
  const count = content.readUInt32LE(start)
  let at = start + 4 + 4 * count
  if (at > content.length) return undefined
  const chunks: Buffer[] = []
  for (let n = 0; n < count; n++) {
    const end = at + content.readUInt32LE(start + 4 + 4 * n)
    if (end > content.length) return undefined
    chunks.push(content.subarray(at, end))
    at = end
  }
  return { chunks, end: at }
}

const KINDS: Readonly<Record<keyof FrozenProcess, string>> = {
  process: 'string',
  ready: 'boolean',
  gates: 'object',
  frozenAt: 'string',
  engine: 'string',
  gameVersion: 'string',
  gameId: 'number',
  entities: 'number',
  sizes: 'object',
}

function processOf(bytes: Uint8Array): FrozenProcess | undefined {
  try {
    const read = decode(bytes) as unknown as FrozenProcess
    const good = Object.entries(KINDS).every(([key, kind]) => typeof read[key as keyof FrozenProcess] === kind)
    return good && Array.isArray(read.gates) && read.sizes !== null ? read : undefined
  } catch {
    return undefined
  }
}

/**
 * It is restored: never again from the same file. The last `kept` are put aside for a look, by the time of their restore:
 * `game1.frozen.20261121T182329.123Z`.
 */
export function retireFrozen(path: string, kept: number, clock: Clock = realClock): void {
  if (kept === 0) rmSync(path)
  const retired = kept === 0 ? undefined : freeName(path, clock.wallMs())
  if (retired !== undefined) renameSync(path, retired)
  try {
    // The one of now stays, even when the clock was set back.
    const others = retiredOf(path).filter((one) => one !== retired)
    const tooMany = others.length - Math.max(0, kept - 1)
    for (const one of others.slice(0, Math.max(0, tooMany))) rmSync(one)
  } catch {
    // The next one tries again.
  }
}

/** Of one game in the same millisecond, the next one is free. */
function freeName(path: string, ms: number): string {
  const name = `${path}.${new Date(ms).toISOString().replaceAll(/[-:]/g, '')}`
  return existsSync(name) ? freeName(path, ms + 1) : name
}

/** A copy for the rehearsal that is the process `pid`, which takes it away. */
export function writeCopy(path: string, pid: number, frozen: FrozenGame): string {
  const copy = copyPath(path, pid)
  writeFrozen(copy, frozen, { sync: false })
  return copy
}

/** Where a copy for the process `pid` is written; those of who was killed at it go before. */
export function copyPath(path: string, pid: number): string {
  const start = `${basename(path)}.copy-`
  const folder = dirname(path)
  for (const name of readdirSync(folder))
    if (name.startsWith(start) && !lives(Number.parseInt(name.slice(start.length), 10)))
      rmSync(join(folder, name), { force: true })
  return `${path}.copy-${pid}`
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** The oldest first. */
function retiredOf(path: string): string[] {
  const start = `${basename(path)}.`
  const isRetired = (name: string) => name.startsWith(start) && /^\d{8}T\d{6}\.\d{3}Z$/.test(name.slice(start.length))
  const folder = dirname(path)
  return readdirSync(folder)
    .filter(isRetired)
    .sort()
    .map((name) => join(folder, name))
}

/** The same bytes in few pieces: chunks that lie behind one another in memory are one. Nothing is copied. */
function joined(chunks: readonly Uint8Array[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < chunks.length; ) {
    const { buffer, byteOffset } = chunks[at]!
    let end = byteOffset
    while (at < chunks.length && chunks[at]!.buffer === buffer && chunks[at]!.byteOffset === end)
      end += chunks[at++]!.length
    if (end > byteOffset) pieces.push(new Uint8Array(buffer, byteOffset, end - byteOffset))
  }
  return pieces
}

/** The system may take less at a time than it is given. */
function writeAll(file: number, pieces: readonly Uint8Array[]): void {
  let left = pieces
  while (left.length > 0) {
    let written = writevSync(file, left)
    let whole = 0
    while (whole < left.length && written >= left[whole]!.length) written -= left[whole++]!.length
    left = left.slice(whole)
    if (written > 0) left = [left[0]!.subarray(written), ...left.slice(1)]
  }
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
