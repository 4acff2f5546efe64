// The services of the test game when things go wrong: avatars that never come, stores that fail, a game that is killed.
import { afterEach, expect, test } from 'vitest'
import type { EntityClass, EntityId } from '../../../components/game/goworld.ts'
import { PublishSubscribeService } from '../../../engine/service/pubsub.ts'
import { Account } from '../../../examples/test_game/account.ts'
import { Avatar } from '../../../examples/test_game/avatar.ts'
import { MailService } from '../../../examples/test_game/mail_service.ts'
import { Monster } from '../../../examples/test_game/monster.ts'
import { MySpace } from '../../../examples/test_game/my_space.ts'
import { OnlineService } from '../../../examples/test_game/online_service.ts'
import { SpaceService } from '../../../examples/test_game/space_service.ts'
import testGame from '../../../examples/test_game/test_game.ts'
import { type ClusterOptions, TestCluster } from '../../components/cluster.ts'

const MINUTE_MS = 60_000
const LIMIT_MS = 10_000
const KIND = 777
const SERVICES = [SpaceService, MailService, OnlineService, PublishSubscribeService]

let cluster: TestCluster | undefined
afterEach(() => cluster?.stop())

async function start(options: Partial<ClusterOptions> = {}) {
  cluster = await TestCluster.start({ definition: testGame, ...options })
  const { clock, kvdb, storage, log } = cluster
  const { world } = cluster.games[0]!
  const { game } = world
  const spaces = () => game.entitiesOf(MySpace).filter((space) => space.kind === KIND)
  /** How many are in each of the spaces. */
  const counts = () => spaces().map((space) => space.count(Avatar))
  /** Asks for a place, for an avatar that is there or one that is not. */
  const enter = (avatarId: string) => {
    const avatar = game.entity(avatarId as EntityId<Avatar>)
    if (avatar) avatar.EnterSpace(KIND)
    else game.service(SpaceService).EnterSpace(avatarId, KIND)
  }
  const { games } = cluster
  const services = () => SERVICES.flatMap((type) => games.flatMap((one) => one.world.game.entitiesOf(type)))
  await clock.until(() => services().length === SERVICES.length, LIMIT_MS, 'the services to be there')
  return { cluster, clock, kvdb, storage, log, world, game, spaces, counts, enter }
}

/** Ids of avatars that are not there. */
const ghosts = (count: number) => Array.from({ length: count }, (_, n) => `ghost${String(n).padStart(11, '0')}`)

/** A client, and what its Account was answered. */
async function account(of: TestCluster) {
  const client = await of.client()
  const answers: unknown[] = []
  client.on('Account', { OnLogin: (ok: boolean) => void answers.push(ok) })
  await of.clock.until(() => client.player?.type === 'Account', LIMIT_MS, 'the client to have an Account')
  const login = (name: string) => client.call(client.player!.id, 'Login', name, '123456')
  const isIn = () => client.player?.type === 'Avatar' && client.space !== undefined
  return { client, answers, login, isIn }
}

// --- spaces ----------------------------------------------------------------------------------------------------------

test('an avatar that asks for a space many times takes one place in it', async () => {
  const { clock, game, counts, enter } = await start()
  const avatar = game.create(Avatar)
  for (let n = 0; n < 250; n++) enter(avatar.id)
  await clock.until(() => avatar.space.kind === KIND, LIMIT_MS, 'the avatar to be in')
  for (let n = 0; n < 250; n++) enter(avatar.id)
  await clock.advance(1000)
  expect(counts()).toEqual([1])
  enter(game.create(Avatar).id)
  await clock.advance(1000)
  expect(counts()).toEqual([2])
})

test('places of avatars that never come are free again after some seconds', async () => {
  const { clock, game, counts, enter } = await start()
  for (const ghost of ghosts(100)) enter(ghost)
  await clock.until(() => counts().length === 1, LIMIT_MS, 'a space to be there')
  await clock.advance(30_000)
  for (let n = 0; n < 100; n++) enter(game.create(Avatar).id)
  await clock.advance(1000)
  expect(counts()).toEqual([100])
})

