// Packets that wait: for an entity that is being placed or has yet to be reported, and for a game that is frozen.
//
//     bytes: | … taken … | u32 length | packet | u32 length | packet | … free … |
//                        └ head                                      └ tail
import { FRAME_LENGTH_BYTES, getU32, putU32 } from '../../engine/wire/packet.ts'

/** An emptied queue keeps a buffer up to this size, larger ones are given back. */
const KEEP_BYTES = 64 * 1024
const NOTHING = new Uint8Array(0)

export interface SavedQueue {
  readonly packets: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Takes packets: a link, or another queue. */
export interface PacketSink {
  forward(bytes: Uint8Array, start: number, end: number): void
}

/** Packets in the order they came, copied into one buffer. Its owner minds the limit. */
export class PacketQueue implements PacketSink {
  #bytes = NOTHING
  #head = 0
  #tail = 0
  #packets = 0

  get packets(): number {
    return this.#packets
  }

  /** What the packets take up, their lengths counted in. */
  get byteCount(): number {
    return this.#tail - this.#head
  }

  forward(bytes: Uint8Array, start: number, end: number): void {
    const count = end - start
    this.#reserve(FRAME_LENGTH_BYTES + count)
    putU32(this.#bytes, this.#tail, count)
    this.#bytes.set(bytes.subarray(start, end), this.#tail + FRAME_LENGTH_BYTES)
    this.#tail += FRAME_LENGTH_BYTES + count
    this.#packets++
  }

  /** Hands packets over, the oldest first, until `bytesMax` are passed or none is left; answers how many bytes. */
  moveTo(sink: PacketSink, bytesMax = Number.POSITIVE_INFINITY): number {
    let moved = 0
    // The queue is read anew each time round: the sink may end it by going down.
    while (this.#packets > 0 && moved < bytesMax) {
      const start = this.#head + FRAME_LENGTH_BYTES
      const end = start + getU32(this.#bytes, this.#head)
      this.#head = end
      this.#packets--
      moved += FRAME_LENGTH_BYTES + end - start
      sink.forward(this.#bytes, start, end)
    }
    if (this.#packets === 0) this.clear()
    return moved
  }

  save(): SavedQueue {
    return { packets: this.#packets, bytes: this.#bytes.slice(this.#head, this.#tail) }
  }

  restore({ packets, bytes }: SavedQueue): void {
    this.#bytes = bytes
    this.#head = 0
    this.#tail = bytes.length
    this.#packets = packets
  }

  clear(): void {
    this.#head = 0
    this.#tail = 0
    this.#packets = 0
    if (this.#bytes.length > KEEP_BYTES) this.#bytes = NOTHING
  }

  #reserve(count: number): void {
    if (this.#tail + count <= this.#bytes.length) return
    const used = this.#tail - this.#head
    // Half empty at the front: moving down is enough, and cheap enough to happen again only after as many bytes.
    const roomy = this.#head >= used && used + count <= this.#bytes.length
    const to = roomy ? this.#bytes : new Uint8Array(Math.max(256, used + count, this.#bytes.length * 2))
    to.set(this.#bytes.subarray(this.#head, this.#tail))
    this.#bytes = to
    this.#head = 0
    this.#tail = used
  }
}

export interface HeldLimits {
  /** Packets for one entity. */
  readonly packetsMax: number
  /** Bytes for all entities together. */
  readonly bytesMax: number
  readonly entitiesMax: number
}

/** A queue for each entity that waits, by its slot in the directory. When one is full the newest packet is refused. */
export class HeldEntities {
  readonly #limits: HeldLimits
  readonly #queues = new Map<number, PacketQueue>()
  #byteCount = 0
  #packets = 0

  constructor(limits: HeldLimits) {
    this.#limits = limits
  }

  get packets(): number {
    return this.#packets
  }

  get byteCount(): number {
    return this.#byteCount
  }

  get entities(): number {
    return this.#queues.size
  }

  /** Keeps a packet for the entity; false when there is no room. */
  add(slot: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { packetsMax, bytesMax, entitiesMax } = this.#limits
    if (this.#byteCount + FRAME_LENGTH_BYTES + end - start > bytesMax) return false
    let queue = this.#queues.get(slot)
    if (!queue) {
      if (this.#queues.size >= entitiesMax) return false
      queue = new PacketQueue()
      this.#queues.set(slot, queue)
    } else if (queue.packets >= packetsMax) return false
    queue.forward(bytes, start, end)
    this.#byteCount += FRAME_LENGTH_BYTES + end - start
    this.#packets++
    return true
  }

  /** By slot. */
  save(): Map<number, SavedQueue> {
    return new Map([...this.#queues].map(([slot, queue]) => [slot, queue.save()]))
  }

  restore(saved: ReadonlyMap<number, SavedQueue>): void {
    for (const [slot, one] of saved) {
      const queue = new PacketQueue()
      queue.restore(one)
      this.#queues.set(slot, queue)
      this.#byteCount += queue.byteCount
      this.#packets += queue.packets
    }
  }

  /** Takes all that was kept for an entity out, if there is any. */
  take(slot: number): PacketQueue | undefined {
    const queue = this.#queues.get(slot)
    if (!queue) return undefined
    this.#queues.delete(slot)
    this.#byteCount -= queue.byteCount
    this.#packets -= queue.packets
    return queue
  }
}
