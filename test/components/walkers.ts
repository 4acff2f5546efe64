// A game of people who walk about, from game to game, and poke each other: what the tests of migration and freeze play. Its
// truth can be checked: each lives in one place, and each client sees what there is.
import { expect } from 'vitest'
import {
  attr,
  type EntityId,
  entity,
  game,
  integer,
  list,
  map,
  service,
  space,
  string,
  value,
} from '../../components/game/goworld.ts'
import { Attrs } from '../../engine/entity/attrs.ts'
import type { EntityCore } from '../../engine/entity/core.ts'
import { AUDIENCE_ALL } from '../../engine/wire/messages.ts'
import { type ClusterOptions, TestCluster } from './cluster.ts'

/** What hooks have to tell. */
export const heard: string[] = []

export class Field extends space({ attrs: { weather: attr('sun', 'allClients') } }) {
  override onGameReady() {
    this.game.registry.register(`field/${this.game.id}`, this.game.createSpace(Field, this.game.id).id)
    heard.push(`ready ${this.game.id}`)
  }
}

export class Account extends entity({ ownClient: { enter: [string, integer] } }) {
  enter(name: string, gameId: number) {
    const player = this.game.create(Player, { name })
    this.giveClientTo(player)
    player.go(gameId, 0, 0)
  }
  override onClientDisconnected() {
    this.destroy()
  }
}

export class Player extends entity({
  aoi: 30,
  kept: ['beats', 'mates', 'beat'],
  attrs: {
    name: attr('', 'allClients'),
    count: attr(0, 'client'),
    steps: list(integer, 'allClients'),
    bag: map(value, 'client'),
    poked: map(list(integer)),
    mood: attr(0, 'allClients'),
    homes: attr(0, 'persistent'),
  },
  ownClient: {
    walk: [integer, integer],
    add: [integer],
    go: [integer, integer, integer],
    pokeAll: [integer],
    tally: [integer],
    give: [string],
    die: [],
  },
  client: { added(_n: number) {}, total(_n: number) {} },
}) {
  beats = 0
  beat = 0
  mates = new Set<string>()

  override onCreated() {
    this.setClientSyncing(true)
    this.setClientFilter('name', this.attrs.name)
    this.beat = this.every(100, this.onBeat) as number
  }
  override onClientDisconnected() {
    // Heroes outlive their clients.
    if (!this.attrs.name.startsWith('hero')) this.destroy()
  }
  override onMigratedIn() {
    this.attrs.homes++
  }
  override onFrozen() {
    heard.push(`frozen ${this.attrs.name}`)
  }
  override onRestored() {
    heard.push(`restored ${this.attrs.name}`)
  }
  override onServicePlaced() {
    heard.push(`placed ${this.attrs.name}`)
  }
  onBeat() {
    this.beats++
  }
  walk(x: number, z: number) {
    this.position = { x, y: 0, z }
    this.attrs.mood++
  }
  go(gameId: number, x: number, z: number) {
    const field = this.game.registry.get(`field/${gameId}`)
    if (field) this.enterSpace(field as EntityId<Field>, { x, y: 0, z }).catch(() => {})
  }
  add(n: number) {
    this.attrs.steps.push(n)
    this.attrs.count += 1
    this.attrs.bag.map('deep').set(`k${n % 5}`, { n })
    if (this.attrs.steps.length > 6) this.attrs.steps.pop()
    this.client.added(n)
  }
  pokeAll(n: number) {
    for (const id of ids) if (id !== this.id) this.call(id).poke(this.attrs.name, n)
  }
  poke(from: string, n: number) {
    this.mates.add(from)
    this.attrs.poked.list(from).push(n)
  }
  tally(n: number) {
    this.game.service(Tally).increase(this.id, n)
  }
  tallied(n: number) {
    this.client.total(n)
  }
  give(id: string) {
    this.giveClientTo(id as EntityId<Player>)
  }
  die() {
    this.destroy()
  }
}
/** Whom everybody pokes. */
let ids: EntityId<Player>[] = []
export function pokeOnly(...only: string[]): void {
  ids = only as EntityId<Player>[]
}

