// What must be true of any game once all is quiet: each is a function of its own that answers what is wrong, as texts.
import { bucketOfText } from '../../engine/base/id-table.ts'
import type { EntityCore } from '../../engine/entity/core.ts'
import { DEFAULT_STEP, YAW_STEP } from '../../engine/wire/compact.ts'
import { AUDIENCE_ALL } from '../../engine/wire/messages.ts'
import type { Bot } from './bot.ts'
import { saveFailure } from './kept-saves.ts'
import type { Simulation } from './simulation.ts'

/** Answers what is wrong: nothing, when all is well. */
export type Invariant = (sim: Simulation) => string[] | Promise<string[]>

/** Nobody waits for anything any more: no entity is on its way, no game is held, no answer is to come. */
export const nothingWaits: Invariant = ({ cluster }) => [
  ...cluster.games.flatMap(({ world: { gameId, migration, requests } }) => [
    ...say(migration.size > 0, `quiet: game ${gameId} has ${migration.size} entities on their way`),
    ...say(requests.size > 0, `quiet: game ${gameId} waits for ${requests.size} answers`),
  ]),
  ...cluster.dispatchers.flatMap((dispatcher, n) => {
    const { moving, held, games, placings } = dispatcher.status()
    const heldGames = games.filter((game) => game.held).map(({ id }) => id)
    return [
      ...say(moving > 0, `quiet: dispatcher ${n + 1} has ${moving} entities on their way`),
      ...say(placings > 0, `quiet: dispatcher ${n + 1} has ${placings} entities to be made`),
      ...say(held.entities > 0, `quiet: dispatcher ${n + 1} holds packets for ${held.entities} entities`),
      ...say(heldGames.length > 0, `quiet: dispatcher ${n + 1} holds game ${heldGames}`),
    ]
  }),
]

/** Each entity lives on one game, and its dispatcher knows which. */
export const onePlace: Invariant = ({ cluster, sizes }) => {
  const failures: string[] = []
  const lives = new Map<string, EntityCore>()
  const placed = new Map<string, number>()
  for (const core of coresOf(cluster.games)) {
    const other = lives.get(core.id)
    lives.set(core.id, core)
    if (other) failures.push(`places: ${core} lives on game ${other.world.gameId} and on game ${core.world.gameId}`)
    const key = `${bucketOfText(core.id, sizes.dispatchers) + 1} ${core.world.gameId}`
    placed.set(key, (placed.get(key) ?? 0) + 1)
  }
  for (const dispatcher of cluster.dispatchers) {
    const { id, games } = dispatcher.status()
    for (const game of games) {
      const real = placed.get(`${id} ${game.id}`) ?? 0
      const text = `places: dispatcher ${id} knows of ${game.placed} entities on game ${game.id}, where ${real} live`
      failures.push(...say(game.placed !== real, text))
    }
  }
  return failures
}

/** A client that is open has its player; an entity that has a client has one that is open, and has it alone. */
export const players: Invariant = ({ bots, cluster }) => {
  const failures: string[] = []
  const open = new Map<string, Bot>()
  for (const bot of bots) {
    if (!bot.isOpen) continue
    open.set(bot.clientId, bot)
    const player = bot.player as Bot['player']
    const owner = player && coreOf(cluster.games, player.id)
    if (bot.hasSession && bot.game.connection !== 'open') failures.push(`players: ${bot} is ${bot.game.connection}`)
    if (!player) failures.push(`players: ${bot} is open and plays nobody`)
    else if (!owner) failures.push(`players: ${bot} plays ${player.type}<${player.id}>, which lives nowhere`)
    else if (owner.client?.clientId !== bot.clientId)
      failures.push(`players: ${bot} plays ${owner}, whose client is ${owner.client?.clientId ?? 'nobody'}`)
  }
  const owners = new Map<string, EntityCore>()
  for (const core of coresOf(cluster.games)) {
    const { clientId } = core.client ?? {}
    if (core.clientLost && core.client) failures.push(`players: ${core} has a client that is lost`)
    if (clientId === undefined) continue
    const other = owners.get(clientId)
    owners.set(clientId, core)
    if (!open.has(clientId)) failures.push(`players: ${core} has client ${clientId}, which is not there`)
    if (other) failures.push(`players: ${other} and ${core} have the same client ${clientId}`)
  }
  return failures
}