test('a place is kept for an avatar on its way', async () => {
  const { clock, game, counts, enter } = await start()
  for (const ghost of ghosts(100)) enter(ghost)
  await clock.until(() => counts().length === 1, LIMIT_MS, 'a space to be there')
  enter(game.create(Avatar).id)
  await clock.until(() => counts().join() === '0,1', LIMIT_MS, 'another space to be opened')
})

test('a hundred are in a space, the next one gets another, and who leaves makes room', async () => {
  const { clock, game, spaces, counts, enter } = await start()
  const avatars = Array.from({ length: 101 }, () => game.create(Avatar))
  for (const { id } of avatars) enter(id)
  await clock.until(() => counts().join() === '100,1', LIMIT_MS, 'all to be in')
  const [first] = spaces()
  // One is destroyed, one goes to no space at all; nobody else has to ask for that to be known.
  avatars[3]!.destroy()
  void avatars[4]!.enterSpace(game.nilSpace)
  await clock.advance(60_000)
  const late = [game.create(Avatar), game.create(Avatar), game.create(Avatar)]
  for (const { id } of late) enter(id)
  await clock.advance(1000)
  expect(counts()).toEqual([100, 2])
  expect(late[0]!.space).toBe(first)
})

test('a space that nobody ever came to is gone after five minutes, and the next avatar gets a new one', async () => {
  const { clock, game, spaces, counts, enter } = await start()
  enter(ghosts(1)[0]!)
  await clock.until(() => spaces().length === 1, LIMIT_MS, 'a space to be there')
  await clock.advance(6 * MINUTE_MS)
  expect(spaces()).toEqual([])
  enter(game.create(Avatar).id)
  await clock.until(() => counts().join() === '1', LIMIT_MS, 'the avatar to be in a new space')
})

test('a space that all have left is gone after five minutes, one with an avatar stays', async () => {
  const { clock, game, spaces, counts, enter } = await start()
  const avatar = game.create(Avatar)
  for (let n = 0; n < 3; n++) enter(avatar.id)
  await clock.until(() => avatar.space.kind === KIND, LIMIT_MS, 'the avatar to be in')
  await clock.advance(11 * MINUTE_MS)
  expect(counts()).toEqual([1])
  avatar.destroy()
  await clock.advance(4 * MINUTE_MS)
  expect(counts()).toEqual([0])
  await clock.advance(2 * MINUTE_MS)
  expect(spaces()).toEqual([])
})

test('an avatar that comes while its space is about to go keeps it, and others are sent there', async () => {
  const { clock, game, spaces, counts, enter } = await start()
  enter(ghosts(1)[0]!)
  await clock.until(() => spaces().length === 1, LIMIT_MS, 'a space to be there')
  await clock.advance(MINUTE_MS)
  const [space] = spaces()
  // The service takes it off its list while somebody enters without having asked.
  space!.CheckForDestroy()
  void game.create(Avatar).enterSpace(space!)
  await clock.advance(1000)
  enter(game.create(Avatar).id)
  await clock.advance(1000)
  expect(counts()).toEqual([2])
})

test('nobody is sent to a space that was destroyed', async () => {
  const { clock, game, spaces, counts, enter } = await start()
  enter(game.create(Avatar).id)
  await clock.until(() => counts().join() === '1', LIMIT_MS, 'the avatar to be in')
  spaces()[0]!.destroy()
  await clock.advance(1000)
  enter(game.create(Avatar).id)
  await clock.until(() => counts().join() === '1', LIMIT_MS, 'the next avatar to be in')
})

// --- spaces of several games -----------------------------------------------------------------------------------------

