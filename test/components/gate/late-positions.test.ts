// The latest position of each entity, against a plain map of the same.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LatePositions } from '../../../components/gate/late-positions.ts'
import { RECORD_BYTES, recordX } from '../../../engine/wire/sync.ts'
import { idOf, recordsOf } from './stage.ts'

test('there is one record an entity, the latest, and none of what was removed', () => {
  const step = fc.record({ entity: fc.nat(40), x: fc.nat(1000), remove: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const late = new LatePositions()
      const model = new Map<string, number>()
      for (const { entity, x, remove } of steps) {
        const id = idOf(`e${entity}`)
        const bytes = recordsOf([idOf('before'), 0], [id, x])
        if (remove) {
          late.remove(bytes, RECORD_BYTES)
          model.delete(id)
        } else {
          late.put(bytes, RECORD_BYTES)
          model.set(id, x)
        }
      }
      const kept = new Map<string, number>()
      for (let at = 0; at < late.byteCount; at += RECORD_BYTES)
        kept.set(Buffer.from(late.records.subarray(at, at + 16)).toString('latin1'), recordX(late.records, at))
      expect(kept).toEqual(model)
      expect(late.byteCount).toBe(model.size * RECORD_BYTES)
    }),
  )
})
