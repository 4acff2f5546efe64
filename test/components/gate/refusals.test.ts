// Tests of components/gate/refusals.ts: what strangers cost of the log.
import { expect, test } from 'vitest'
import { REFUSALS, Refusals } from '../../../components/gate/refusals.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'

test('strangers are counted each, and told of once a minute', async () => {
  const clock = new VirtualClock()
  const log = new MemoryLog()
  const refusals = new Refusals(log, clock)
  const said = () => log.lines.splice(0).map(({ level, message }) => `${level}: ${message}`)
  for (let n = 1; n <= 1000; n++) refusals.addStranger('handshake', `1.2.3.4:${n}`, 'http request')
  expect(said()).toEqual(['info: 1.2.3.4:1: its TLS handshake has failed: http request; closed'])
  await clock.advance(59_000)
  refusals.addStranger('handshakeSlow', '1.2.3.4:5', 'not done in 5000 ms')
  expect(said()).toEqual([])
  await clock.advance(1000)
  refusals.addStranger('handshake', '1.2.3.4:6', 'http request')
  expect(said()).toEqual([
    'info: 1.2.3.4:6: its TLS handshake has failed: http request; closed (and 1000 others since the last such line)',
  ])
  expect(refusals.counts).toMatchObject({ handshake: 1001, handshakeSlow: 1, handshakes: 0 })
})

test('each reason has a bit of its own in what a client has been told of, and being limited has one, too', () => {
  expect(Object.keys(REFUSALS).length).toBeLessThan(32)
})