/** The one service of a kind, wherever it lives. */
const only = <T extends EntityClass>(of: TestCluster, type: T): InstanceType<T> => {
  const found = of.games.flatMap(({ world }) => world.game.entitiesOf(type))
  if (found.length !== 1) throw new Error(`there are ${found.length} of ${type.name}`)
  return found[0]!
}
const gameOf = (of: TestCluster, actor: { readonly game: { readonly id: number } }) => of.games[actor.game.id - 1]!
/** Every space of the kind, on all games, with who is in it. */
const spacesOf = (of: TestCluster) =>
  of.games.flatMap(({ world }) => world.game.entitiesOf(MySpace)).filter((space) => space.kind === KIND)

/** What the service has noted of the kind. */
const notedOf = (of: TestCluster) =>
  (only(of, SpaceService).spaces.get(KIND) ?? []).map(({ id, present, expected }) => [id, present.size, expected.size])

test('what the services know is there again after a freeze, and what was under way goes on', async () => {
  const { cluster, clock, enter, game } = await start({ games: 2 })
  const avatars = Array.from({ length: 3 }, () => game.create(Avatar))
  for (const { id } of avatars) enter(id)
  for (const ghost of ghosts(2)) enter(ghost)
  await clock.until(() => spacesOf(cluster)[0]?.count(Avatar) === 3, LIMIT_MS, 'the avatars to be in')
  await clock.advance(100)
  const before = notedOf(cluster)
  expect(before).toEqual([[spacesOf(cluster)[0]!.id, 3, 2]])
  const { subscribers } = only(cluster, PublishSubscribeService)
  expect(only(cluster, OnlineService).avatars.size).toBe(3)
  for (const id of [1, 2]) await cluster.restoreGame(id, await cluster.freezeGame(id))
  expect(notedOf(cluster)).toEqual(before)
  expect(only(cluster, OnlineService).avatars.size).toBe(3)
  expect(only(cluster, PublishSubscribeService).subscribers).toEqual(subscribers)
  // The timers too: the places of those who never come are free in the end.
  await clock.advance(11_000)
  expect(notedOf(cluster)).toEqual([[spacesOf(cluster)[0]!.id, 3, 0]])
})

test('a space that is made while its service is frozen takes in those who wait for it', async () => {
  const { cluster, clock, game } = await start({ games: 2 })
  const home = gameOf(cluster, only(cluster, SpaceService))
  const avatar = game.create(Avatar)
  avatar.EnterSpace(KIND)
  await clock.until(() => only(cluster, SpaceService).making.size === 1, LIMIT_MS, 'the space to be made')
  const { gameId } = home.world
  await cluster.restoreGame(gameId, await cluster.freezeGame(gameId))
  await clock.until(() => spacesOf(cluster)[0]?.count(Avatar) === 1, LIMIT_MS, 'the avatar to be in')
  await clock.advance(5000)
  expect(spacesOf(cluster)).toHaveLength(1)
  expect(only(cluster, SpaceService).making.size).toBe(0)
})

test('an empty space that was frozen goes in its time, and its monsters with it', async () => {
  const { cluster, clock, enter } = await start()
  enter(ghosts(1)[0]!)
  await clock.until(() => spacesOf(cluster).length === 1, LIMIT_MS, 'a space to be there')
  await clock.advance(3 * MINUTE_MS)
  await cluster.restoreGame(1, await cluster.freezeGame(1))
  const monsters = () => cluster.games[0]!.world.game.entitiesOf(Monster).length
  expect([spacesOf(cluster).length, monsters()]).toEqual([1, 10])
  await clock.advance(3 * MINUTE_MS)
  expect([spacesOf(cluster).length, monsters()]).toEqual([0, 0])
})