export class Tally extends service({ kept: ['total'] }) {
  total = 0
  increase(from: EntityId<Player>, n: number) {
    this.total += n
    this.call(from).tallied(this.total)
  }
}

/** Somebody who lasts. */
export class Keeper extends entity({ attrs: { gold: attr(0, 'persistent') } }) {}

type World = { Account: typeof Account; Player: typeof Player }
export const definition = game([Account, Player, Field, Tally, Keeper], { nilSpace: Field })

export async function start(options: Partial<ClusterOptions> = {}): Promise<TestCluster> {
  ids = []
  heard.length = 0
  const cluster = await TestCluster.start({ definition, games: 3, ...options })
  const all = () =>
    cluster.games.every(({ world }) => [...world.registry.entries('field/')].length === cluster.games.length)
  await cluster.clock.until(all, 5000, 'all fields to be known')
  return cluster
}

export async function join(cluster: TestCluster, name: string, gateId = 1, gameId = 1) {
  const client = await cluster.client<World>(gateId)
  const added: number[] = []
  const totals: number[] = []
  client.on('Account', {
    created() {
      this.server.enter(name, gameId)
    },
  })
  client.on('Player', { added: (n) => void added.push(n), total: (n) => void totals.push(n) })
  const isIn = () => client.player?.type === 'Player' && client.space?.kind === gameId
  await cluster.clock.until(isIn, 20_000, `${name} to be in`)
  ids.push(client.player!.id as EntityId<Player>)
  const server = () => {
    if (client.player?.type !== 'Player') throw new Error(`${name} plays nobody`)
    return client.player.server
  }
  return { client, name, added, totals, server }
}
export type Joined = Awaited<ReturnType<typeof join>>

export const players = (cluster: TestCluster): EntityCore[] =>
  cluster.games.flatMap(({ world }) => [...world.all()].filter(({ entity }) => entity instanceof Player))
export const playerOf = (cluster: TestCluster, name: string) =>
  players(cluster).find(({ entity }) => (entity as unknown as Player).attrs.name === name)!.entity as unknown as Player

/** Each lives in one place, and each client has its player, the space, and exactly what its player sees, as it is. */
export function expectTruth(cluster: TestCluster, joined: readonly Joined[], where = ''): void {
  const cores = new Map(players(cluster).map((core) => [core.id, core]))
  expect([where, players(cluster).length]).toEqual([where, cores.size])
  for (const { client, name } of joined) {
    const own = client.player!
    const core = cores.get(own.id)
    if (!core) throw new Error(`${where}: ${name}'s player is nowhere`)
    const seen = core.space?.seenBy(core).map(({ id }) => id as string) ?? []
    expect([where, name, client.space?.id]).toEqual([where, name, core.space?.id])
    const weather = core.space && (Attrs.plain(core.space.attrs)['weather'] as string)
    expect([where, name, client.space?.attrs['weather']]).toEqual([where, name, weather])
    expect([where, name, [...client.entities.keys()].sort()]).toEqual([where, name, [own.id, ...seen].sort()])
    for (const [id, mirror] of client.entities) {
      const subject = cores.get(id)!
      const { audience } = subject.kind.layout
      const isVisible = (at: number) => audience[at] === AUDIENCE_ALL || (id === own.id && audience[at]! >= 0)
      expect([where, name, mirror.attrs]).toEqual([where, name, Attrs.plain(subject.attrs, isVisible)])
    }
    // Who is counted as watching is who watches.
    const watchers = cluster.games
      .flatMap(({ world }) => [...world.all()])
      .filter((other) => other.client && other.space?.sees(other, core)).length
    expect([where, name, core.watchers.reduce((sum, count) => sum + count, 0)]).toEqual([where, name, watchers])
  }
  expect(cluster.errors).toEqual([])
}
