// What happens to entities at the dispatcher: games report where they live, new ones are given to a game, and packets
// for one that is on its way wait until it is there (those that move from game to game: moves.ts).
//
// After a start, and whenever a game comes anew, an id that is not known may belong to a game that has yet to report.
// While we gather reports such packets are held, each for a limited time, rather than dropped. So are those for a
// service at any time: when its game dies it is placed again. Else it is for the game that made the id, which may have made the
// entity this very moment, and whose report is late.
import type { Clock } from '../../engine/base/clock.ts'
import { ID_BYTES, isServiceIdAt, sameMaker } from '../../engine/base/id.ts'
import type { Log } from '../../engine/base/log.ts'
import { messages, type Values } from '../../engine/wire/messages.ts'
import { getU16, readLatin1 } from '../../engine/wire/packet.ts'
import { AWAITED, type Directory, ENDING, FREE, GONE, MOVING, PLACED, PLACING } from './directory.ts'
import type { Drops } from './drops.ts'
import type { Game } from './game.ts'
import { HeldEntities, type SavedQueue } from './held.ts'
import { LostSaves, type SavedLostSaves } from './lost-saves.ts'
import { Moves, type SavedMove } from './moves.ts'
import type { Placement } from './placement.ts'
import { type Placing, type PlacingRequest, Placings } from './placings.ts'
import { ROUTE_AT } from './routes.ts'
import type { Tally } from './tally.ts'

/** How long games have for their reports, and packets for unknown entities are held. */
export const GATHER_MS = 5000
/** How long a placing waits for the very game it asked for, before any will do. */
const WANTED_GAME_MS = 5000
/** How long one waits for a game at all, and a game has to answer: the client that came for it has given up by then. */
const PLACING_MS = 60_000
/** A creation that brings down every game that tries it must not bring down all of them. */
const TRIES_MAX = 3
/** How long the epoch of an entity that is gone is remembered; then the time alone makes the next one larger. */
const FORGET_MS = 10_000
/** Entities that wait for packets' sake, and placings that are kept: beyond, the newest is refused. */
const ENTITIES_HELD_MAX = 65_536
const PLACINGS_MAX = 65_536
/** In which the id is one that a client has said. */
const NAMED_BY_CLIENTS: readonly number[] = [messages.callFromClient.code, messages.resumePlayer.code]
const EPOCHS_SINCE_MS = Date.UTC(2026)

export interface EntityLimits {
  readonly entityQueuePacketsMax: number
  readonly gameQueueBytesMax: number
  readonly journalWaitMs: number
}

/** What waits, by the slots of the directory. */
export interface SavedEntities {
  readonly held: ReadonlyMap<number, SavedQueue>
  readonly placings: readonly Placing[]
  readonly moves: readonly SavedMove[]
  readonly lostSaves: SavedLostSaves
  readonly awaitedMsAgo: ReadonlyMap<number, number>
  readonly ending: ReadonlyMap<number, number>
  readonly gathering: boolean
}

export class Entities {
  readonly #clock: Clock
  readonly #directory: Directory
  readonly #games: ReadonlyMap<number, Game>
  readonly #placement: Placement
  readonly #tally: Tally
  readonly #drops: Drops
  readonly #held: HeldEntities
  readonly #placings: Placings
  readonly #moves: Moves
  /** When packets for an unknown entity began to be held, by slot, the oldest first. */
  readonly #awaited = new Map<number, number>()
  readonly #lostSaves: LostSaves
  readonly #journalWaitMs: number
  readonly #log: Log
  /** Which game still writes what lasts of an entity, by slot. */
  readonly #ending = new Map<number, number>()
  #gathering = false