/** Services on game 2, spaces on game 1 or 3; then game 2 dies. */
async function startAndLoseServices() {
  const stage = await start({ games: 3 })
  const { cluster, clock } = stage
  // Whatever lives elsewhere of the services is moved by its death.
  const home = only(cluster, SpaceService).game.id
  const other = home === 1 ? 3 : 1
  const { game } = cluster.games[other - 1]!.world
  const space = game.createSpace(MySpace, KIND)
  const avatars = Array.from({ length: 3 }, () => game.create(Avatar))
  for (const avatar of avatars) avatar.EnterSpace(KIND)
  await clock.until(() => space.count(Avatar) === 3, LIMIT_MS, 'the avatars to be in')
  const lose = async () => {
    await cluster.crashGame(home)
    const [lost] = cluster.games.splice(home - 1, 1)
    const isBack = () => cluster.games.some(({ world }) => world.game.entitiesOf(SpaceService).length === 1)
    await clock.until(isBack, LIMIT_MS, 'the service to be placed again')
    await clock.advance(100)
    return lost!
  }
  return { ...stage, game, space, avatars, lose }
}

test('services that are placed again are told by spaces and avatars what they must know', async () => {
  const { cluster, clock, game, space, avatars, lose } = await startAndLoseServices()
  await lose()
  expect(notedOf(cluster)).toEqual([[space.id, 3, 0]])
  expect([...only(cluster, OnlineService).avatars.keys()].sort()).toEqual(avatars.map(({ id }) => id).sort())
  const { subjects } = only(cluster, PublishSubscribeService)
  for (const { id } of avatars) expect(subjects.get(id)?.size).toBe(5)
  const late = game.create(Avatar)
  late.EnterSpace(KIND)
  await clock.until(() => late.space === space, LIMIT_MS, 'the next avatar to be in')
})

test('an avatar that asks for a space while there is no service is there when there is one', async () => {
  const { cluster, clock, game, space, lose } = await startAndLoseServices()
  const late = game.create(Avatar)
  const losing = lose()
  late.EnterSpace(KIND)
  await losing
  await clock.until(() => late.space === space, LIMIT_MS, 'the avatar to be in')
  expect(notedOf(cluster)).toEqual([[space.id, 4, 0]])
})

test('a space that has died with its game is found out by the first who is sent to it', async () => {
  const { cluster, clock } = await start({ games: 3 })
  const home = only(cluster, SpaceService).game.id
  const [died, lives] = [1, 2, 3].filter((id) => id !== home) as [number, number]
  cluster.games[died - 1]!.world.game.createSpace(MySpace, KIND)
  await clock.until(() => notedOf(cluster).length === 1, LIMIT_MS, 'the space to be noted')
  const { game } = cluster.games[lives - 1]!.world
  await cluster.crashGame(died)
  cluster.games.splice(died - 1, 1)
  const avatars = Array.from({ length: 3 }, () => game.create(Avatar))
  for (const avatar of avatars) avatar.EnterSpace(KIND)
  const areIn = () => spacesOf(cluster).reduce((sum, space) => sum + space.count(Avatar), 0) === 3
  await clock.until(areIn, 3000 + 5000, 'the avatars to be in another')
  expect(notedOf(cluster)).toEqual([[spacesOf(cluster)[0]!.id, 3, 0]])
})

test('a space that is thought gone and is not says so itself', async () => {
  const { cluster, clock, enter, game } = await start({ games: 2 })
  enter(game.create(Avatar).id)
  await clock.until(() => notedOf(cluster)[0]?.[1] === 1, LIMIT_MS, 'the avatar to be in')
  const before = notedOf(cluster)
  only(cluster, SpaceService).NotifySpaceMissed(KIND, before[0]![0] as string)
  expect(notedOf(cluster)).toEqual([])
  await clock.until(() => notedOf(cluster).length === 1, LIMIT_MS, 'the space to be noted again')
  expect(notedOf(cluster)).toEqual(before)
})

