// A frozen game as a file: written whole or not at all, and refused unless it is whole.
//
//     'GWFZ' | u16 version | u32 count | count × u32 length | the chunks, one behind the other | SHA-256 of all before
//
// The first chunk is what the process knew (`FrozenProcess`), the second what the game knows of the others, and each
// further one is an entity (`engine/entity/freezing.ts`). The lengths are in front, so that chunks that lie behind one
// another in memory go to the file as they are. `goworld inspect` shows what is in such a file.
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
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
  /** How many, spaces among them. */
  readonly entities: number
  /** Bytes: of what the game knows of the others, and of all entities together. */
  readonly sizes: { readonly world: number; readonly entities: number }
}

export interface FrozenGame {
  readonly process: FrozenProcess
  readonly chunks: readonly Uint8Array[]
}

/** What only the process can say of itself. */
export interface KnownOfProcess extends Pick<FrozenProcess, 'process' | 'ready' | 'gates' | 'gameId'> {
  readonly gameVersion?: string | undefined
  /** Milliseconds since 1970. */
  readonly frozenMs: number
}

/** The format of the file. */
export const FROZEN_VERSION = 2

const MAGIC = Buffer.from('GWFZ')
const HEADER_BYTES = MAGIC.length + 2 + 4
const HASH_BYTES = 32

/** A world's chunks, with all that is said of them. */
export function describeFrozen(
  { process, ready, gates, gameId, gameVersion = '', frozenMs }: KnownOfProcess,
  chunks: readonly Uint8Array[],
): FrozenGame {
  const frozenAt = new Date(frozenMs).toISOString()
  const known = { process, ready, gates, frozenAt, engine: ENGINE_VERSION, gameVersion, gameId }
  return { process: { ...known, ...measured(chunks) }, chunks }
}

function measured(chunks: readonly Uint8Array[]): Pick<FrozenProcess, 'entities' | 'sizes'> {
  const world = chunks[0]?.length ?? 0
  return {
    entities: Math.max(0, chunks.length - 1),
    sizes: { world, entities: chunks.reduce((sum, { length }) => sum + length, -world) },
  }
}

/**
 * Without `sync` nothing is forced to the disk: the file is there for whoever looks, but a power cut may take it, or leave
 * one that is refused. `syncFrozen` makes good for that.
 */
export function writeFrozen(path: string, { process, chunks }: FrozenGame, { sync = true } = {}): void {
  const all = [encode(process), ...chunks]
  const header = Buffer.alloc(HEADER_BYTES + 4 * all.length)
  MAGIC.copy(header)
  header.writeUInt16LE(FROZEN_VERSION, MAGIC.length)
  header.writeUInt32LE(all.length, MAGIC.length + 2)
  const lengths = new DataView(header.buffer, header.byteOffset + HEADER_BYTES)
  for (let n = 0; n < all.length; n++) lengths.setUint32(4 * n, all[n]!.length, true)
  const pieces: Uint8Array[] = [header, ...joined(all)]
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  pieces.push(hash.digest())
  const temporary = `${path}.tmp`
  try {
    const file = openSync(temporary, 'w', 0o600)
    try {
      writeAll(file, pieces)
      if (sync) fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
    if (sync) syncFolder(dirname(path))
  } catch (error) {
    rmSync(temporary, { force: true, recursive: true })
    throw new Error(`${path} could not be written: ${messageOf(error)}`, { cause: error })
  }
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
  if (version !== FROZEN_VERSION)
    throw refuse(`it has version ${version}, and this engine reads version ${FROZEN_VERSION}`)
  const content = bytes.subarray(0, bytes.length - HASH_BYTES)
  const hash = createHash('sha256').update(content).digest()
  if (!hash.equals(bytes.subarray(content.length))) throw refuse('it is damaged: its checksum is wrong')
  const [first, ...chunks] = chunksOf(content) ?? []
  if (!first) throw refuse('it is damaged: its lengths are wrong')
  const process = processOf(first)
  if (!process) throw refuse('it is damaged: what it says of its process cannot be read')
  const { entities, sizes } = measured(chunks)
  if (entities !== process.entities || sizes.world !== process.sizes.world || sizes.entities !== process.sizes.entities)
    throw refuse('it is damaged: it does not have the entities that it says it has')
  return { process, chunks }
}

/** Undefined when it has not what it announces, or more. */
function chunksOf(content: Buffer): Buffer[] | undefined {
  const count = content.readUInt32LE(MAGIC.length + 2)
  let at = HEADER_BYTES + 4 * count
  if (at > content.length) return undefined
  const chunks: Buffer[] = []
  for (let n = 0; n < count; n++) {
    const end = at + content.readUInt32LE(HEADER_BYTES + 4 * n)
    if (end > content.length) return undefined
    chunks.push(content.subarray(at, end))
    at = end
  }
  return at === content.length ? chunks : undefined
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

/** A copy for the rehearsal that is the process `pid`, which takes it away; those of who was killed at it go before. */
export function writeCopy(path: string, pid: number, frozen: FrozenGame): string {
  const start = `${basename(path)}.copy-`
  const folder = dirname(path)
  for (const name of readdirSync(folder))
    if (name.startsWith(start) && !lives(Number.parseInt(name.slice(start.length), 10)))
      rmSync(join(folder, name), { force: true })
  const copy = `${path}.copy-${pid}`
  writeFrozen(copy, frozen, { sync: false })
  return copy
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
