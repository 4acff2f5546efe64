// The place of an entity to all who hear of it in compact form (`engine/wire/compact.ts`), when an interval of its game is over. It
// is encoded once, in two forms; who has been told of the place before gets the difference, who has not the whole.
//
//     mark of a watcher   | number | place told last |   the entity's last place ── the same ──> difference
//                                                                               └─ another ──> whole
import { CompactEncoder, putHead, ToldPlace } from '../../engine/wire/compact.ts'
import { RECORD_BYTES, recordX, recordY, recordYaw, recordZ } from '../../engine/wire/sync.ts'
import type { Output, PositionsFrame } from './output.ts'
import { markOf, numberIn, placeIn, type View, type Views } from './views.ts'

/** No mark has it. */
const NO_PLACE = -1

export class CompactFanOut {
  readonly #encoder = new CompactEncoder()
  /** By the client's slot. */
  readonly #outputs: readonly Output[]
  readonly #views: Views
  /** Nobody knows it. */
  readonly #nowhere = new ToldPlace()

  constructor(outputs: readonly Output[], views: Views) {
    this.#outputs = outputs
    this.#views = views
  }

  /** Tells those that watch the entity of its newest place. Answers how many that are. */
  tellWatchers(entity: View, positions: PositionsFrame): number {
    const encoder = this.#encoder
    const views = this.#views
    const { records, words: source } = views.places
    const record = entity.slot * RECORD_BYTES
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
    const { watchers, marks, watcherCount } = entity
    let told = 0
    for (let one = 0; one < watcherCount; one++) {
      const output = outputs[watchers[one]!]!
      const mark = marks[one]!
      const number = numberIn(mark)
      if (number === 0) {
        // Others in full form have their own time.
        if (!views.isNumbered(watchers[one]!)) continue
        output.appendRecord(records, record, false)
        told++
        continue
      }
      const follows = placeIn(mark) === before
      if (follows && stands) continue
      told++
      const at = output.roomForCompact(positions)
      if (at < 0) {
        marks[one] = markOf(number, 0)
        output.keepLate(records, record, number, positions)
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
    return told
  }

  /** Tells its own client, always whole: that may have moved it meanwhile, and back to where it was is a place too. */
  tellOwn({ own, ownNumber, ownRecord }: View, positions: PositionsFrame): void {
    const output = this.#outputs[own]!
    const record = ownRecord!
    if (ownNumber === 0) return output.appendRecord(record, 0, true)
    const at = output.roomForCompact(positions, true)
    if (at < 0) return output.keepLate(record, 0, ownNumber, positions, true)
    const encoder = this.#encoder
    const [x, y, z, yaw] = [recordX(record, 0), recordY(record, 0), recordZ(record, 0), recordYaw(record, 0)]
    encoder.encode(this.#nowhere, x, y, z, yaw, positions.step)
    output.recordEnds(encoder.putWhole(output.view, at, ownNumber))
  }
}

function copyWords(source: DataView, from: number, target: DataView, to: number): void {
  target.setBigInt64(to, source.getBigInt64(from))
  target.setBigInt64(to + 8, source.getBigInt64(from + 8))
}
