// What the client knows for positions in their compact form (`../wire/compact.ts`): which mirror a number stands for, and where
// that was last, in steps, since what comes next is mostly how far it has moved.
import { larger } from '../base/larger.ts'
import { CompactRecords, readStep, unwrapTime, YAW_STEP } from '../wire/compact.ts'
import type { PacketReader } from '../wire/packet.ts'
import { ProtocolError } from './errors.ts'
import type { MirrorEntity } from './mirror.ts'

/** Takes the places that were read, one by one. */
export interface Placing {
  /** `timeMs`: the game's, in milliseconds since 1970, when it was there. */
  placed(mirror: MirrorEntity, x: number, y: number, z: number, yaw: number, timeMs: number): void
  /** Nothing that is seen has moved until then since the last that was told. */
  stood(timeMs: number): void
}

/** Of a mirror of which no place is known in steps. */
const UNKNOWN = 127

/** Serves one message after the other, of all worlds. */
const records = new CompactRecords()

export class CompactPositions {
  /** By the number. */
  readonly #mirrors: (MirrorEntity | undefined)[] = []
  readonly #numbers = new Map<MirrorEntity, number>()
  // By the number: x, y, z and yaw; and the step that they are in.
  #places = new Int32Array(64)
  #steps = new Int8Array(16)
  #gameMs = Number.NaN

  /** From now on `number` stands for the mirror, and no other one does. */
  number(mirror: MirrorEntity, number: number): void {
    const holder = this.#mirrors[number]
    if (number === 0 || (holder && holder !== mirror))
      throw new ProtocolError('duplicate', `number ${number} for ${mirror}${holder ? `, which ${holder} has` : ''}`)
    this.forget(mirror)
    while (number >= this.#mirrors.length) this.#mirrors.push(undefined)
    while (number >= this.#steps.length) {
      this.#places = larger(this.#places)
      this.#steps = larger(this.#steps)
    }
    this.#mirrors[number] = mirror
    this.#numbers.set(mirror, number)
    this.#steps[number] = UNKNOWN
  }

  /** The mirror is gone, and its number is free. */
  forget(mirror: MirrorEntity): void {
    const number = this.#numbers.get(mirror)
    if (number === undefined) return
    this.#numbers.delete(mirror)
    this.#mirrors[number] = undefined
  }

  /** Another gate has other numbers. */
  clear(): void {
    this.#mirrors.length = 0
    this.#numbers.clear()
  }

  /**
   * Reads a message; `nearMs` is about what time it is. Answers how many records it had. Bytes that are no positions throw,
   * and nothing is placed; positions of what is not known throw when the others are placed.
   */
  take(reader: PacketReader, nearMs: number, placing: Placing): number {
    const wrappedMs = reader.u32()
    const step = readStep(reader.u8())
    const at = reader.skip(reader.left)
    records.read(reader.bytes, at, reader.end)
    const timeMs = unwrapTime(wrappedMs, Number.isNaN(this.#gameMs) ? nearMs : this.#gameMs)
    this.#gameMs = timeMs
    let unknown = 0
    const { count } = records
    if (count === 0) placing.stood(timeMs)
    for (let record = 0; record < count; record++) {
      const number = records.numbers[record]!
      const mirror = this.#mirrors[number]
      if (!mirror || !this.#place(record, number, mirror, step, timeMs, placing)) unknown = number
    }
    if (unknown > 0)
      throw new ProtocolError(
        this.#mirrors[unknown] ? 'mirror' : 'unknown entity',
        `a position of number ${unknown}, ${this.#mirrors[unknown] ? 'told from a place that was not' : 'which nothing has'}`,
      )
    return count
  }

  /** Answers false when it cannot be known where that is. */
  #place(
    record: number,
    number: number,
    mirror: MirrorEntity,
    step: number,
    timeMs: number,
    placing: Placing,
  ): boolean {
    if (records.isFloats(record)) {
      this.#steps[number] = UNKNOWN
      const x = records.field(record, 0)
      const y = records.field(record, 1)
      const z = records.field(record, 2)
      placing.placed(mirror, x, y, z, records.field(record, 3), timeMs)
      return true
    }
    const isDifference = records.isDifference(record)
    if (isDifference && this.#steps[number] !== step) return false
    const places = this.#places
    const first = number * 4
    for (let field = 0; field < 4; field++) {
      const steps = records.field(record, field)
      // What it is stored in wraps around as the difference did.
      places[first + field] = isDifference ? places[first + field]! + steps : steps
    }
    this.#steps[number] = step
    const unit = 2 ** -step
    const { x, y, z } = mirror.position
    placing.placed(
      mirror,
      inSteps(places[first]!, unit, x),
      inSteps(places[first + 1]!, unit, y),
      inSteps(places[first + 2]!, unit, z),
      inSteps(places[first + 3]!, 2 ** -YAW_STEP, mirror.yaw),
      timeMs,
    )
    return true
  }
}

/** Where so many steps are; or where it is known to be, when that is the same in steps, and was told exactly. */
function inSteps(steps: number, unit: number, known: number): number {
  return Math.abs(steps * unit - known) <= unit / 2 ? known : steps * unit
}
