// The chat room's server: who may come in, who hears what, and what is kept of whom.

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { connect } from 'goworld/client'
import { tcpStream } from 'goworld/client/tcp'
import { describe, expect, onTestFinished, test } from 'vitest'
import { GameFolder } from '../../components/cli/game-folder.ts'
import { until } from '../../program.ts'
import { Guest, PASSWORD } from './guest.ts'
import { OldClient } from './old-client.ts'

interface Status {
  readonly processes: readonly { readonly role: string; readonly entities: number }[]
}

async function open(game = new GameFolder({ example: 'chatroom' })) {
  const server = game.begin('dev')
  await server.said(' is up')
  const [, gate] = /tcp:\/\/(\S+)/.exec(server.out)!
  return { game, server, gate: gate!, guest: () => new Guest(gate!) }
}

describe('at the door', () => {
  test('one registers once, and logs in with the same name and password', async () => {
    const { guest, server } = await open()
    const ada = guest()
    await ada.connected()
    ada.account.server.Register('Ada', PASSWORD)
    expect(await ada.hears()).toBe('You are registered: log in now')
    ada.account.server.Register('Ada', 'another one')
    expect(await ada.hears()).toBe('! This name is taken')
    for (const [name, password] of [
      ['Ada', 'another one'],
      ['Ada', ''],
      ['Ada', 'x'.repeat(10_000)],
      ['Bo', PASSWORD],
      ['ada', PASSWORD],
      ['', PASSWORD],
      ['avatarID$Ada', PASSWORD],
    ] as const) {
      ada.account.server.Login(name, password)
      expect(await ada.hears()).toBe('! Nobody has this name and this password')
    }
    await ada.loggedIn('Ada')
    expect(ada.avatar.attrs).toMatchObject({ name: 'Ada', chatroom: '1' })
    expect(server.text).not.toContain(PASSWORD)
  })

  test('names and passwords have a form', async () => {
    const { guest } = await open()
    const bo = guest()
    await bo.connected()
    for (const name of ['', ' ', 'a b', 'x'.repeat(21), 'a$b', 'a\nb', '<b>', '/join']) {
      bo.account.server.Register(name, PASSWORD)
      expect(await bo.hears()).toMatch(/^! A name has/)
    }
    for (const password of ['', '12345', 'x'.repeat(101)]) {
      bo.account.server.Register('Bo', password)
      expect(await bo.hears()).toMatch(/^! A password has/)
    }
    bo.account.server.Register('Łukasz_1.é-漢', PASSWORD)
    expect(await bo.hears()).toMatch('You are registered')
  })

  test('what is no text is refused by the engine, and the account goes on', async () => {
    const { guest, gate } = await open()
    await guest().registered('Ada')
    const plain = connect(tcpStream(gate))
    onTestFinished(() => plain.close())
    const heard: unknown[] = []
    plain.on('Account', { ShowError: (message: string) => void heard.push(message) })
    await until(() => plain.player, 'the account is there')
    const { id } = plain.player!
    for (const args of [[], ['Ada'], [1, 2], ['Ada', null], ['Ada', { $ne: '' }], ['Ada', PASSWORD, 1]])
      plain.call(id, 'Login', ...args)
    plain.call(id, 'OnGetAvatarSpaceID', id)
    plain.call(id, 'destroy')
    plain.call(id, 'Login', 'Ada', 'wrong one')
    await until(() => heard.length > 0, 'an answer')
    expect(heard).toEqual(['Nobody has this name and this password'])
    expect(plain.player).toMatchObject({ type: 'Account', id })
  })

  test('of two that register a name at once, one has it', async () => {
    const { guest } = await open()
    const guests = [guest(), guest(), guest()]
    await Promise.all(guests.map((one) => one.connected()))
    for (const [n, { account }] of guests.entries()) account.server.Register('Ada', `password ${n}`)
    await until(() => guests.every(({ heard }) => heard.length === 1), 'all have their answers')
    const answers = guests.map(({ heard }) => heard[0]).sort()
    expect(answers).toEqual(['! This name is taken', '! This name is taken', 'You are registered: log in now'])
  })

  test('a second login takes the player over, and the room sees one of it', async () => {
    const { guest } = await open()
    const [first, second] = [await guest().registered('Ada'), guest()]
    await second.loggedIn('Ada')
    await until(() => first.game.closed !== undefined, 'the first is closed')
    await second.inRoom('1', 'Ada')
  })
})

