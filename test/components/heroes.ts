// A game for tests of sessions: heroes who tell what becomes of their clients, and people who play them by bare sessions.
import { attr, type EntityId, entity, game, integer, list, space, string } from '../../components/game/goworld.ts'
import { SESSION_SUBPROTOCOL } from '../../engine/wire/client-wire.ts'
import { type ClusterOptions, TestCluster } from './cluster.ts'
import { SessionClient } from './session-client.ts'

/** What hooks have to tell. */
export const told: string[] = []

export class Camp extends space({}) {
  override onGameReady() {
    this.game.registry.register(`camp/${this.game.id}`, this.game.createSpace(Camp, 1).id)
  }
}

export class Guest extends entity({ ownClient: { enter: [string] } }) {
  enter(name: string) {
    const hero = this.game.create(Hero, { name })
    this.giveClientTo(hero)
    hero.go(this.game.id)
  }
  override onClientDisconnected() {
    this.destroy()
  }
}

export class Hero extends entity({
  aoi: 50,
  attrs: { name: attr('', 'allClients'), heard: list(integer) },
  ownClient: { say: [integer], go: [integer], give: [string], leave: [] },
  client: { said(_n: number) {} },
}) {
  say(n: number) {
    this.attrs.heard.push(n)
    this.client.said(n)
  }
  go(gameId: number) {
    const camp = this.game.registry.get(`camp/${gameId}`)
    if (camp) this.enterSpace(camp as EntityId<Camp>).catch(() => {})
  }
  give(id: string) {
    this.giveClientTo(id as EntityId<Hero>)
  }
  leave() {
    this.destroy()
  }
  override onClientConnected() {
    this.#tell('connected')
  }
  override onClientLost() {
    this.#tell('lost')
  }
  override onClientReconnected({ missed }: { missed: boolean }) {
    this.#tell(missed ? 'back, missed' : 'back')
  }
  override onClientDisconnected() {
    this.#tell('disconnected')
  }
  #tell(what: string) {
    const { attrs, hasClient, isClientLost } = this
    told.push(`${attrs.name} ${what}${hasClient ? '' : ', none'}${isClientLost ? ', waits' : ''}`)
  }
}

const definition = game([Guest, Hero, Camp], { nilSpace: Camp })

export async function start(options: Partial<ClusterOptions> = {}): Promise<TestCluster> {
  told.length = 0
  const cluster = await TestCluster.start({ definition, bootEntity: 'Guest', gates: 2, ...options })
  const all = () =>
    cluster.games.every(({ world }) => [...world.registry.entries('camp/')].length === cluster.games.length)
  await cluster.clock.until(all, 5000, 'all camps to be known')
  return cluster
}

export interface Played {
  readonly client: SessionClient
  readonly id: string
  readonly name: string
}

/** Comes by a gate, and plays a hero. */
export async function play(
  cluster: TestCluster,
  name: string,
  gateId = 1,
  client = sessionAt(cluster, gateId),
): Promise<Played> {
  await client.connect()
  await client.hears('createEntity')
  client.call('enter', name)
  const isIn = () => client.of('createEntity').some(({ type }) => type === '__space__')
  await cluster.clock.until(isIn, 10_000, `${name} to be in the camp`)
  await cluster.clock.advance(20)
  return { client, id: client.playerId, name }
}

/** One by a door of the gate whose connections begin with a hello, as WebSockets with the subprotocol do. */
export async function announcedAt(cluster: TestCluster, gateId: number): Promise<SessionClient> {
  const door = { kind: 'unix', path: `/announced${gateId}` } as const
  await cluster.internet.transport.listen(door, (connection) => {
    Object.defineProperty(connection, 'protocol', { value: SESSION_SUBPROTOCOL })
    cluster.gates[gateId - 1]!.accept(connection)
  })
  return new SessionClient(cluster.clock, () => cluster.internet.transport.connect(door))
}

export const sessionAt = (cluster: TestCluster, gateId: number): SessionClient =>
  new SessionClient(cluster.clock, () => cluster.dial(gateId))

/** The hero as it is now: whoever moves or is restored is another object. */
export function heroOf(cluster: TestCluster, { id }: { id: string }): Hero {
  const found = cluster.games.flatMap(({ world }) => world.find(id) ?? [])
  if (found.length !== 1) throw new Error(`${id} lives in ${found.length} places`)
  return found[0]!.entity as unknown as Hero
}

export const saidTo = ({ client }: Played): number[] => client.of('callOnClient').map(({ args }) => args[0] as number)
export const heardBy = (cluster: TestCluster, one: Played): number[] =>
  heroOf(cluster, one).attrs.heard.toPlain() as number[]

/** Takes what hooks had to tell so far. */
export const takeTold = (): string[] => told.splice(0)
