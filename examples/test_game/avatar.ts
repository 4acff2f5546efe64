// One player. Names and attributes are those of GoWorld's test_game, so that its clients can play here.
//
// It lives on one game of several, and goes to another when the space that it enters is there. Whatever it waits for may
// be lost with a game that dies: each thing that its client waits for has a timer of its own.
import {
  anything,
  attr,
  type EntityClass,
  entity,
  entityId,
  idText,
  integer,
  list,
  map,
  mapOf,
  number,
  PublishSubscribeService,
  shape,
  string,
  type Timer,
  value,
} from 'goworld'
import type { Account } from './account.ts'
import { AOITester } from './aoi_tester.ts'
import { MailService } from './mail_service.ts'
import type { MySpace } from './my_space.ts'
import { OnlineService } from './online_service.ts'
import { SpaceService } from './space_service.ts'

const SUBJECTS = ['monster', 'npc', 'item', 'avatar', 'boss_*']

/** How long it is there without a client when an account has asked for it. */
const CLIENT_WITHIN_MS = 10_000
/** A space is asked for so often, so many times: the question, the answer or the space may be gone with a game. */
const ASK_AGAIN_MS = 1500
const ASKS_MAX = 20
/** A nil space that cannot be reached by then is left for that of its own game. */
const NIL_SPACE_WITHIN_MS = 2000
/** How often those are looked for who have not answered `TestCallAll`, and when they are not waited for any more. */
const ECHO_LOOK_MS = 500
const ECHO_LOOKS_MAX = 6

const below = (limit: number) => Math.floor(Math.random() * limit)

