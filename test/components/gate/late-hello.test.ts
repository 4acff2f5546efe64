// A client that says hello on a plain stream, after its first entity was there, with the token of another session: what others see in
// compact form goes on moving.
import { expect, test } from 'vitest'
import { FEATURES } from '../../../engine/wire/client-wire.ts'
import { SYNC_WATCHERS } from '../../../engine/wire/messages.ts'
import { ANN, BOB, SessionStage } from './session-stage.ts'
import { createBody, idOf, recordsOf } from './stage.ts'

test('a late hello with a token takes nobody else the positions that it sees', async () => {
  const sessions = await SessionStage.start()
  const { stage } = sessions
  // One that hears in compact form, and sees BOB.
  const ann = await sessions.client().connect({ features: FEATURES.compactPositions })
  await stage.settle()
  const { clientId: annId, entityId: annBoot } = stage.asked('bootEntity').at(-1)!
  sessions.bind(annId, annBoot)
  sessions.bind(annId, ANN)
  const show = (clientId: string) =>
    stage.games.tell('showEntity', {
      entityId: BOB,
      epoch: 1,
      gameId: 1,
      calm: false,
      clientIds: [clientId],
      body: createBody(BOB),
    })
  show(annId)
  await ann.hears('numbered', 3)
  let timeMs = 1000
  const moves = async (x: number) => {
    stage.games.tell('positions', { gameId: 1, audience: SYNC_WATCHERS, step: 6, records: recordsOf([BOB, x]) })
    timeMs += 100
    stage.games.tell('positionsFlushed', { gameId: 1, timeMs, intervalMs: 100 })
    await stage.interval()
    // Of those with a record.
    return ann.of('compactPositions').filter(({ records }) => records.length > 0).length
  }
  expect(await moves(1)).toBe(1)

  // One on a plain stream, whose first entity sees BOB as well, says hello late: with any token at all.
  const late = sessions.client({ isPlain: true })
  await late.open()
  await stage.clock.until(() => stage.asked('bootEntity').length === 2)
  const { clientId, entityId } = stage.asked('bootEntity')[1]!
  sessions.bind(clientId, entityId)
  show(clientId)
  await stage.settle()
  late.hello({ features: FEATURES.compactPositions, token: 'of-no-session', playerId: idOf('whoever') })
  await stage.settle()
  expect(stage.asked('resumePlayer')).toHaveLength(1)

  expect(await moves(2)).toBe(2)
})