  constructor(
    clock: Clock,
    directory: Directory,
    games: ReadonlyMap<number, Game>,
    placement: Placement,
    tally: Tally,
    drops: Drops,
    log: Log,
    limits: EntityLimits,
  ) {
    this.#lostSaves = new LostSaves(clock, log, limits.journalWaitMs)
    this.#journalWaitMs = limits.journalWaitMs
    this.#log = log
    this.#clock = clock
    this.#directory = directory
    this.#games = games
    this.#placement = placement
    this.#tally = tally
    this.#drops = drops
    this.#moves = new Moves(directory, games)
    // All that wait together may take up as much as one frozen game.
    const bytesMax = limits.gameQueueBytesMax
    this.#held = new HeldEntities({
      packetsMax: limits.entityQueuePacketsMax,
      bytesMax,
      entitiesMax: ENTITIES_HELD_MAX,
    })
    this.#placings = new Placings({ countMax: PLACINGS_MAX, bytesMax })
  }

  get placings(): number {
    return this.#placings.size
  }

  get moving(): number {
    return this.#moves.size
  }

  get held(): { readonly entities: number; readonly packets: number; readonly bytes: number } {
    return { entities: this.#held.entities, packets: this.#held.packets, bytes: this.#held.byteCount }
  }

  get gathering(): boolean {
    return this.#gathering
  }

  /** A packet for an entity that the router has no open game for. */
  packet(bytes: Uint8Array, start: number, end: number): void {
    let slot = this.#directory.find(bytes, start + ROUTE_AT)
    const state = slot < 0 ? GONE : this.#directory.state(slot)
    if (state === PLACED) return this.#games.get(this.#directory.game(slot))?.deliver(bytes, start, end)
    if (state === GONE) {
      // Any client can name a service that is none: those of whom we have never heard wait only for those that know of them.
      const isService =
        isServiceIdAt(bytes, start + ROUTE_AT) && (slot >= 0 || !NAMED_BY_CLIENTS.includes(getU16(bytes, start)))
      const wait = this.#gathering || isService
      if (!wait && slot < 0) {
        // Who knows of it may be quicker than its game's report of it.
        const maker = this.#makerOf(readLatin1(bytes, start + ROUTE_AT, ID_BYTES))
        if (maker) return maker.deliver(bytes, start, end)
      }
      if (!wait) return this.#drops.packet('unknownEntity', bytes, start, end)
      if (this.#awaited.size >= ENTITIES_HELD_MAX) return this.#drops.packet('entityQueueFull', bytes, start, end)
      if (slot < 0) slot = this.#directory.add(bytes, start + ROUTE_AT)
      this.#await(slot)
    }
    if (!this.#held.add(slot, bytes, start, end)) this.#drops.packet('entityQueueFull', bytes, start, end)
  }

  /** The game whose process has made an id, if it is there. */
  #makerOf(id: string): Game | undefined {
    for (const game of this.#games.values()) if (sameMaker(game.made, id)) return game
    return undefined
  }

  /** Somebody wants an entity created, loaded or booted; `asker` is the game that does. */
  place(request: PlacingRequest, asker?: Game): void {
    const id = request.values.entityId
    let slot = this.#directory.findText(id)
    const state = slot < 0 ? GONE : this.#directory.state(slot)
    const isBack = state === MOVING && this.#isBack(slot, request, asker)
    if (isBack) return this.#clearUp(slot, request, asker!)
    const isThere = state === PLACED || state === PLACING || (state === MOVING && !this.#moves.isFailed(slot))
    if (isThere || this.#placings.get(slot)) {
      const doubted = this.#moves.isFailed(slot) ? this.#placings.get(slot) : undefined
      // Should it have died where it went.
      if (doubted && request.name === 'loadEntity') doubted.next ??= request
      // To be there is all that a load asks for.
      if (request.name !== 'loadEntity') this.#tally.add('alreadyThere')
      return
    }
    const added = slot < 0
    if (added) slot = this.#directory.addText(id)
    const placing = this.#placings.add(slot, request, this.#clock.now())
    if (!placing) {
      if (added) this.#directory.goneAt(slot, this.#clock.now())
      return this.#tally.add('placingsFull')
    }
    // In doubt: whoever has what it left with is yet to ask for it.
    if (state === ENDING || state === MOVING) return
    if (request.name === 'loadEntity' && this.#gathering) {
      // A game that has yet to report may have it: loading it again would make two of it.
      if (state !== AWAITED) this.#await(slot)
    } else {
      this.#assign(placing)
    }
  }

  /** The game that it has left looks what became of it. Others may have asked for it before: they do again when it is gone. */
  #clearUp(slot: number, request: PlacingRequest, asker: Game): void {
    const before = this.#placings.get(slot)
    if (before?.game === asker.id) return
    this.#placings.done(slot)
    const placing = this.#placings.add(slot, request, this.#clock.now())
    if (!placing) return this.#tally.add('placingsFull')
    placing.wanted = asker.id
    placing.next = before?.next ?? before?.request
    if (this.#gathering) this.#await(slot)
    else this.#assign(placing)
  }

  /** Whether it is the game that the entity has left, and could not move from, that wants it loaded. */
  #isBack(slot: number, { name }: PlacingRequest, asker: Game | undefined): boolean {
    return name === 'loadEntity' && asker !== undefined && this.#moves.isInDoubt(slot, asker)
  }

  placed(game: Game, { entityId, epoch }: Values<'entityPlaced'>): void {
    const directory = this.#directory
    let slot = directory.findText(entityId)
    if (slot < 0) slot = directory.addText(entityId)
    const state = directory.state(slot)
    const known = directory.epoch(slot)
    const elsewhere = state === PLACED && directory.game(slot) !== game.id
    if (epoch < known || (epoch === known && elsewhere)) {
      this.#tally.add('stalePlacement')
      // It was thought dead, and what it had has been placed again since.
      return game.sendNow('entityVoid', { entityId, epoch })
    }
    // It came to be known while the later one was on its way.
    if (elsewhere) this.#games.get(directory.game(slot))?.sendNow('entityVoid', { entityId, epoch: known })
    directory.place(slot, game.id, epoch, game.session)
    if (this.#lostSaves.size > 0) this.#lostSaves.placed(slot)
    this.#placings.done(slot)
    this.#moves.placed(slot, game)
    this.#awaited.delete(slot)
    this.#ending.delete(slot)
    const queue = this.#held.take(slot)
    if (queue) game.deliverAll(queue)
  }

  /** The entity is gone from a game, which will say when it is written. */
  ending(game: Game, { entityId, epoch }: Values<'entityEnding'>): void {
    const directory = this.#directory
    let slot = directory.findText(entityId)
    if (slot < 0) slot = directory.addText(entityId)
    if (epoch < directory.epoch(slot)) return
    const state = directory.state(slot)
    const isItsOwn = state === PLACED && directory.game(slot) === game.id
    // Another dispatcher was told of it before; here somebody may have asked for it by now.
    const isNowhere = state === FREE || state === GONE || state === AWAITED
    const isAskedFor = state === PLACING && this.#placings.get(slot)?.game === 0
    if (!isItsOwn && !isNowhere && !isAskedFor) return
    this.#awaited.delete(slot)
    directory.hold(slot, ENDING, epoch)
    this.#ending.set(slot, game.id)
  }

  gone(game: Game, { entityId, epoch }: Values<'entityGone'>): void {
    const slot = this.#directory.findText(entityId)
    if (slot < 0) return
    const state = this.#directory.state(slot)
    if (state === ENDING && this.#ending.get(slot) === game.id) return this.#ended(slot)
    const its =
      (state === PLACED && this.#directory.game(slot) === game.id) ||
      (state === PLACING && this.#placings.get(slot)?.game === game.id) ||
      (state === MOVING && this.#moves.mayEnd(slot, game))
    if (its && epoch >= this.#directory.epoch(slot)) this.#end(slot)
    else if (state === PLACED || state === PLACING || state === MOVING) this.#tally.add('stalePlacement')
  }

  hold(game: Game, values: Values<'holdEntity'>): void {
    this.#moves.hold(game, values)
  }

  move(game: Game, values: Values<'moveEntity'>): void {
    this.#moves.send(game, values)
  }

  refuse(game: Game, values: Values<'refuseEntity'>): void {
    for (const slot of this.#moves.refuse(game, values)) this.#end(slot)
  }

  leaving(game: Game, values: Values<'entityLeaving'>): void {
    this.#moves.leaving(game, values, this.#gathering)
    // Packets for it came first: what they wait for is known now.
    const slot = this.#directory.findText(values.entityId)
    if (slot >= 0 && this.#directory.state(slot) === MOVING) this.#awaited.delete(slot)
  }

  /** What a restored game has not reported again did not survive; what it did not begin with is begun anew. */
  reported(game: Game): void {
    for (const slot of this.#moves.reported(game, this.#gathering)) this.#end(slot)
    this.#endThoseOf(game, (slot) => this.#directory.session(slot) !== game.session)
    this.#move((one) => one.game === game.id && one.session !== 0 && one.session !== game.session)
    this.assignWaiting()
  }

  /** The game died: its entities are gone, and what it was told to make is made elsewhere. */
  gameLost(game: Game): void {
    const ending = [...this.#ending.keys()].filter((slot) => this.#ending.get(slot) === game.id)
    if (game.journaled.size > 0) {
      // Those that it was told to make as well: it may have made and saved them before it could say so.
      const slots = new Set([...ending, ...this.#moves.kept(game)])
      this.#eachOf(game, (slot) => void slots.add(slot))
      for (const { slot } of this.#placings.filter((one) => one.game === game.id)) slots.add(slot)
      this.#lostSaves.expect(game.id, game.journaled, slots)
    }
    this.#lostSaves.doubt(game.id)
    this.#endThoseOf(game, () => true)
    for (const slot of this.#moves.gameLost(game, this.#gathering)) this.#end(slot)
    for (const slot of ending) this.#ended(slot)
    this.#move((one) => one.game === game.id)
  }

  /** What a dead game has saved is in the store now. */
  journalReplayed(gameId: number): void {
    this.#loadWaiting(this.#lostSaves.replayed(gameId))
  }

  /** Whether there are journals on the machine of a game that may have what the store has not. */
  journalsClear(gameId: number, journaled: ReadonlySet<string>, clear: boolean): void {
    if (this.#lostSaves.journals(gameId, journaled, clear)) this.assignWaiting()
  }

  /** It knows nothing of any journal yet: games that come will say. */
  awaitGames(): void {
    this.#lostSaves.doubtAll()
  }

  /** All that belong here are here. */
  gamesAreIn(): void {
    if (this.#lostSaves.trustAll()) this.assignWaiting()
  }

  #loadWaiting(slots: Iterable<number>): void {
    for (const slot of slots) {
      const placing = this.#placings.get(slot)
      if (placing?.game === 0 && this.#directory.state(slot) === PLACING) this.#assign(placing)
    }
  }

  /** The clients of these boot entities are gone with their gate. */
  gateLost(gateId: number): void {
    const waits = ({ game, request }: Placing) =>
      game === 0 && request.name === 'bootEntity' && request.values.gateId === gateId
    for (const placing of this.#placings.filter(waits)) this.#giveUp(placing)
  }

  /** How many placings a game has not answered yet. */
  placingsOf(game: Game): number {
    return this.#placings.countOf(game.id)
  }

  /** A game may be able to take what waits. */
  assignWaiting(): void {
    for (const placing of this.#placings.filter((one) => one.game === 0)) {
      if (this.#directory.state(placing.slot) === PLACING) this.#assign(placing)
    }
  }

  /** Packets for unknown entities are held from now on. */
  gather(): void {
    this.#gathering = true
  }

  /** Who has not been reported by now is nowhere: what was to be loaded is loaded, what is left is dropped. */
  endGathering(): void {
    this.#gathering = false
    for (const slot of [...this.#awaited.keys()]) this.#stopAwaiting(slot)
    for (const slot of this.#moves.endGathering()) this.#end(slot)
  }

  /** Enforces the limits of time. Called now and then. */
  tidy(): void {
    const now = this.#clock.now()
    for (const [slot, since] of this.#awaited) {
      if (now - since < GATHER_MS) break
      this.#stopAwaiting(slot)
    }
    if (this.#placings.size > 0) {
      // Nobody may have what is still being written, nor what left with more than the store knows.
      const mustWait = ({ slot, waitsSince }: Placing) =>
        waitsSince !== undefined || this.#directory.state(slot) === ENDING || this.#moves.isFailed(slot)
      const isLate = (one: Placing) => now - one.since >= PLACING_MS && !mustWait(one)
      for (const placing of this.#placings.filter(isLate)) this.#giveUp(placing)
      const impatient = (one: Placing) =>
        one.game === 0 && one.wanted !== 0 && one.waitsSince === undefined && now - one.since >= WANTED_GAME_MS
      for (const placing of this.#placings.filter(impatient)) {
        placing.wanted = 0
        if (this.#directory.state(placing.slot) === PLACING) this.#assign(placing)
      }
    }
    this.#loadWaiting(this.#lostSaves.overdue())
    this.#endWaits(now)
    // The slots of those that are waited for must stay theirs.
    if (this.#lostSaves.size === 0) this.#directory.forget(now - FORGET_MS)
  }

  /** No load waits for journals for longer than it may. */
  #endWaits(now: number): void {
    const limitMs = this.#journalWaitMs
    const late = this.#placings.filter(({ waitsSince = now }) => waitsSince < now && now - waitsSince >= limitMs)
    if (late.length > 0)
      this.#log.error(
        `there are journals that nobody could replay in time: ${late.length} entities are loaded as the store has them`,
        { waitedMs: limitMs },
      )
    for (const placing of late) placing.hasWaited = true
    // Those that nobody has to wait for any more as well.
    for (const placing of this.#placings.filter(({ waitsSince }) => waitsSince !== undefined)) {
      if (placing.hasWaited) placing.waitsSince = undefined
      if (placing.game === 0 && this.#directory.state(placing.slot) === PLACING) this.#assign(placing)
    }
  }

  save(nowMs: number): SavedEntities {
    return {
      held: this.#held.save(),
      placings: this.#placings.save(nowMs),
      moves: this.#moves.save(),
      lostSaves: this.#lostSaves.save(nowMs),
      awaitedMsAgo: new Map([...this.#awaited].map(([slot, sinceMs]) => [slot, nowMs - sinceMs])),
      ending: this.#ending,
      gathering: this.#gathering,
    }
  }

  /** Directory and games must be there. */
  restore(saved: SavedEntities, nowMs: number): void {
    this.#held.restore(saved.held)
    this.#placings.restore(saved.placings, nowMs)
    this.#moves.restore(saved.moves)
    this.#lostSaves.restore(saved.lostSaves, nowMs)
    for (const [slot, ageMs] of saved.awaitedMsAgo) this.#awaited.set(slot, nowMs - ageMs)
    for (const [slot, game] of saved.ending) this.#ending.set(slot, game)
    this.#gathering = saved.gathering
  }

  #assign(placing: Placing): void {
    const { slot, request } = placing
    this.#awaited.delete(slot)
    if (this.#waitsForJournals(placing)) return this.#directory.hold(slot, PLACING)
    const game = this.#choose(placing)
    if (!game) return this.#directory.hold(slot, PLACING)
    const epoch = this.#nextEpoch(slot, request)
    this.#directory.hold(slot, PLACING, epoch)
    placing.game = game.id
    placing.waitsSince = undefined
    placing.hasWaited = false
    placing.session = game.queueing ? 0 : game.session
    placing.since = this.#clock.now()
    placing.tries++
    game.placedSince++
    switch (request.name) {
      case 'createEntity':
        return game.send('createHere', { ...request.values, epoch })
      case 'loadEntity':
        return game.send('loadHere', { ...request.values, epoch })
      case 'bootEntity':
        return game.send('bootHere', { ...request.values, epoch })
    }
  }

  /** Whether what is stored of an entity may not be the last of it. */
  #waitsForJournals(placing: Placing): boolean {
    const { slot, request, hasWaited } = placing
    if (request.name !== 'loadEntity' || hasWaited) return false
    const waits = this.#lostSaves.waits(slot, request.values.type)
    placing.waitsSince = waits ? (placing.waitsSince ?? this.#clock.now()) : undefined
    return waits
  }

  /** Gives placings to other games than those that were told of them. */
  #move(test: (placing: Placing) => boolean): void {
    for (const placing of this.#placings.filter(test)) {
      placing.game = 0
      placing.wanted = 0
      if (placing.tries >= TRIES_MAX) {
        this.#giveUp(placing)
      } else {
        this.#tally.add('placingMoved')
        this.#assign(placing)
      }
    }
  }

  #choose(placing: Placing): Game | undefined {
    if (placing.request.name === 'bootEntity') return this.#placement.forBoot()
    if (placing.wanted === 0) return this.#placement.anywhere(placing.request.values.type)
    const game = this.#games.get(placing.wanted)
    return game?.reported ? game : undefined
  }

  /**
   * A new entity begins at 1. One that is loaded has lived before, maybe before this process did: the seconds of the
   * clock are more than all its placements so far.
   */
  #nextEpoch(slot: number, request: PlacingRequest): number {
    const next = this.#directory.epoch(slot) + 1
    if (request.name !== 'loadEntity') return next
    return Math.max(next, Math.floor((this.#clock.wallMs() - EPOCHS_SINCE_MS) / 1000))
  }

  #await(slot: number): void {
    this.#directory.hold(slot, AWAITED)
    this.#awaited.set(slot, this.#clock.now())
  }

  #stopAwaiting(slot: number): void {
    this.#awaited.delete(slot)
    const placing = this.#placings.get(slot)
    if (placing) this.#assign(placing)
    else this.#end(slot)
  }

  /** All of it is written, or never will be: who waits for it may have it. */
  #ended(slot: number): void {
    this.#ending.delete(slot)
    const placing = this.#placings.get(slot)
    if (placing) this.#assign(placing)
    else this.#end(slot)
  }

  #giveUp(placing: Placing): void {
    this.#tally.add('placingGivenUp')
    // It was asked for before it was known to be on its way.
    if (this.#directory.state(placing.slot) === MOVING) return this.#placings.done(placing.slot)
    this.#end(placing.slot)
  }

  #endThoseOf(game: Game, test: (slot: number) => boolean): void {
    this.#eachOf(game, (slot) => {
      if (test(slot)) this.#end(slot)
    })
  }

  #eachOf(game: Game, action: (slot: number) => void): void {
    for (let slot = this.#directory.firstOf(game.id); slot >= 0; ) {
      const next = this.#directory.nextOf(slot)
      action(slot)
      slot = next
    }
  }

  /** The entity is nowhere, and what waited for it is dropped. */
  #end(slot: number): void {
    const placing = this.#placings.get(slot)
    const isUnbegun = placing?.game === 0 && this.#directory.state(slot) === MOVING
    const again = placing?.next ?? (isUnbegun ? placing.request : undefined)
    this.#directory.goneAt(slot, this.#clock.now())
    this.#placings.done(slot)
    this.#moves.forget(slot)
    this.#awaited.delete(slot)
    this.#ending.delete(slot)
    if (again) this.place(again)
    // What waits for it goes on waiting, unless there are too many that are to be placed.
    if (this.#placings.get(slot)) return
    const queue = this.#held.take(slot)
    if (queue) this.#drops.queue('neverPlaced', queue)
  }
}