export class Avatar extends entity({
  aoi: 100,
  kept: ['leaving', 'wish', 'nilGame', 'nilLimit', 'asked', 'echoLook', 'aoiTests'],
  attrs: {
    name: attr('无名', 'allClients', 'persistent'),
    level: attr(1, 'allClients', 'persistent'),
    prof: attr(0, 'allClients', 'persistent'),
    exp: attr(0, 'client', 'persistent'),
    mails: map(string, 'client', 'persistent'),
    spaceKind: attr(0, 'persistent'),
    lastMailID: attr(0, 'persistent'),
    testListField: list(integer, 'allClients'),
    testCallAllN: attr(0),
    complexAttr: map(value, 'client'),
  },
  ownClient: {
    EnterSpace: [integer],
    EnterRandomNilSpace: [],
    SendMail: [idText, mapOf(anything)],
    GetMails: [],
    Say: [string, string],
    Move: [shape({ X: number, Y: number, Z: number })],
    TestPublish: [],
    TestAOI: [],
    TestCallAll: [],
    TestListField: [],
    TestComplexAttr: [],
  },
  allClients: { TestCallAllEcho: [idText] },
  client: {
    OnEnterRandomNilSpace() {},
    OnSendMail(_ok: boolean) {},
    OnGetMails(_ok: boolean) {},
    OnSay(_sender: string, _name: string, _channel: string, _content: string) {},
    OnTestPublish(_publisher: string, _subject: string, _content: string) {},
    OnTestAOI(_tester: string) {},
    TestCallAllPlzEcho(_avatar: string) {},
    OnTestCallAll() {},
    OnTestListField(_items: readonly number[]) {},
    OnTestComplexAttrStep1() {},
    OnTestComplexAttrClear() {},
  },
}) {
  /** It goes when this fires without a client. */
  leaving: Timer | undefined
  /** The kind of space that it is to be in, until it is. */
  wish: { readonly kind: number; asksLeft: number; again: Timer } | undefined
  /** The game whose nil space it is on its way to, or 0. */
  nilGame = 0
  nilLimit: Timer | undefined
  /** Whose clients have been asked for an echo. */
  asked = new Set<string>()
  echoLook: Timer | undefined
  /** Tests that wait until it is in a space, where things can be seen. */
  aoiTests = 0
  /** Counts where it was told to go: what an older way came to is of no interest. */
  #ways = 0

  override onAttrsReady() {
    if (this.attrs.prof === 0) this.attrs.prof = 1 + below(4)
    if (this.attrs.spaceKind === 0) this.attrs.spaceKind = 1 + below(100)
  }

  override onCreated() {
    // GoWorld's test_game forgets this; without it no position of a client is ever taken.
    this.setClientSyncing(true)
    this.#checkIn()
    this.#subscribe()
  }

  /** A service that was placed while it was on its way has not been told. */
  override onMigratedIn() {
    this.#checkIn()
    this.#subscribe()
    if (this.nilGame === this.game.id) this.#inNilSpace()
    // It is back: it is put where it was before, and then goes to the nil space here.
    else if (this.nilGame !== 0) this.game.defer(() => this.EnterOwnNilSpace())
  }

  /** The services that knew it have died with their game; the new ones know nothing. */
  override onServicePlaced(service: EntityClass) {
    if (service === OnlineService) this.#checkIn()
    else if (service === PublishSubscribeService) this.#subscribe()
    else if (service === SpaceService) this.AskForSpace()
  }

  override onClientConnected() {
    this.#stayNoLonger()
    this.setClientFilter('spaceKind', this.attrs.spaceKind)
    this.setClientFilter('level', this.attrs.level)
    this.setClientFilter('prof', this.attrs.prof)
    this.setClientFilter('online', 0)
    this.setClientFilter('online', 1)
    this.#goTo(this.attrs.spaceKind)
  }

  /** Unless another client is on its way to it. */
  override onClientDisconnected() {
    if (this.leaving === undefined) this.destroy()
  }

  override onDestroyed() {
    this.game.service(OnlineService).CheckOut(this.id)
    this.game.service(PublishSubscribeService).UnsubscribeAll(this.id)
  }

  #checkIn() {
    this.game.service(OnlineService).CheckIn(this.id, this.attrs.name, this.attrs.level, this.game.id)
  }

  #subscribe() {
    for (const subject of SUBJECTS) this.game.service(PublishSubscribeService).Subscribe(this.id, subject)
  }

  // --- logging in ----------------------------------------------------------------------------------------------------
  GetSpaceID(caller: string) {
    this.WaitForClient()
    this.call(entityId<Account>(caller)).OnGetAvatarSpaceID(this.id)
  }

  /** An account is about to give it a client: until then it stays. */
  WaitForClient() {
    this.#stayNoLonger()
    this.leaving = this.after(CLIENT_WITHIN_MS, this.LeaveWithoutClient)
  }

  LeaveWithoutClient() {
    this.leaving = undefined
    if (!this.hasClient) this.destroy()
  }

  #stayNoLonger() {
    if (this.leaving !== undefined) this.cancel(this.leaving)
    this.leaving = undefined
  }

  // --- spaces --------------------------------------------------------------------------------------------------------
  EnterSpace(kind: number) {
    this.#goTo(kind)
  }

  /** The SpaceService has found a space of the kind. It may be on another game, or gone with its game. */
  async DoEnterSpace(kind: number, spaceId: string) {
    // Nobody waits for an older answer any more.
    if (this.wish?.kind !== kind) return
    const way = ++this.#ways
    try {
      await this.enterSpace(entityId<MySpace>(spaceId), { x: below(800) - 400, y: 0, z: below(800) - 400 })
    } catch {
      if (this.isGone || way !== this.#ways) return
      this.game.service(SpaceService).NotifySpaceMissed(kind, spaceId)
      this.AskForSpace()
    }
  }

  override onEnteredSpace() {
    if (this.space.kind === this.wish?.kind) this.#wishNoLonger()
    const tests = this.aoiTests
    this.aoiTests = 0
    for (let run = 0; run < tests; run++) this.TestAOI()
  }

  #goTo(kind: number) {
    if (kind < 1) return
    const isLeaving = this.wish !== undefined || this.nilGame !== 0
    this.#wishNoLonger()
    if (this.space.kind !== kind) {
      this.wish = { kind, asksLeft: ASKS_MAX, again: 0 as Timer }
      this.AskForSpace()
    } else if (isLeaving) {
      // It may be on its way to another already.
      this.#ways++
      void this.enterSpace(this.space, this.position)
    }
  }

  /** Asks for a space of the kind that it wishes for, again and again until it is there. */
  AskForSpace() {
    const { wish } = this
    if (!wish) return
    this.cancel(wish.again)
    if (wish.asksLeft-- === 0) {
      this.wish = undefined
      return
    }
    wish.again = this.after(ASK_AGAIN_MS, this.AskForSpace)
    this.game.service(SpaceService).EnterSpace(this.id, wish.kind)
  }

  #wishNoLonger() {
    if (this.wish) this.cancel(this.wish.again)
    this.wish = undefined
  }

  /** That of any game, its own too. From another game the client hears when it is there: `onMigratedIn`. */
  async EnterRandomNilSpace() {
    if (this.nilGame !== 0) return
    this.#wishNoLonger()
    const way = ++this.#ways
    const { games } = this.game
    this.nilGame = games[below(games.length)]!
    this.nilLimit = this.after(NIL_SPACE_WITHIN_MS, this.EnterOwnNilSpace)
    try {
      await this.enterSpace(this.game.nilSpaceId(this.nilGame))
    } catch {
      if (this.isGone) return
      // Unless it was told to go elsewhere meanwhile.
      if (way === this.#ways) return this.EnterOwnNilSpace()
    }
    this.#inNilSpace()
  }

  /** The other one is not to be reached. */
  async EnterOwnNilSpace() {
    if (this.isGone || this.nilGame === 0) return
    if (!this.wish) {
      this.#ways++
      await this.enterSpace(this.game.nilSpace)
    }
    this.#inNilSpace()
  }

  #inNilSpace() {
    if (this.nilGame === 0) return
    this.nilGame = 0
    if (this.nilLimit !== undefined) this.cancel(this.nilLimit)
    this.nilLimit = undefined
    this.client.OnEnterRandomNilSpace()
  }

  Move({ X: x, Y: y, Z: z }: { readonly X: number; readonly Y: number; readonly Z: number }) {
    this.position = { x, y, z }
  }

  // --- mail ----------------------------------------------------------------------------------------------------------
  SendMail(target: string, mail: Readonly<Record<string, unknown>>) {
    this.game.service(MailService).SendMail(this.id, this.attrs.name, target, mail)
  }

  OnSendMail(ok: boolean) {
    this.client.OnSendMail(ok)
  }

  NotifyReceiveMail() {}

  GetMails() {
    this.game.service(MailService).GetMails(this.id, this.attrs.lastMailID)
  }

  /** Mails after `lastMailID`, oldest first. */
  OnGetMails(lastMailID: number, mails: readonly (readonly [number, string])[]) {
    // An answer to an older question: what it brings is here already.
    if (lastMailID !== this.attrs.lastMailID) return this.client.OnGetMails(false)
    for (const [mailId, mail] of mails) {
      this.attrs.mails.set(String(mailId), mail)
      this.attrs.lastMailID = mailId
    }
    this.client.OnGetMails(true)
  }

  // --- talk ----------------------------------------------------------------------------------------------------------
  Say(channel: string, content: string) {
    const { name, prof } = this.attrs
    if (channel === 'world') this.clientsWhere('').OnSay(this.id, name, channel, content)
    else if (channel === 'prof') this.clientsWhere('prof', '=', String(prof)).OnSay(this.id, name, channel, content)
  }

  TestPublish() {
    const subject = SUBJECTS[below(SUBJECTS.length)]!.replace('*', String(below(100)))
    this.game
      .service(PublishSubscribeService)
      .Publish(subject, `${this.id}: hello ${subject}, this is a test publish message`)
  }

  OnPublish(subject: string, content: string) {
    this.client.OnTestPublish(content.slice(0, 16), subject, content)
  }

  // --- tests of the engine -----------------------------------------------------------------------------------------
  TestAOI() {
    if (this.space.isNil) {
      // Nobody sees anything here. Its space was gone when it came; it will be in another soon.
      this.aoiTests++
      return
    }
    const tester = this.game.create(AOITester)
    tester.enterSpace(this.space, this.position)
    // At once: its client may say in a moment that it is elsewhere, and would not see it any more.
    this.client.OnTestAOI(tester.id)
    this.game.defer(() => tester.destroy())
  }

  /** Every client that sees this avatar, its own too, is asked to answer once. */
  TestCallAll() {
    const seeing = this.seen().filter((other) => other instanceof Avatar && other.hasClient && other.sees(this))
    this.asked = new Set(seeing.map(({ id }) => id))
    this.attrs.testCallAllN = 1 + seeing.length
    this.allClients.TestCallAllPlzEcho(this.id)
    if (this.echoLook !== undefined) this.cancel(this.echoLook)
    this.echoLook = this.after(ECHO_LOOK_MS, this.LookForEchoes, 1)
  }

  TestCallAllEcho(avatarId: string) {
    const asker = this.game.entity(entityId<Avatar>(avatarId))
    if (asker instanceof Avatar) asker.#echoed()
  }

  /** Whoever does not see this avatar any more may have gone before it could answer: it counts as if it had. */
  LookForEchoes(looks: number) {
    this.echoLook = undefined
    const over = looks === ECHO_LOOKS_MAX
    for (const id of this.asked) {
      const other = this.game.entity(entityId<Avatar>(id))
      if (other?.hasClient && other.sees(this) && !over) continue
      this.asked.delete(id)
      this.#echoed()
    }
    if (this.attrs.testCallAllN === 0) return
    if (over) this.#callAllOver()
    else this.echoLook = this.after(ECHO_LOOK_MS, this.LookForEchoes, looks + 1)
  }

  #echoed() {
    if (this.attrs.testCallAllN > 0 && --this.attrs.testCallAllN === 0) this.#callAllOver()
  }

  #callAllOver() {
    this.attrs.testCallAllN = 0
    this.client.OnTestCallAll()
  }

  TestListField() {
    const { testListField: items } = this.attrs
    if (items.length > 0 && Math.random() < 1 / 3) items.pop()
    else if (items.length > 0 && Math.random() < 1 / 2) items.set(below(items.length), below(100))
    else items.push(below(100))
    this.client.OnTestListField([...items])
  }

  TestComplexAttr() {
    const { complexAttr } = this.attrs
    const deep = complexAttr.map('key1').list('key2')
    deep.push(true)
    deep.pushList().pushMap().set('finalkey', 'iamhere')
    this.client.OnTestComplexAttrStep1()
    complexAttr.clear()
    this.client.OnTestComplexAttrClear()
  }
}
