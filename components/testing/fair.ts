// The built-in game: walkers on the meadows of several games, who earn gold, speak, change in every way that attributes can,
// go from game to game and change bodies. Whatever they do is in the ledger.
//
//     Guest ──enter──> Walker <──swap──> its twin          Walker ──deposit──> Purse, saved       Walker ──tell──> Tally
import { integer, maybe, number, string } from '../../engine/base/check.ts'
import { Undelivered } from '../../engine/base/errors.ts'
import { value } from '../../engine/entity/collections.ts'
import { attr, type EntityId, list, map, optional, record } from '../../engine/entity/contract.ts'
import { game } from '../../engine/entity/definition.ts'
import { entity } from '../../engine/entity/entity.ts'
import { service } from '../../engine/entity/service.ts'
import { space } from '../../engine/entity/space.ts'
import { Ledger } from './ledger.ts'

export class Meadow extends space({ attrs: { weather: attr('sun', 'allClients'), visits: attr(0, 'allClients') } }) {
  override onGameReady() {
    const meadow = this.game.createSpace(Meadow, this.game.id)
    this.game.registry.register(`meadow/${this.game.id}`, meadow.id, { force: true })
  }
  override onEntityEntered() {
    this.attrs.visits++
  }
}

export class Guest extends entity({ ownClient: { enter: [string, maybe(string)] } }) {
  enter(name: string, purse: string | null | undefined) {
    const walker = this.game.create(Walker, { name, purse: purse || this.game.createAnywhere(Purse, { owner: name }) })
    walker.attrs.twin = this.game.create(Walker, {
      name: `${name}'s twin`,
      purse: walker.attrs.purse,
      twin: walker.id,
    }).id
    this.giveClientTo(walker)
    walker.travel(0, this.game.id, 0, 0)
  }
  override onClientDisconnected() {
    this.destroy()
  }
}

export class Walker extends entity({
  aoi: 40,
  kept: ['steps', 'friends'],
  attrs: {
    name: attr('', 'allClients'),
    purse: attr('', 'client'),
    twin: attr('', 'client'),
    count: attr(0, 'client'),
    mood: attr(0, 'allClients', 'persistent'),
    secret: attr(0),
    title: optional(string, 'allClients'),
    bag: map(value, 'client'),
    trail: list(integer, 'allClients'),
    looks: record({ hat: attr(''), colors: list(string), marks: map(integer) }, 'allClients'),
  },
  ownClient: {
    walk: [integer, number, number],
    change: [integer],
    travel: [integer, integer, number, number],
    earn: [integer],
    poke: [integer, string],
    swap: [integer],
    speak: [integer],
    later: [integer, integer],
    tell: [integer],
    keep: [integer],
  },
  client: { altered(_no: number) {}, earned(_ask: number) {}, spoke(_no: number) {} },
}) {
  steps = 0
  friends = new Set<string>()

  get #ledger() {
    return Ledger.of(this.game)
  }
  /** Who speaks, in which life: calls of another life may be overtaken. */
  get #me() {
    return `${this.id} of game ${this.game.id}, life ${this.attrs.secret}`
  }

  override onCreated() {
    this.setClientSyncing(true)
  }
  override onMigratedIn() {
    this.attrs.secret++
  }
  override onClientDisconnected() {
    // Who was only given away stays.
    this.after(3000, this.goHome)
  }
  goHome() {
    if (!this.hasClient && !this.attrs.name.endsWith('twin')) this.attrs.mood = -1
  }

  walk(no: number, x: number, z: number) {
    this.#ledger.do(no)
    this.position = { x, y: 0, z }
    this.steps++
  }
  travel(no: number, gameId: number, x: number, z: number) {
    if (no > 0) this.#ledger.do(no)
    const meadow = this.game.registry.get(`meadow/${gameId}`)
    if (meadow) this.enterSpace(meadow as EntityId<Meadow>, { x, y: 0, z }).catch(() => {})
  }
  /** Every kind of change, then a call: its client hears of them first. */
  change(no: number) {
    this.#ledger.do(no)
    const { attrs } = this
    const { bag, trail, looks } = attrs
    attrs.mood++
    attrs.title = no % 3 === 0 ? undefined : `the ${no}th`
    bag.set(`k${no % 4}`, { no, deep: [no] })
    bag.map('shelf').set(`s${no % 3}`, no)
    if (no % 5 === 0) bag.delete(`k${(no + 1) % 4}`)
    if (no % 11 === 0) bag.clear()
    trail.push(no)
    if (trail.length > 5) trail.pop()
    if (trail.length > 2) trail.set(1, -no)
    looks.hat = `hat ${no}`
    looks.colors.push(`c${no}`)
    if (looks.colors.length > 3) looks.colors.assign([])
    looks.marks.set(`m${no % 4}`, no)
    attrs.count = no
    this.client.altered(no)
  }
  speak(no: number) {
    this.#ledger.do(no)
    this.attrs.mood = no
    this.allClients.spoke(no)
  }
  swap(no: number) {
    this.#ledger.do(no)
    this.giveClientTo(this.attrs.twin as EntityId<Walker>)
  }
  /** Gold that is acknowledged is in the purse, once, and saved. */
  async earn(no: number) {
    this.#ledger.do(no)
    const { purse } = this.attrs
    const ask = this.#ledger.say('ask', this.#me, purse)
    try {
      await this.ask(purse as EntityId<Purse>, 5000).deposit(ask)
      this.#ledger.acknowledge(ask)
      this.client.earned(ask)
    } catch (error) {
      if (error instanceof Undelivered) this.game.load(Purse, purse as EntityId<Purse>)
    }
  }
  async tell(no: number) {
    this.#ledger.do(no)
    const tally = this.game.serviceId(Tally)
    const ask = this.#ledger.say('ask', this.#me, tally)
    try {
      await this.ask(tally, 5000).add(ask)
      this.#ledger.acknowledge(ask)
    } catch {
      // Whoever asks may not know whether it was done.
    }
  }
  poke(no: number, whom: string) {
    this.#ledger.do(no)
    this.call(whom as EntityId<Walker>).poked(this.#ledger.say('call', this.#me, whom), this.attrs.name)
  }
  poked(call: number, by: string) {
    this.#ledger.do(call)
    this.friends.add(by)
  }
  later(no: number, ms: number) {
    this.#ledger.do(no)
    this.after(ms, this.due, this.#ledger.say('timer', this.id, this.id))
  }
  due(timer: number) {
    this.#ledger.do(timer)
    this.attrs.mood += 1
  }
  async keep(no: number) {
    this.#ledger.do(no)
    await this.save().catch(() => {})
  }
}

/** Somebody's gold: which deposits there were. */
export class Purse extends entity({
  attrs: { owner: attr('', 'persistent'), deposits: list(integer, 'persistent') },
}) {
  async deposit(ask: number) {
    Ledger.of(this.game).do(ask)
    this.attrs.deposits.push(ask)
    await this.save()
  }
}

export class Tally extends service({ kept: ['total'] }) {
  total = 0
  add(ask: number) {
    Ledger.of(this.game).do(ask)
    this.total++
  }
}

export const fair = game([Guest, Walker, Purse, Tally, Meadow], { nilSpace: Meadow })