/** Each client has its player, the space and what the player sees, and nothing else; the game counts it among those who watch. */
export const views: Invariant = ({ bots, cluster }) => {
  const failures = cluster.errors.map((error) => `views: a client was told what makes no sense: ${error}`)
  for (const { bot, own } of playing(bots, cluster.games)) {
    const seen = own.space?.seenBy(own).map(({ id }) => id as string) ?? []
    const mirrors = [...bot.game.entities.keys()].sort()
    const expected = [own.id, ...seen].sort()
    if (mirrors.join() !== expected.join())
      failures.push(`views: ${bot}, who plays ${own}, has ${mirrors}, and its player sees ${expected}`)
    if (bot.game.space?.id !== own.space?.id)
      failures.push(`views: ${bot} is in space ${bot.game.space?.id}, and its player ${own} in ${own.space?.id}`)
  }
  const watching = [...coresOf(cluster.games)].filter(({ client }) => client)
  for (const core of coresOf(cluster.games)) {
    if (core.kind.isSpace) continue
    const watchers = watching.filter((other) => other.space?.sees(other, core)).length
    const counted = core.watchers.reduce((sum, count) => sum + count, 0)
    failures.push(...say(watchers !== counted, `views: ${watchers} clients see ${core}, which counts ${counted}`))
  }
  return failures
}

/** Of x, y, z and yaw. */
const HALF_STEPS = [DEFAULT_STEP, DEFAULT_STEP, DEFAULT_STEP, YAW_STEP].map((step) => 2 ** -(step + 1))

/**
 * Whatever a client sees has the attributes and the position that it has on its game, or had a moment ago: those that the client
 * may see.
 */
export const attributes: Invariant = ({ bots, cluster, recent }) => {
  const failures: string[] = []
  /** `lately`: what it is, then what it was. */
  const compare = (bot: Bot, core: EntityCore, what: string, has: unknown, lately: readonly unknown[]) => {
    const client = inOrder(has)
    if (lately.some((was) => inOrder(was) === client)) return
    failures.push(`attributes: ${bot} has of ${core} ${what} ${client}, and it is ${inOrder(lately[0])}`)
  }
  for (const { bot, own } of playing(bots, cluster.games)) {
    for (const [id, mirror] of bot.game.entities) {
      const core = coreOf(cluster.games, id)
      if (!core) continue
      const { audience } = core.kind.layout
      const isVisible = (at: number) => audience[at] === AUDIENCE_ALL || (core === own && audience[at]! >= 0)
      compare(bot, core, 'the attributes', mirror.attrs, recent.attrs(core, isVisible))
      // Where its own player is, a client may say itself.
      if (core === own) continue
      const { x, y, z } = mirror.position
      const has = [x, y, z, mirror.yaw]
      const lately = recent.places(core).map((place) => place.map(Math.fround))
      const isIn = (is: readonly number[]) => has.every((value, at) => Math.abs(value - is[at]!) <= HALF_STEPS[at]!)
      // Whoever has a session is told in whole steps (compact.ts).
      if (bot.hasSession && lately.some(isIn)) continue
      compare(bot, core, 'the position', has, lately)
    }
    const { space } = bot.game
    if (!own.space || space?.id !== own.space.id) continue
    const { _K: _kind, ...attrs } = space.attrs
    const { audience } = own.space.kind.layout
    compare(
      bot,
      own.space,
      'the attributes',
      attrs,
      recent.attrs(own.space, (at) => audience[at] === AUDIENCE_ALL),
    )
  }
  return failures
}

/** What `save()` said is kept is in the store or in a journal, or a later save of the same entity is. */
export const saves: Invariant = async (sim) => {
  const failures: string[] = []
  for (const [key, kept] of sim.keptSaves) {
    const [type, id] = key.split(' ') as [string, string]
    const failure = saveFailure(type, id, kept, await sim.saved(type, id))
    if (failure !== undefined) failures.push(failure)
  }
  return failures
}

export const INVARIANTS: readonly Invariant[] = [nothingWaits, onePlace, players, views, attributes, saves]

// --- what they look at -----------------------------------------------------------------------------------------------

type Games = Simulation['cluster']['games']

function* coresOf(games: Games): IterableIterator<EntityCore> {
  for (const { world } of games) yield* world.all()
}

const coreOf = (games: Games, id: string): EntityCore | undefined =>
  games.map(({ world }) => world.find(id)).find((core) => core)

function playing(bots: readonly Bot[], games: Games): { readonly bot: Bot; readonly own: EntityCore }[] {
  return bots.flatMap((bot) => {
    const own = bot.isOpen && bot.player ? coreOf(games, bot.player.id) : undefined
    return own ? [{ bot, own }] : []
  })
}

const say = (isWrong: boolean, text: string) => (isWrong ? [text] : [])

/** As JSON, with keys in order: maps have none. */
function inOrder(given: unknown): string {
  return JSON.stringify(given, (_, value) =>
    value && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
      : value,
  )
}
