// Buffers in which the output of clients is gathered. A client holds one only from the first byte it has to hear until
// those bytes are written; then it goes back here, so ten thousand quiet clients cost nothing.
//
//     free: 512 B │ 1 KiB │ 2 KiB │ … │ 64 KiB          larger ones are made when needed and left to the collector
const SMALLEST_BYTES = 512
const SIZES = 8
export const POOLED_BYTES_MAX = SMALLEST_BYTES << (SIZES - 1)

/** Whoever wants to hear that a buffer was written. */
export interface Writer {
  written(): void
}

export class PooledBuffer {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Which of the free lists it belongs to; those beyond the largest belong to none. */
  readonly size: number
  /** Who wrote it, while it is being written. */
  writer: Writer | undefined
  /** What still needs the bytes: writes that are under way, and a session that keeps them. Without any it goes back. */
  uses = 0
  /** To be called when the connection has done with the bytes. Made once, so that a write makes no closure. */
  readonly done: () => void
  readonly #pool: BufferPool

  constructor(size: number, byteCount: number, pool: BufferPool) {
    this.size = size
    this.bytes = new Uint8Array(byteCount)
    this.view = new DataView(this.bytes.buffer)
    this.#pool = pool
    this.done = () => {
      const { writer } = this
      this.release()
      writer?.written()
    }
  }

  /** One use of it is over. */
  release(): void {
    if (--this.uses > 0) return
    this.writer = undefined
    this.#pool.give(this)
  }
}

export class BufferPool {
  readonly #free: PooledBuffer[][] = Array.from({ length: SIZES }, () => [])
  readonly #keptBytesMax: number
  #keptBytes = 0

  /** Keeps at most `keptBytesMax` of buffers that nobody uses. */
  constructor(keptBytesMax = 32 * 1024 * 1024) {
    this.#keptBytesMax = keptBytesMax
  }

  /** Bytes in buffers that nobody uses. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  /** A buffer of at least `byteCount` bytes, with whatever is in it. */
  take(byteCount: number): PooledBuffer {
    // 512 or less: 0, up to 1024: 1, and so on.
    const size = byteCount <= SMALLEST_BYTES ? 0 : 32 - Math.clz32((byteCount - 1) >>> 9)
    const kept = size < SIZES ? this.#free[size]!.pop() : undefined
    if (!kept) return new PooledBuffer(size, SMALLEST_BYTES * 2 ** size, this)
    this.#keptBytes -= kept.bytes.length
    return kept
  }

  give(buffer: PooledBuffer): void {
    const { size, bytes } = buffer
    if (size >= SIZES || this.#keptBytes + bytes.length > this.#keptBytesMax) return
    this.#keptBytes += bytes.length
    this.#free[size]!.push(buffer)
  }
}
