// What one client may say within client_rate_max to ids that look like those of services, and are of none: what others wait with for
// an entity that is on its way is not lost for it.
import { expect, test } from 'vitest'
import { idOf, stage } from './stage.ts'

const AVATAR = idOf('avatar')
const NO_ARGS = new Uint8Array(2)

test('a client that calls services that are not there costs nobody else a call', { timeout: 60_000 }, async () => {
  const set = await stage({ games: 2, entityQueuePacketsMax: 1000, gameQueueBytesMax: 64 * 1024 * 1024 })
  const one = await set.game(1, { has: { [AVATAR]: 1 } })
  await set.game(2)
  const gate = await set.gate(1)
  await set.clock.advance(10_000)
  expect(set.status.held).toMatchObject({ entities: 0 })
  // client_rate_max is 10,000, and two seconds of it may be said at once: 70,000 in 5 s, of 28 bytes each.
  const say = (entityId: string) =>
    gate.say('callFromClient', { entityId, clientId: idOf('hostile'), method: '', args: NO_ARGS })
  for (let n = 0; n < 66_000; n++) say(`S.${String(n).padStart(14, '0')}`)
  await set.settle()

  // Somebody sets out for game 2, and is called meanwhile.
  one.say('holdEntity', { entityId: AVATAR, epoch: 1, gameId: 2, no: 1 })
  await one.hears('entityHeld')
  const dropped = set.counters.entityQueueFull
  gate.say('callFromClient', { entityId: AVATAR, clientId: idOf('honest'), method: 'm', args: NO_ARGS })
  await set.settle()
  expect([set.counters.entityQueueFull - dropped, set.status.held.entities]).toEqual([0, 1])
})