test('who died with a game is not online for long', async () => {
  const { cluster, clock } = await start({ games: 3 })
  const home = only(cluster, OnlineService).game.id
  const [died, lives] = [1, 2, 3].filter((id) => id !== home) as [number, number]
  const gone = cluster.games[died - 1]!.world.game.create(Avatar)
  const there = cluster.games[lives - 1]!.world.game.create(Avatar)
  const online = () => [...only(cluster, OnlineService).avatars.keys()].sort()
  await clock.until(() => online().length === 2, LIMIT_MS, 'both to be online')
  expect(online()).toEqual([gone.id, there.id].sort())
  await cluster.crashGame(died)
  cluster.games.splice(died - 1, 1)
  await clock.until(() => online().length === 1, LIMIT_MS, 'one to be struck off')
  expect(online()).toEqual([there.id])
})

// --- avatars between games ---------------------------------------------------------------------------------------------

test('an avatar whose nil space cannot be reached is in that of its own game, and its client hears of it', async () => {
  const { cluster, clock } = await start({ games: 2 })
  const { client, login, isIn } = await account(cluster)
  let answers = 0
  client.on('Avatar', { OnEnterRandomNilSpace: () => void answers++ })
  login('ann')
  await clock.until(isIn, LIMIT_MS, 'ann to be in')
  const avatar = () => cluster.games.flatMap(({ world }) => world.game.entitiesOf(Avatar))[0]
  const here = avatar()!.game.id
  const there = 3 - here
  const { games } = cluster.games[here - 1]!.world
  games.clear()
  games.add(there)
  const mend = cluster.cutGame(there)
  client.call(client.player!.id, 'EnterRandomNilSpace')
  await clock.until(() => answers === 1, 4000, 'an answer')
  expect(avatar()).toMatchObject({ game: { id: here }, space: { isNil: true }, nilGame: 0 })
  mend()
  // The same when it can.
  client.call(client.player!.id, 'EnterSpace', KIND)
  await clock.until(isIn, LIMIT_MS, 'ann to be in a space')
  client.call(client.player!.id, 'EnterRandomNilSpace')
  await clock.until(() => answers === 2, 4000, 'another answer')
  expect(avatar()).toMatchObject({ game: { id: there }, space: { isNil: true }, nilGame: 0, nilLimit: undefined })
})

test('an account finds its avatar on any game, and one that is about to go stays', async () => {
  const { cluster, clock } = await start({ games: 3 })
  const avatars = () => cluster.games.flatMap(({ world }) => world.game.entitiesOf(Avatar))
  const seen = new Set<string>()
  for (let n = 0; n < 30; n++) {
    const { client, login, isIn } = await account(cluster)
    const accounts = cluster.games.flatMap(({ world }) => world.game.entitiesOf(Account))
    for (const asker of accounts) for (const { game } of avatars()) seen.add(`${asker.game.id} ${game.id}`)
    login('ann')
    await clock.until(isIn, LIMIT_MS, 'ann to be in')
    expect(avatars()).toHaveLength(1)
    client.call(client.player!.id, 'EnterRandomNilSpace')
    await clock.advance(cluster.random() * 20)
    // It goes with its client, while the next one asks for it.
    if (n % 3 === 1) client.close()
    if (n % 3 === 2) await clock.advance(100)
  }
  // Accounts of which game have found it on which.
  expect(seen.size).toBeGreaterThan(3)
})

test('an avatar that nobody comes for is gone after some seconds', async () => {
  const { cluster, clock, game } = await start()
  const { client, login } = await account(cluster)
  login('ann')
  client.close()
  await clock.advance(20_000)
  expect(game.entitiesOf(Avatar)).toEqual([])
})

