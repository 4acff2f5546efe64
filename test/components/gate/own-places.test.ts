// When a client counts as having heard where its game has put its player.
import { expect, test } from 'vitest'
import type { Client } from '../../../components/gate/client.ts'
import { HEARD, OwnPlaces } from '../../../components/gate/own-places.ts'
import type { Cluster } from '../../../engine/cluster/cluster.ts'

test('one that was lost before its welcome has no stream to wait for', () => {
  const places = new OwnPlaces({} as Cluster)
  const session = { placeToldAt: HEARD }
  const client = { syncing: true, session, output: { isLate: false, streamEnd: undefined } } as unknown as Client
  places.told(client)
  expect(session.placeToldAt).toBe(HEARD)
  places.acknowledged(client)
})
