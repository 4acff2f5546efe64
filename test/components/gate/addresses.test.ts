// Connections by their addresses: beyond so many from one, others are turned away, and only those.
import { expect, test } from 'vitest'
import { Addresses } from '../../../components/gate/addresses.ts'
import { ANN, SessionStage } from './session-stage.ts'
import { Pipe, Stage } from './stage.ts'

test.each([
  ['192.0.2.7:1', '192.0.2.7:65535', '192.0.2.8:1'],
  ['::ffff:192.0.2.7:1', '192.0.2.7:2', '::ffff:192.0.2.8:1'],
  ['::FFFF:192.0.2.7:1', '::ffff:192.0.2.7:2', '192.0.2.77:1'],
  // The first half of each says whose net it is.
  ['2001:db8:1:2:3:4:5:6:80', '2001:db8:1:2:ffff::1:80', '2001:db8:1:3:3:4:5:6:80'],
  ['2001:db8::1:80', '2001:db8:0:0:9::80', '2001:db8:1::1:80'],
  ['::1:80', '::2:81', '1::1:80'],
  ['fe80::1:80', 'fe80:0:0:0:7:7:7:7:80', 'fe81::1:80'],
])('%s and %s come from one address, and %s from another', (one, same, other) => {
  const addresses = new Addresses(1)
  expect([addresses.enter(one), addresses.enter(same), addresses.enter(other)]).toEqual([true, false, true])
  expect(addresses.size).toBe(2)
  addresses.leave(one)
  expect([addresses.enter(same), addresses.size]).toEqual([true, 2])
  for (const remote of [same, other]) addresses.leave(remote)
  expect(addresses.size).toBe(0)
})

test.each(['unix:/run/game/gate.sock', 'unix:/with:colon', 'memory'])('%s is nobody’s address', (remote) => {
  const addresses = new Addresses(1)
  expect([addresses.enter(remote), addresses.enter(remote), addresses.size]).toEqual([true, true, 0])
  addresses.leave(remote)
})

test('without a limit nobody is counted', () => {
  const addresses = new Addresses(0)
  expect([addresses.enter('192.0.2.7:1'), addresses.enter('192.0.2.7:2'), addresses.size]).toEqual([true, true, 0])
  addresses.leave('192.0.2.7:1')
})

test('who comes from an address of which there are enough is turned away, and counted, with a line a minute', async () => {
  const stage = await Stage.start({ clientsPerAddressMax: 2 })
  const come = (remote: string) => {
    const pipe = new Pipe(remote)
    stage.gate.accept(pipe)
    return pipe
  }
  const [first] = [come('192.0.2.7:1'), come('192.0.2.7:2')]
  expect([3, 4, 5].map((port) => come(`192.0.2.7:${port}`).ended)).toEqual(Array(3).fill('addressFull'))
  expect(come('192.0.2.8:1').ended).toBeUndefined()
  expect(stage.gate.status()).toMatchObject({ clients: 3, refused: { addressFull: 3, gateFull: 0 } })
  expect(stage.log.matching('info', 'clients_per_address_max = 2')).toHaveLength(1)
  first!.destroy('gone')
  expect([come('192.0.2.7:6').ended, come('192.0.2.7:7').ended]).toEqual([undefined, 'addressFull'])
})

test('a session that goes on by one connection after the other counts as one', async () => {
  const sessions = await SessionStage.start({ clientsPerAddressMax: 2 })
  const { gate } = sessions.stage
  const { one } = await sessions.player(ANN)
  for (let time = 0; time < 5; time++) {
    one.drop()
    await sessions.stage.settle()
    await one.connect()
  }
  expect(gate.status()).toMatchObject({ clients: 1, refused: { addressFull: 0 } })
  const other = await sessions.client().connect()
  await sessions.client().greet()
  await sessions.stage.settle()
  expect(gate.status()).toMatchObject({ clients: 2, refused: { addressFull: 1 } })
  // The connection that it had is not known to be dead yet.
  other.drop()
  await sessions.stage.settle()
  await one.connect()
  await sessions.stage.settle()
  expect(gate.status().refused.addressFull).toBe(1)
})