test('echoes of those who have left, or never answer, are not waited for', async () => {
  const { cluster, clock, game } = await start()
  const joined = []
  for (const name of ['ann', 'bob', 'carl']) {
    const one = await account(cluster)
    let answers = 0
    one.client.on('Avatar', { OnTestCallAll: () => void answers++ })
    one.login(name)
    await clock.until(one.isIn, LIMIT_MS, `${name} to be in`)
    one.client.call(one.client.player!.id, 'EnterSpace', KIND)
    await clock.until(() => one.client.space?.kind === KIND, LIMIT_MS, `${name} to be in the space`)
    joined.push({ ...one, answers: () => answers })
  }
  const [ann, bob, carl] = joined as [(typeof joined)[0], (typeof joined)[0], (typeof joined)[0]]
  for (const avatar of game.entitiesOf(Avatar)) avatar.position = { x: 0, y: 0, z: 0 }
  await clock.advance(100)
  const callAll = () => ann.client.call(ann.client.player!.id, 'TestCallAll')
  const echo = () => ann.client.call(ann.client.player!.id, 'TestCallAllEcho', ann.client.player!.id)
  callAll()
  echo()
  await clock.advance(700)
  expect(ann.answers()).toBe(0)
  bob.client.call(bob.client.player!.id, 'EnterRandomNilSpace')
  carl.client.close()
  await clock.until(() => ann.answers() === 1, 1000, 'the answer')
  // Nobody answers, not even ann.
  bob.client.call(bob.client.player!.id, 'EnterSpace', KIND)
  await clock.until(() => bob.client.space?.kind === KIND, LIMIT_MS, 'bob to be back')
  callAll()
  await clock.until(() => ann.answers() === 2, 4000, 'the answer')
  await clock.advance(5000)
  expect(ann.answers()).toBe(2)
})

// --- mail ------------------------------------------------------------------------------------------------------------

/** What is stored, oldest first: its number and whom it is from. */
async function mailsOf(kvdb: TestCluster['kvdb'], target: string) {
  const stored = await kvdb.getRange(`mail$${target}$`, `mail$${target}$~`)
  return stored.map(({ key, value }) => [Number(key.split('$')[2]), JSON.parse(value).senderName as string] as const)
}

test('no mail has a number that a game could hand out again after it was killed', async () => {
  const { clock, kvdb, storage, world, game } = await start()
  const [sender, target] = ghosts(2) as [string, string]
  const send = (name: string) => game.service(MailService).SendMail(sender, name, target, { text: 'hello' })
  for (let n = 0; n < 5; n++) send('before')
  await clock.advance(1000)
  const before = await mailsOf(kvdb, target)
  expect(before.map(([, name]) => name)).toEqual(new Array(5).fill('before'))
  const id = world.services.only(MailService)
  expect((await storage.read('MailService', id))?.data).toMatchObject({ lastMailID: expect.toSatisfy((n) => n >= 5) })

  // As after kill -9: what has not been written by now never is.
  const { write } = storage
  storage.write = async () => true
  game.entitiesOf(MailService)[0]!.destroy()
  await clock.advance(1000)
  storage.write = write
  world.load(world.kindOf(MailService), id)
  await clock.until(() => game.entitiesOf(MailService).length === 1, LIMIT_MS, 'another service to be there')
  for (let n = 0; n < 5; n++) send('after')
  await clock.advance(1000)
  const all = await mailsOf(kvdb, target)
  expect(all.map(([, name]) => name)).toEqual([...new Array(5).fill('before'), ...new Array(5).fill('after')])
})

test('thousands of mails at once each have a number of their own, in the order they were sent in', async () => {
  const { clock, kvdb, game } = await start()
  const [sender, target] = ghosts(2) as [string, string]
  for (let n = 0; n < 2500; n++) game.service(MailService).SendMail(sender, String(n), target, {})
  await clock.advance(1000)
  const mails = await mailsOf(kvdb, target)
  expect(mails.map(([, name]) => Number(name))).toEqual(Array.from({ length: 2500 }, (_, n) => n))
})

