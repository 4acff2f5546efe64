// One player. Names and attributes are those of GoWorld's test_game, so that its clients can play here.
import {
  anything,
  attr,
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
  value,
} from 'goworld'
import type { Account } from './account.ts'
import { AOITester } from './aoi_tester.ts'
import { MailService } from './mail_service.ts'
import type { MySpace } from './my_space.ts'
import { OnlineService } from './online_service.ts'
import { SpaceService } from './space_service.ts'

const SUBJECTS = ['monster', 'npc', 'item', 'avatar', 'boss_*']

const below = (limit: number) => Math.floor(Math.random() * limit)

export class Avatar extends entity({
  aoi: 100,
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
  override onAttrsReady() {
    if (this.attrs.prof === 0) this.attrs.prof = 1 + below(4)
    if (this.attrs.spaceKind === 0) this.attrs.spaceKind = 1 + below(100)
  }

  override onCreated() {
    // GoWorld's test_game forgets this; without it no position of a client is ever taken.
    this.setClientSyncing(true)
    this.game.service(OnlineService).CheckIn(this.id, this.attrs.name, this.attrs.level)
    for (const subject of SUBJECTS) this.game.service(PublishSubscribeService).Subscribe(this.id, subject)
  }

  override onClientConnected() {
    this.setClientFilter('spaceKind', this.attrs.spaceKind)
    this.setClientFilter('level', this.attrs.level)
    this.setClientFilter('prof', this.attrs.prof)
    this.setClientFilter('online', 0)
    this.setClientFilter('online', 1)
    this.#goTo(this.attrs.spaceKind)
  }

  override onClientDisconnected() {
    this.destroy()
  }

  override onDestroyed() {
    this.game.service(OnlineService).CheckOut(this.id)
    this.game.service(PublishSubscribeService).UnsubscribeAll(this.id)
  }

  // --- spaces --------------------------------------------------------------------------------------------------------
  EnterSpace(kind: number) {
    this.#goTo(kind)
  }

  /** The SpaceService has found a space of the kind. */
  async DoEnterSpace(_kind: number, spaceId: string) {
    if (this.isGone) return
    await this.enterSpace(entityId<MySpace>(spaceId), { x: below(800) - 400, y: 0, z: below(800) - 400 })
  }

  GetSpaceID(caller: string) {
    this.call(entityId<Account>(caller)).OnGetAvatarSpaceID(this.id)
  }

  /** One game has one nil space; choosing among several games' comes with several games. */
  async EnterRandomNilSpace() {
    await this.enterSpace(this.game.nilSpace)
    this.client.OnEnterRandomNilSpace()
  }

  #goTo(kind: number) {
    if (this.space.kind !== kind) this.game.service(SpaceService).EnterSpace(this.id, kind)
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
    const tester = this.game.create(AOITester)
    tester.enterSpace(this.space, this.position)
    this.game.defer(() => {
      this.client.OnTestAOI(tester.id)
      tester.destroy()
    })
  }

  /** Every client that sees this avatar, its own too, is asked to answer once. */
  TestCallAll() {
    const seeing = this.seen().filter((other) => other instanceof Avatar && other.hasClient && other.sees(this))
    this.attrs.testCallAllN = 1 + seeing.length
    this.allClients.TestCallAllPlzEcho(this.id)
  }

  TestCallAllEcho(avatarId: string) {
    const asked = this.game.entity(entityId<Avatar>(avatarId))
    if (!asked) return
    asked.attrs.testCallAllN--
    if (asked.attrs.testCallAllN === 0) asked.client.OnTestCallAll()
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
