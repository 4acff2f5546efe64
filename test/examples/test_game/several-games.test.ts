// The test game on several games, dispatchers and gates: strict bots do everything there is to do while connections
// break, games freeze and come back, and games die.
import { afterEach, expect, test, vi } from 'vitest'
import { seededRandom } from '../../../engine/base/random.ts'
import { PublishSubscribeService } from '../../../engine/service/pubsub.ts'
import { THINGS } from '../../../examples/test_client/things.ts'
import { Avatar } from '../../../examples/test_game/avatar.ts'
import { MailService } from '../../../examples/test_game/mail_service.ts'
import { OnlineService } from '../../../examples/test_game/online_service.ts'
import { SpaceService } from '../../../examples/test_game/space_service.ts'
import testGame from '../../../examples/test_game/test_game.ts'
import { TestCluster } from '../../components/cluster.ts'
import { Bots } from './bots.ts'

const NAMES = THINGS.map(({ name }) => name).sort()
const GRACE_MS = 3000
const LIMIT_MS = 5000

afterEach(() => vi.restoreAllMocks())

async function start(seed: number, count = 12) {
  vi.spyOn(Math, 'random').mockImplementation(seededRandom(seed))
  const cluster = await TestCluster.start({
    definition: testGame,
    games: 3,
    dispatchers: 2,
    gates: 2,
    seed,
    split: true,
  })
  const bots = new Bots(cluster, count)
  return { cluster, bots, clock: cluster.clock }
}

/** Lets bots play while connections between servers break now and then. */
async function play(cluster: TestCluster, ms: number, everyMs = 400) {
  for (const end = cluster.clock.now() + ms; cluster.clock.now() < end; ) {
    await cluster.clock.advance(Math.min(cluster.random() * everyMs, end - cluster.clock.now()))
    cluster.network.dropRandom()
  }
}

// For a longer search: SEEDS=200 FROM=1000.
const SEEDS = Number(process.env['SEEDS'] ?? 6)
const FROM = Number(process.env['FROM'] ?? 1)

/** What a failing run is judged by. */
const report = (seed: number, { cluster, bots }: Awaited<ReturnType<typeof start>>) => ({
  seed,
  faults: bots.faults,
  errors: cluster.log.matching('error', ''),
})
const nothing = (seed: number) => ({ seed, faults: [], errors: [] })

/** Each lives in one place, or is on its way, and nobody is left who has no client. */
async function expectNobodyTwice({ cluster, bots, clock }: Awaited<ReturnType<typeof start>>) {
  const avatars = () =>
    cluster.games.flatMap(({ world }) => world.game.entitiesOf(Avatar)).map(({ id }) => id as string)
  await clock.until(() => avatars().length >= bots.bots.length, LIMIT_MS, 'everybody to be somewhere')
  expect(avatars().sort()).toEqual(bots.bots.map(({ game }) => game!.player!.id).sort())
}

test('strict bots play on several games while connections break, and find nothing wrong', async () => {
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    const stage = await start(seed)
    const { cluster, bots, clock } = stage
    await clock.until(() => bots.allPlay, 20_000, 'all bots to play')
    await play(cluster, 20_000)
    expect(report(seed, stage)).toEqual(nothing(seed))
    expect(Object.keys(bots.done)).toEqual([...NAMES, 'Login'].sort())
    const { length: moved } = cluster.games.filter((game) => game.status().departed > 0)
    expect([seed, moved]).toEqual([seed, 3])
    await clock.until(() => bots.allPlay, LIMIT_MS, 'all bots to play')
    await expectNobodyTwice(stage)
    await bots.stop()
    await cluster.stop()
  }
}, 240_000)

test('each game is frozen and restored while strict bots play, and find nothing wrong', async () => {
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    const stage = await start(seed)
    const { cluster, bots, clock } = stage
    for (const id of [1, 2, 3]) {
      // The first while they are logging in.
      await play(cluster, id === 1 ? 60 * cluster.random() : 2000)
      const frozen = await cluster.freezeGame(id)
      await play(cluster, 1500 * cluster.random())
      await cluster.restoreGame(id, frozen)
    }
    await play(cluster, 8000)
    expect(report(seed, stage)).toEqual(nothing(seed))
    expect(Object.keys(bots.done)).toEqual([...NAMES, 'Login'].sort())
    await clock.until(() => bots.allPlay, LIMIT_MS, 'all bots to play')
    await expectNobodyTwice(stage)
    await bots.stop()
    await cluster.stop()
  }
}, 240_000)

/** What is lost with the service that it was said to. */
const MAY_BE_LOST = /timeout: test\d+: (DoSendMail|DoGetMails|DoTestPublish) /
const SERVICES = [MailService, OnlineService, PublishSubscribeService, SpaceService]

/** Whatever went wrong for those whose player has not died, and need not have. */
function faultsOfOthers({ faults }: Bots): string[] {
  const whose = (fault: string) => /test\d+/.exec(fault)![0]
  const died = new Set(faults.filter((fault) => /closed: .* its player/.test(fault)).map(whose))
  return faults.filter((fault) => !died.has(whose(fault)) && !MAY_BE_LOST.test(fault))
}

test('a game that dies takes its players with it; the others go on, and all are back', async () => {
  const died = { players: 0, services: 0 }
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    const stage = await start(seed)
    const { cluster, bots, clock } = stage
    await clock.until(() => bots.allPlay, 20_000, 'all bots to play')
    await play(cluster, 3000 + 1000 * cluster.random())
    expect(report(seed, stage)).toEqual(nothing(seed))

    const id = 1 + (seed % 3)
    const { game } = cluster.games[id - 1]!.world
    const avatars = new Set(game.entitiesOf(Avatar).map((avatar) => avatar.id as string))
    died.players += avatars.size
    died.services += SERVICES.flatMap((service) => game.entitiesOf(service)).length
    await cluster.crashGame(id)
    const [lost] = cluster.games.splice(id - 1, 1)
    await play(cluster, GRACE_MS + LIMIT_MS + 200)
    expect([seed, faultsOfOthers(bots)]).toEqual([seed, []])
    for (const service of SERVICES) {
      const found = cluster.games.flatMap(({ world }) => world.game.entitiesOf(service))
      expect([seed, service.name, found.length]).toEqual([seed, service.name, 1])
    }
    await clock.until(() => bots.allPlay, 20_000, 'all bots to play again')
    const online = () => cluster.games.flatMap(({ world }) => world.game.entitiesOf(OnlineService))[0]!.avatars.size

    bots.forget()
    await play(cluster, 8000)
    expect(report(seed, stage)).toEqual(nothing(seed))
    await clock.until(() => bots.allPlay, LIMIT_MS, 'all bots to play')
    await expectNobodyTwice(stage)
    expect([seed, online()]).toEqual([seed, bots.bots.length])

    // Another process takes its place, and is one of the games from then on.
    cluster.games.splice(id - 1, 0, lost!)
    const fresh = await cluster.startGame(id)
    await play(cluster, 12_000)
    expect(report(seed, stage)).toEqual(nothing(seed))
    expect([seed, fresh.status().arrived > 0]).toEqual([seed, true])
    await bots.stop()
    await cluster.stop()
  }
  expect(died.players).toBeGreaterThan(0)
  expect(died.services).toBeGreaterThan(0)
}, 240_000)