test('a mail that gets no number is answered with false, and the next one goes', async () => {
  const { cluster, clock, kvdb, game, log } = await start()
  const { client, login, isIn } = await account(cluster)
  const answers: unknown[] = []
  client.on('Avatar', { OnSendMail: (ok: boolean) => void answers.push(ok) })
  login('ann')
  await clock.until(isIn, LIMIT_MS, 'ann to be in')
  const { id } = client.player!
  const [mails] = game.entitiesOf(MailService)
  mails!.save = () => Promise.reject(new Error('the store is full'))
  client.call(id, 'SendMail', id, { text: 'one' })
  await clock.until(() => answers.length === 1, LIMIT_MS, 'an answer')
  mails!.save = MailService.prototype.save
  client.call(id, 'SendMail', id, { text: 'two' })
  await clock.until(() => answers.length === 2, LIMIT_MS, 'another answer')
  expect(answers).toEqual([false, true])
  expect(await mailsOf(kvdb, id)).toHaveLength(1)
  expect(log.matching('error', 'SendMail threw: the store is full')).toHaveLength(1)
})

test('mails have numbers of their own over freezes, restores and the death of their game', async () => {
  const { cluster, clock, kvdb } = await start({ games: 3 })
  const [sender, target] = ghosts(2) as [string, string]
  let sent = 0
  const send = async (count: number) => {
    const { game } = cluster.games[0]!.world
    for (let n = 0; n < count; n++) game.service(MailService).SendMail(sender, String(sent++), target, {})
    await clock.advance(1000)
  }
  await send(1100)
  const home = only(cluster, MailService).game.id
  const sending = send(5)
  await sending
  await cluster.restoreGame(home, await cluster.freezeGame(home))
  await send(5)
  const { nextMailId } = only(cluster, MailService)
  expect(nextMailId).toBe(sent + 1)
  await cluster.crashGame(home)
  cluster.games.splice(home - 1, 1)
  await clock.until(() => cluster.games.some(({ world }) => world.game.entitiesOf(MailService).length === 1))
  await send(5)
  const mails = await mailsOf(kvdb, target)
  expect(mails.map(([, name]) => Number(name))).toEqual(Array.from({ length: sent }, (_, n) => n))
  expect(mails.at(-5)![0]).toBe(2001)
})

test('two services with the same block, of games that know nothing of each other, overwrite no mail', async () => {
  const { clock, kvdb, game } = await start()
  const [sender, target] = ghosts(2) as [string, string]
  // Another one has been there with the numbers that come next.
  await kvdb.put(`mail$${target}$0000000002`, JSON.stringify({ senderName: 'other' }))
  for (const name of ['a', 'b', 'c']) game.service(MailService).SendMail(sender, name, target, {})
  await clock.advance(1000)
  const names = (await mailsOf(kvdb, target)).map(([, name]) => name)
  expect(names.toSorted()).toEqual(['a', 'b', 'c', 'other'])
})

// --- logging in --------------------------------------------------------------------------------------------------------

test.each(['get', 'getOrPut'] as const)(
  'a login whose kvdb.%s fails is refused, and may be tried again',
  async (call) => {
    const { cluster, clock, kvdb, log, game } = await start()
    const { login, answers, isIn } = await account(cluster)
    const works = kvdb[call]
    kvdb[call] = () => Promise.reject(new Error('the store is away'))
    login('ann')
    await clock.until(() => answers.length === 2, LIMIT_MS, 'the login to be refused')
    expect(answers).toEqual([true, false])
    expect(log.matching('error', 'Login threw: the store is away')).toHaveLength(1)
    expect(game.entitiesOf(Avatar)).toEqual([])
    kvdb[call] = works as never
    login('ann')
    await clock.until(isIn, LIMIT_MS, 'ann to be in')
  },
)

test('a login whose new avatar cannot be saved is refused, and may be tried again', async () => {
  const { cluster, clock, game } = await start()
  const { login, answers, isIn } = await account(cluster)
  const { save } = Avatar.prototype
  Avatar.prototype.save = () => Promise.reject(new Error('the store is full'))
  try {
    login('ann')
    await clock.until(() => answers.length === 2, LIMIT_MS, 'the login to be refused')
  } finally {
    Avatar.prototype.save = save
  }
  expect(answers).toEqual([true, false])
  expect(game.entitiesOf(Avatar)).toEqual([])
  login('ann')
  await clock.until(isIn, LIMIT_MS, 'ann to be in')
})
