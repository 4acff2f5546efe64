// A client that plays nobody is closed in time, however many others are between two players meanwhile.
import { expect, test } from 'vitest'
import { idOf, LIMITS, Stage } from './stage.ts'

const [ANN, BOB, CID, DOT] = ['ann', 'bob', 'cid', 'dot'].map(idOf) as [string, string, string, string]

test('others who are handed on now and then do not keep it', async () => {
  const stage = await Stage.start()
  const [ann, eve] = [await stage.player(ANN), await stage.player(idOf('eve'), { gameId: 2 })]
  const others = await stage.player(CID)
  stage.show(BOB, [eve], { epoch: 4, gameId: 2 })
  await eve.hears('createEntity')
  // As in handing-on.test.ts: given to a placement of which there is a later one, so that it plays nobody.
  stage.unbind(ann, ANN)
  stage.bind(ann, BOB, { epoch: 3, handed: 1, gameId: 3 })
  await stage.settle()
  // One who goes from player to player every two seconds: whoever gives it hears that it was taken before the gate hears by whom.
  let [plays, next] = [CID, DOT]
  for (let handed = 1; handed <= 20; handed++) {
    stage.unbind(others, plays)
    await stage.settle()
    stage.games.tell('clientOffered', { clientId: others.id, handed: handed - 1, gameId: 0 })
    await stage.settle()
    stage.bind(others, next, { handed })
    ;[plays, next] = [next, plays]
    await stage.clock.advance(2000)
  }
  expect(others.closed).toBeUndefined()
  expect(40_000).toBeGreaterThan(10 * LIMITS.linkGraceMs)
  expect(ann.closed).toBeDefined()
})
