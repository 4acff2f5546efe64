// One position record to all that it is for, when some of them hear in compact form (`engine/wire/compact.ts`). It is encoded once,
// in two forms; who has been told of the place before gets the difference, who has not the whole.
//
//     mark of a watcher   | number | place told last |   the entity's last place ── the same ──> difference
//                                                                               └─ another ──> whole
import { CompactEncoder, putHead } from '../../engine/wire/compact.ts'
import { SYNC_OWN, SYNC_WATCHERS } from '../../engine/wire/messages.ts'
import type { Output, PositionsFrame } from './output.ts'
import { markOf, numberIn, placeIn, type View } from './views.ts'

/** No mark has it. */
const NO_PLACE = -1

export class CompactFanOut {
  readonly #encoder = new CompactEncoder()
  /** By the client's slot. */
  readonly #outputs: readonly Output[]

  constructor(outputs: readonly Output[]) {
    this.#outputs = outputs
  }

  /** Copies the record in `bytes`, of which `source` is a view. Answers to how many. */
  copy(
    source: DataView,
    bytes: Uint8Array,
    record: number,
    entity: View,
    audience: number,
    positions: PositionsFrame,
  ): number {
    const encoder = this.#encoder
    encoder.encode(
      entity.told,
      source.getFloat32(record + 16, true),
      source.getFloat32(record + 20, true),
      source.getFloat32(record + 24, true),
      source.getFloat32(record + 28, true),
      positions.step,
    )
    const { words, difference, differenceBytes } = encoder
    const before = encoder.follows ? entity.place : NO_PLACE
    // Who knows where it was then knows where it is now: there is nothing to tell them.
    const stands = encoder.follows && difference === 0
    const after = stands ? before : entity.nextPlace()
    const difference0 = words.getBigInt64(0)

    const outputs = this.#outputs
    const { watchers, marks, own } = entity
    const count = audience & SYNC_WATCHERS ? entity.watcherCount : 0
    let copied = 0
    for (let one = 0; one < count; one++) {
      const output = outputs[watchers[one]!]!
      const mark = marks[one]!
      const number = numberIn(mark)
      if (number === 0) {
        copyFull(output, source, bytes, record)
        copied++
        continue
      }
      const follows = placeIn(mark) === before
      if (follows && stands) continue
      copied++
      const at = output.roomForCompact(positions)
      if (at < 0) {
        marks[one] = markOf(number, 0)
        output.keepLate(bytes, record, number, positions)
        continue
      }
      marks[one] = markOf(number, after)
      const target = output.view
      if (!follows) {
        output.recordEnds(encoder.putWhole(target, at, number))
        continue
      }
      const rest = putHead(target, at, number, difference)
      target.setBigInt64(rest, difference0)
      if (differenceBytes > 8) copyWords(words, 8, target, rest + 8)
      output.recordEnds(rest + differenceBytes)
    }
    if ((audience & SYNC_OWN) === 0 || own < 0) return copied
    this.#toOwn(outputs[own]!, entity.ownNumber, source, bytes, record, positions)
    return copied + 1
  }

  /** Always whole: the client may have moved its player meanwhile, and back to where it was is a place too. */
  #toOwn(
    output: Output,
    number: number,
    source: DataView,
    bytes: Uint8Array,
    record: number,
    positions: PositionsFrame,
  ): void {
    if (number === 0) return copyFull(output, source, bytes, record, true)
    const at = output.roomForCompact(positions, true)
    if (at < 0) output.keepLate(bytes, record, number, positions, true)
    else output.recordEnds(this.#encoder.putWhole(output.view, at, number))
  }
}

function copyFull(output: Output, source: DataView, bytes: Uint8Array, record: number, isOwn = false): void {
  const at = output.roomForRecord(isOwn)
  if (at < 0) return output.keepLate(bytes, record, 0, undefined, isOwn)
  const target = output.view
  for (let word = 0; word < 32; word += 8) target.setBigInt64(at + word, source.getBigInt64(record + word))
}

function copyWords(source: DataView, from: number, target: DataView, to: number): void {
  target.setBigInt64(to, source.getBigInt64(from))
  target.setBigInt64(to + 8, source.getBigInt64(from + 8))
}
