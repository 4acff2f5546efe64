// What bots do to a server of test_game, one after the other: each begins with a call and ends with what comes back.
import { isDeepStrictEqual } from 'node:util'
import type { CallArguments, Data, MirrorEntity, SpaceMirror } from 'goworld/client'
import type { Bot } from './bot.ts'

/** A call from the server, on the bot's player or on another entity that it sees. */
type Hear = (bot: Bot, args: CallArguments, entity: MirrorEntity) => void

export interface Thing {
  readonly name: string
  start(bot: Bot, player: MirrorEntity): void
  /** What the server calls because of it, on whoever is concerned. */
  readonly hears?: Readonly<Record<string, Hear>>
  /** While the bot is at it: */
  entered?(bot: Bot, space: SpaceMirror): void
  destroyed?(bot: Bot, entity: MirrorEntity): void
}

const enterRandomSpace: Thing = {
  name: 'DoEnterRandomSpace',
  start(bot, player) {
    const kindMax = Math.max(2, Math.floor(bot.settings.bots / 400))
    let kind = 1 + Math.floor(bot.random() * kindMax)
    if (kind === bot.spaceKind) kind = (kind % kindMax) + 1
    bot.expected = kind
    bot.call(player, 'EnterSpace', kind)
  },
  // Another kind is the answer to an earlier attempt, which was given up.
  entered(bot, space) {
    if (space.kind === bot.expected) bot.done(enterRandomSpace)
  },
}

const enterRandomNilSpace: Thing = {
  name: 'DoEnterRandomNilSpace',
  start: (bot, player) => bot.call(player, 'EnterRandomNilSpace'),
  hears: {
    OnEnterRandomNilSpace(bot) {
      bot.leaveSpace()
      bot.done(enterRandomNilSpace)
    },
  },
}

const FIELDS = Array.from({ length: 1000 }, (_, index) => `field${index + 1}`)
const mail: Record<string, Data> = { a: 1, b: 'b', c: false, d: 1231.111 }

const sendMail: Thing = {
  name: 'DoSendMail',
  start(bot, player) {
    // One letter for all bots: it is written to the wire before the next one is.
    for (const field of FIELDS) mail[field] = Math.floor(bot.random() * 100)
    bot.call(player, 'SendMail', bot.someAvatar().id, mail)
  },
  hears: {
    OnSendMail(bot, args) {
      if (args.value(0) !== true) bot.error('refused', 'OnSendMail: the mail was not sent')
      bot.done(sendMail)
    },
  },
}

const getMails: Thing = {
  name: 'DoGetMails',
  start: (bot, player) => bot.call(player, 'GetMails'),
  hears: {
    OnGetMails(bot, args) {
      if (args.value(0) !== true) bot.error('refused', 'OnGetMails: the mails could not be had')
      bot.done(getMails)
    },
  },
}

const say = (name: string, channel: string): Thing => ({
  name,
  start: (bot, player) => bot.call(player, 'Say', channel, `this is a message in ${channel} channel`),
})
const sayInWorldChannel = say('DoSayInWorldChannel', 'world')
const sayInProfChannel = say('DoSayInProfChannel', 'prof')

const testListField: Thing = {
  name: 'DoTestListField',
  start: (bot, player) => bot.call(player, 'TestListField'),
  hears: {
    OnTestListField(bot, args, entity) {
      bot.compare('OnTestListField', entity.attrs['testListField'], args.value(0))
      bot.done(testListField)
    },
  },
}

const testPublish: Thing = {
  name: 'DoTestPublish',
  start: (bot, player) => bot.call(player, 'TestPublish'),
  hears: {
    OnTestPublish(bot, args, entity) {
      if (args.isText(0, entity.id)) bot.done(testPublish)
    },
  },
}

const testAOI: Thing = {
  name: 'DoTestAOI',
  start: (bot, player) => bot.call(player, 'TestAOI'),
  hears: {
    OnTestAOI(bot, args) {
      const id = args.value(0)
      const tester = typeof id === 'string' ? bot.game?.entities.get(id) : undefined
      if (tester?.type !== 'AOITester')
        bot.error('mismatch', `OnTestAOI(${id}): there is ${tester ?? 'no such entity'}`)
      bot.expected = tester?.id
    },
  },
  destroyed(bot, entity) {
    if (entity.id === bot.expected) bot.done(testAOI)
  },
}

const testCallAll: Thing = {
  name: 'DoTestCallAll',
  start: (bot, player) => bot.call(player, 'TestCallAll'),
  hears: {
    // On the player of whoever began it, at each client that sees it.
    TestCallAllPlzEcho(bot, args, entity) {
      bot.compare('TestCallAllPlzEcho', args.value(0), entity.id)
      bot.call(entity, 'TestCallAllEcho', entity.id)
    },
    OnTestCallAll: (bot) => bot.done(testCallAll),
  },
}

const COMPLEX = { key1: { key2: [true, [{ finalkey: 'iamhere' }]] } }

const testComplexAttr: Thing = {
  name: 'DoTestComplexAttr',
  start: (bot, player) => bot.call(player, 'TestComplexAttr'),
  hears: {
    OnTestComplexAttrStep1: (bot, _args, entity) =>
      bot.compare('OnTestComplexAttrStep1', entity.attrs['complexAttr'], COMPLEX),
    OnTestComplexAttrClear(bot, _args, entity) {
      bot.compare('OnTestComplexAttrClear', entity.attrs['complexAttr'], {})
      bot.done(testComplexAttr)
    },
  },
}

/** What a bot does that is in no space, or in a nil space. */
export const FIRST_THING = enterRandomSpace

export const THINGS: readonly Thing[] = [
  enterRandomSpace,
  enterRandomNilSpace,
  sendMail,
  getMails,
  sayInWorldChannel,
  sayInProfChannel,
  testListField,
  testPublish,
  testAOI,
  testCallAll,
  testComplexAttr,
]

/** Calls of the server by method. */
export const HEARS: ReadonlyMap<string, Hear> = new Map(THINGS.flatMap(({ hears }) => Object.entries(hears ?? {})))

/** What somebody said: `args` are sender, its name, channel and text. */
export function hearSaid(bot: Bot, args: CallArguments, playerId: string): void {
  if (!args.isText(0, playerId)) return
  if (args.isText(2, 'world')) bot.done(sayInWorldChannel)
  else if (args.isText(2, 'prof')) bot.done(sayInProfChannel)
}

export const same = (left: unknown, right: unknown): boolean => isDeepStrictEqual(left, right)
