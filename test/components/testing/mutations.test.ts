// Proves that the simulation finds what is wrong with an engine: each part that keeps a promise is broken, one at a time.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Directory } from '../../../components/dispatcher/directory.ts'
import { Entities } from '../../../components/dispatcher/entities.ts'
import { type FaultRates, simulate } from '../../../components/testing/testing.ts'
import { Link } from '../../../engine/cluster/link.ts'
import { BATCH_HEADER_BYTES, KIND_BATCH } from '../../../engine/cluster/session-frame.ts'
import { EntityCore } from '../../../engine/entity/core.ts'
import { Timers } from '../../../engine/entity/timers.ts'
import { Views } from '../../../engine/entity/views.ts'
import { MemoryStorage } from '../../../engine/storage/memory.ts'
import { putU32 } from '../../../engine/wire/packet.ts'

afterEach(() => vi.restoreAllMocks())

const failureOf = (seed: number, faults: FaultRates): Promise<string> =>
  simulate({ seed, faults, seconds: 6 }).then(
    () => '',
    (error: Error) => error.message,
  )

/** What the simulation says of the first seed, of so many, that finds something; in an engine that is whole it finds nothing. */
async function found(faults: FaultRates, seedsMax: number): Promise<string> {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const failure = await failureOf(seed, faults)
    if (failure === '') continue
    vi.restoreAllMocks()
    expect(await failureOf(seed, faults)).toBe('')
    return failure
  }
  return `nothing in ${seedsMax} seeds`
}

describe('the simulation finds', () => {
  test('a link that does not send again what was lost', async () => {
    const { attach } = Link.prototype
    vi.spyOn(Link.prototype, 'attach').mockImplementation(function (
      this: Link,
      connection,
      received,
      fresh,
      forgotten,
    ) {
      const write = connection.write.bind(connection)
      // Only the number of the batch is left of it.
      connection.write = (bytes, done) => {
        if (bytes[4] !== KIND_BATCH) return write(bytes, done)
        const empty = bytes.slice(0, BATCH_HEADER_BYTES)
        putU32(empty, 0, BATCH_HEADER_BYTES - 4)
        write(empty, done)
      }
      attach.call(this, connection, received, fresh, forgotten)
      connection.write = write
    })
    expect(await found({ drops: 240 }, 10)).toMatch(/^(calls|views|attributes|quiet|players|order|clients|timers): /)
  })

  test('a dispatcher that believes a placement that is over', async () => {
    const { placed } = Entities.prototype
    vi.spyOn(Entities.prototype, 'placed').mockImplementation(function (this: Entities, game, values) {
      const epoch = vi.spyOn(Directory.prototype, 'epoch').mockReturnValue(0)
      placed.call(this, game, values)
      epoch.mockRestore()
    })
    expect(await found({ cuts: 30 }, 20)).toMatch(/^(places|calls): /)
  })

  test('changes of attributes that are told after the call that followed them', async () => {
    const { callClient } = Views.prototype
    const { flushAttrs } = EntityCore.prototype
    vi.spyOn(Views.prototype, 'callClient').mockImplementation(function (this: Views, core, method, args) {
      core.flushAttrs = () => {}
      callClient.call(this, core, method, args)
      core.flushAttrs = flushAttrs
    })
    expect(await found({}, 2)).toMatch(/^order: bot \d .* heard of change/)
  })

  test('a store that loses a save', async () => {
    const { write } = MemoryStorage.prototype
    let writes = 0
    vi.spyOn(MemoryStorage.prototype, 'write').mockImplementation(async function (this: MemoryStorage, type, id, row) {
      return ++writes % 20 === 0 ? true : write.call(this, type, id, row)
    })
    expect(await found({}, 5)).toMatch(/^(saves|gold): /)
  })

  test('a dispatcher that is handed over without what its peers have not heard yet', async () => {
    const { save } = Link.prototype
    vi.spyOn(Link.prototype, 'save').mockImplementation(function (this: Link) {
      return { ...save.call(this), kept: [] }
    })
    expect(await found({ dispatcherSwaps: 120 }, 20)).toMatch(
      /^(calls|views|attributes|quiet|players|order|places|clients|timers): /,
    )
  })

  test('timers that stand still in a game whose successor has failed', async () => {
    vi.spyOn(Timers.prototype, 'resume').mockImplementation(() => {})
    expect(await found({ handovers: 60 }, 8)).toMatch(/^timers: timer \d+ .* has not run/)
  })

  test('timers that do not come back from a freeze', async () => {
    vi.spyOn(Timers.prototype, 'restore').mockImplementation(() => {})
    expect(await found({ swaps: true }, 5)).toMatch(/^timers: timer \d+ .* has not run/)
  })
})