describe('in the rooms', () => {
  test('those in one hear each other, and nobody else', async () => {
    const { guest } = await open()
    const [ada, bo, eve] = [
      await guest().registered('Ada'),
      await guest().registered('Bo'),
      await guest().registered('Eve'),
    ]
    await ada.inRoom('1', 'Ada', 'Bo', 'Eve')
    eve.avatar.server.SendChat('/join kitchen')
    await eve.inRoom('kitchen', 'Eve')
    await ada.inRoom('1', 'Ada', 'Bo')
    await until(() => bo.avatar.attrs.rooms.length === 2, 'the rooms are known')
    expect(bo.avatar.attrs.rooms).toEqual([
      { name: '1', people: 2 },
      { name: 'kitchen', people: 1 },
    ])
    ada.avatar.server.SendChat('  hello  ')
    expect(await bo.hears()).toBe('Ada: hello')
    eve.avatar.server.SendChat('nobody here?')
    expect(await eve.hears()).toBe('Eve: nobody here?')
    bo.avatar.server.SendChat('/join\tkitchen')
    await bo.inRoom('kitchen', 'Bo', 'Eve')
    eve.avatar.server.SendChat('cake?')
    expect(await bo.hears()).toBe('Eve: cake?')
    expect(ada.heard.slice(1)).toEqual(['Ada: hello'])
    bo.game.close()
    await eve.inRoom('kitchen', 'Eve')
  })

  test('what cannot be said is answered to who said it, alone', async () => {
    const { guest } = await open()
    const [ada, bo] = [await guest().registered('Ada'), await guest().registered('Bo')]
    await ada.inRoom('1', 'Ada', 'Bo')
    for (const [text, answer] of [
      ['/dance', /command \/dance/],
      ['/', /command \/,/],
      ['/join', /name of a room/],
      ['/join <b>', /name of a room/],
      [`/join ${'x'.repeat(21)}`, /name of a room/],
      ['x'.repeat(501), /500 characters/],
    ] as const) {
      ada.avatar.server.SendChat(text)
      expect(await ada.hears()).toMatch(answer)
    }
    for (const text of ['', '   ', '\n']) ada.avatar.server.SendChat(text)
    for (const room of ['__proto__', 'constructor']) ada.avatar.server.SendChat(`/join ${room}`)
    await ada.inRoom('constructor', 'Ada')
    ada.avatar.server.SendChat('/join 1')
    await ada.inRoom('1', 'Ada', 'Bo')
    ada.avatar.server.SendChat('x'.repeat(500))
    expect(await bo.hears()).toBe(`Ada: ${'x'.repeat(500)}`)
    expect(bo.heard).toHaveLength(2)
  })
})

test('names last, passwords only as hashes', async () => {
  const { game, server, guest } = await open()
  const ada = await guest().registered('Ada')
  const { id } = ada.avatar
  server.kill('SIGINT')
  await server.ended
  const file = new DatabaseSync(join(game.path, 'goworld.db'))
  const keys = file.prepare('SELECT key, value FROM kv ORDER BY key').all()
  file.close()
  expect(keys).toEqual([
    { key: 'avatarID$Ada', value: id },
    { key: 'password$Ada', value: expect.stringMatching(/^scrypt\$[\w+/]{22}==\$[\w+/]{43}=$/) },
  ])
  const again = await open(game)
  expect((await again.guest().loggedIn('Ada')).avatar).toMatchObject({ id, attrs: { name: 'Ada' } })
})

test('on several games everybody is in the same rooms, and who died with a game is struck off', async () => {
  const game = new GameFolder({ example: 'chatroom' })
  const server = game.begin('start', '-games', '2')
  await server.said('stop: ')
  const [, gate] = /gate1 +tcp:\/\/(\S+)/.exec(server.out)!
  const [names, guests]: [string[], Guest[]] = [[], []]
  // A nil space and perhaps the service are no avatars. Where one is placed is the dispatcher's affair.
  const bothHaveSome = async () => {
    const { processes } = JSON.parse((await game.command('status', '-json')).out) as Status
    return processes.filter(({ role, entities }) => role === 'game' && entities > 2).length === 2
  }
  for (let n = 10; n < 40 && !(await bothHaveSome()); n++) {
    names.push(`Guest${n}`)
    guests.push(await new Guest(gate!).registered(`Guest${n}`))
  }
  const [first] = guests
  await first!.inRoom('1', ...names)
  first!.avatar.server.SendChat('hello')
  await until(() => guests.every(({ heard }) => heard.at(-1) === 'Guest10: hello'), 'all have heard')
  process.kill(game.pidOf('game', 2), 'SIGKILL')
  // Those who were on it are closed one after the other.
  const struckOff = () => {
    const there = names.filter((_, n) => guests[n]!.game.closed === undefined)
    const left = guests.filter(({ game }) => game.closed === undefined)
    return left.length < guests.length && left.every(({ avatar }) => avatar.attrs.people.join() === there.join())
  }
  await until(struckOff, 'those who are left see each other, and nobody else')
})

test('GoWorld’s own client of 2017 talks with those of today, at a gate that speaks as it does', async () => {
  const game = new GameFolder({ example: 'chatroom', ini: '[gate2]\nclient_protocol=2017\n' })
  const server = game.begin('start', '-gates', '2')
  await server.said('stop: ')
  const [, gate] = /gate1 +tcp:\/\/(\S+)/.exec(server.out)!
  const [, url] = /gate2 .*(ws:\S+)/.exec(server.out)!
  const ada = await new Guest(gate!).registered('Ada')
  const old = await OldClient.connect(url!)
  await until(() => old.player, 'the account')
  expect(old.player).toMatchObject({ type: 'Account' })
  old.callServer('Register', 'Bo', PASSWORD)
  await until(() => old.heard.length === 1, 'an answer')
  old.callServer('Login', 'Bo', 'wrong one')
  await until(() => old.heard.length === 2, 'an answer')
  old.callServer('Login', 'Bo', PASSWORD)
  await until(() => old.player?.type === 'Avatar', 'the avatar')
  expect(old.player!.attrs).toMatchObject({ name: 'Bo', chatroom: '1' })
  await ada.inRoom('1', 'Ada', 'Bo')
  ada.avatar.server.SendChat('hello')
  await until(() => old.heard.length === 3, 'a line')
  old.callServer('SendChat', 'hello yourself')
  expect(await ada.hears()).toBe('Bo: hello yourself')
  await until(() => old.heard.length === 4, 'its own line')
  old.callServer('SendChat', '/dance')
  await until(() => old.heard.length === 5, 'an answer')
  expect(old.heard).toEqual([
    'Account.ShowInfo(You are registered: log in now)',
    'Account.ShowError(Nobody has this name and this password)',
    'Avatar.OnRecvChat(Ada, hello)',
    'Avatar.OnRecvChat(Bo, hello yourself)',
    'Avatar.ShowError(There is no command /dance, only /join <room>)',
  ])
})
