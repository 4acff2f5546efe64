// Authors do what they like in hooks: enter, leave, move, give clients away, destroy. Whatever they do, each client sees
// what the AOI says, nobody is in two spaces, and for each pair entering and leaving alternate.

import { attr, type Entity, entity, game, list, number, type Space, space } from 'goworld'
import { expect, test } from 'vitest'
import { seededRandom } from '../../engine/base/random.ts'
import { coreOf } from '../../engine/entity/core.ts'
import { TestCluster } from './cluster.ts'

type Kind = 'enteredAoi' | 'leftAoi' | 'enteredSpace' | 'leftSpace' | 'memberEntered' | 'memberLeft' | 'destroyed'
let react: (kind: Kind, me: Entity, other?: Entity) => void = () => {}
const wrong: string[] = []

class Room extends space({ attrs: { weather: attr(0, 'allClients') } }) {
  readonly #inside = new Set<Entity>()

  override onEntityEntered(member: Entity) {
    if (this.#inside.has(member)) wrong.push(`${member} entered ${this} twice`)
    this.#inside.add(member)
    react('memberEntered', member)
  }

  override onEntityLeft(member: Entity) {
    if (!this.#inside.delete(member)) wrong.push(`${member} left ${this} without having entered`)
    react('memberLeft', member)
  }
}

class Fighter extends entity({
  aoi: 10,
  attrs: { hp: attr(0, 'allClients'), gold: attr(0, 'client'), marks: list(number, 'allClients') },
}) {
  readonly #seen = new Set<Entity>()
  #place: Space | undefined

  override onEnteredAoi(other: Entity) {
    if (this.#seen.has(other) || !this.sees(other)) wrong.push(`${this} heard falsely that ${other} is near`)
    this.#seen.add(other)
    react('enteredAoi', this, other)
  }

  override onLeftAoi(other: Entity) {
    if (!this.#seen.delete(other) || this.sees(other)) wrong.push(`${this} heard falsely that ${other} is gone`)
    react('leftAoi', this, other)
  }

  override onEnteredSpace() {
    if (this.#place) wrong.push(`${this} entered a space while it was in one`)
    this.#place = this.space
    react('enteredSpace', this)
  }

  override onLeftSpace(left: Space) {
    if (this.#place !== left) wrong.push(`${this} left a space that it was not in`)
    this.#place = undefined
    react('leftSpace', this)
  }

  override onDestroyed() {
    if (this.#seen.size > 0 || this.#place) wrong.push(`${this} was destroyed while it saw others or was in a space`)
    react('destroyed', this)
  }
}

class Account extends entity({}) {}

const definition = game([Account, Fighter, Room])
type World = { Account: typeof Account; Fighter: typeof Fighter }

async function play(seed: number): Promise<string[]> {
  const cluster = await TestCluster.start({ definition, gates: 2, seed })
  const { game: server } = cluster.games[0]!.world
  const random = seededRandom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const rooms = [server.createSpace(Room, 1), server.createSpace(Room, 2), server.createSpace(Room, 3)]
  const fighters = Array.from({ length: 8 }, () => server.create(Fighter))
  const pick = () => fighters[below(fighters.length)]!
  const clients = [await cluster.client<World>(1), await cluster.client<World>(2), await cluster.client<World>(1)]
  await cluster.clock.until(() => clients.every(({ player }) => player))
  for (const [at, account] of server.entitiesOf(Account).entries()) account.giveClientTo(fighters[at]!)

  const act = (fighter: Fighter) => {
    if (fighter.isGone) return
    const target = below(12)
    if (target < 3) void fighter.enterSpace(rooms[target]!, { x: below(30), y: 0, z: 0 }).catch(() => {})
    else if (target === 3) void fighter.enterSpace(server.nilSpace).catch(() => {})
    else if (target < 6) fighter.position = { x: below(30), y: 0, z: 0 }
    else if (target === 6) fighter.attrs.hp++
    else if (target === 7) {
      fighter.attrs.gold++
      fighter.attrs.marks.push(below(5))
      if (below(3) === 0) fighter.attrs.marks.pop()
    } else if (target === 8) fighter.aoi = below(25)
    else if (target === 9) {
      const other = pick()
      if (!other.isGone && !other.hasClient) fighter.giveClientTo(other)
    } else if (target === 10) rooms[below(3)]!.attrs.weather++
    else if (below(6) === 0 && !fighter.hasClient) {
      fighter.destroy()
      fighters[fighters.indexOf(fighter)] = server.create(Fighter)
    }
  }

  let depth = 0
  react = (_, me, other) => {
    if (depth >= 3 || random() > 0.3) return
    depth++
    act((random() < 0.5 && other ? other : me) as Fighter)
    if (random() < 0.2) act(pick())
    depth--
  }
  for (let step = 0; step < 150; step++) {
    act(pick())
    if (step % 6 === 0) await cluster.clock.advance(20)
  }
  react = () => {}
  await cluster.clock.advance(500)

  for (const client of clients) {
    const own = client.player?.type === 'Fighter' ? server.entity(client.player.id as never) : undefined
    if (!own) {
      wrong.push('a client without its player')
      continue
    }
    const core = coreOf(own)
    const there = [...client.entities.keys()].filter((id) => id !== client.space?.id).sort()
    const seen = (core.space?.seenBy(core) ?? []).map(({ id }) => id as string)
    if (there.join() !== [own.id as string, ...seen].sort().join()) wrong.push(`a client of ${own} sees the wrong ones`)
    if ((client.space?.id ?? '') !== (core.space?.id ?? '')) wrong.push(`a client of ${own} is in the wrong space`)
    const room = rooms.find(({ id }) => id === client.space?.id)
    if (client.space && client.space.attrs['weather'] !== room?.attrs.weather) wrong.push('a client with wrong weather')
    for (const mirror of client.entities.values()) {
      const subject = fighters.find(({ id }) => id === mirror.id)
      if (!subject || mirror.type !== 'Fighter') continue
      if (mirror.attrs.hp !== subject.attrs.hp) wrong.push(`a mirror of ${subject} with the wrong hp`)
      if (mirror.attrs.marks.join() !== [...subject.attrs.marks].join()) wrong.push(`wrong marks of ${subject}`)
      if (Math.abs(mirror.position.x - subject.position.x) > 1e-3) wrong.push(`a mirror of ${subject} elsewhere`)
    }
  }
  for (const room of rooms)
    for (const member of room.entities) if (member.space !== room || member.isGone) wrong.push(`a ghost of ${member}`)
  wrong.push(...cluster.errors.map(String), ...cluster.log.matching('error', '').map(String))
  await cluster.stop()
  return wrong.splice(0)
}

test('whatever authors do in hooks, clients see what is true and hooks alternate', async () => {
  for (let seed = 1; seed <= 200; seed++) expect([seed, ...(await play(seed))]).toEqual([seed])
})
