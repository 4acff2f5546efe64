// The services of the test game when things go wrong: avatars that never come, stores that fail, a game that is killed.
import { afterEach, expect, test } from 'vitest'
import { Avatar } from '../../../examples/test_game/avatar.ts'
import { MailService } from '../../../examples/test_game/mail_service.ts'
import { MySpace } from '../../../examples/test_game/my_space.ts'
import { SpaceService } from '../../../examples/test_game/space_service.ts'
import testGame from '../../../examples/test_game/test_game.ts'
import { TestCluster } from '../../components/cluster.ts'

const MINUTE_MS = 60_000
const LIMIT_MS = 10_000
const KIND = 777

let cluster: TestCluster | undefined
afterEach(() => cluster?.stop())

async function start() {
  cluster = await TestCluster.start({ definition: testGame })
  const { clock, kvdb, storage, log } = cluster
  const { world } = cluster.games[0]!
  const { game } = world
  const spaces = () => game.entitiesOf(MySpace).filter((space) => space.kind === KIND)
  /** How many are in each of the spaces. */
  const counts = () => spaces().map((space) => space.count(Avatar))
  const enter = (avatarId: string) => game.service(SpaceService).EnterSpace(avatarId, KIND)
  await clock.until(() => game.entitiesOf(SpaceService).length + game.entitiesOf(MailService).length === 2)
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
  expect(await storage.read('MailService', id)).toMatchObject({ lastMailID: expect.toSatisfy((n) => n >= 5) })

  // As after kill -9: what has not been written by now never is.
  const { write } = storage
  storage.write = async () => {}
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
