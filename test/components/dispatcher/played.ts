// Games and gates that say at random what such processes say, at given times: what they hear follows from a seed, and not
// from how long their connections take.
import { seededRandom } from '../../../engine/base/random.ts'
import type { MessageName } from '../../../engine/wire/messages.ts'
import { Actor, idOf, Stage } from './stage.ts'

interface Told {
  readonly entityId: string
  readonly epoch: number
  readonly name: MessageName
}

/** A game with what it has and what it was asked for. */
interface Playing {
  actor: Actor
  /** Epochs, by entity. */
  has: Map<string, number>
  /** How much of what it heard has been answered. */
  answered: number
  held: boolean
  away: boolean
}

/** The last is of an id that game 2 has made. */
const IDS = [...Array.from({ length: 14 }, (_, n) => idOf(`entity${n}`)), idOf('made-00002-x')]
/** A service is waited for whenever it is nowhere. */
const SERVICE = 'GoWorldService.1'
const TOLD: readonly MessageName[] = ['createHere', 'loadHere', 'bootHere', 'arriveHere']
/** No sum of these is a limit of time: what is due comes before a step, or behind it, and not with it. */
const STEP_MS = 347.31
/** Whoever was cut off for a step tries to connect so often. */
const BACK_WITHIN_MS = 811.17
/** That differ from run to run, and mean nothing. */
const UNSTABLE = ['process']

export class Played {
  readonly set = new Stage({ games: 2, gates: 1, entityQueuePacketsMax: 6, journalWaitMs: 1500, isSlow: false })
  readonly random: () => number
  readonly games: Playing[] = []
  readonly #gates: Actor[] = []
  readonly #all: Actor[] = []
  #no = 0
  /** Whose connection is to come back. */
  #cut: Actor | undefined

  constructor(seed: number) {
    this.random = seededRandom(seed * 11 + 3)
  }

  async start(): Promise<void> {
    await this.set.dispatcher.start()
    for (let id = 1; id <= 3; id++) this.games.push(this.#newGame(id))
    for (let id = 1; id <= 2; id++) this.#gates.push(this.#newGate(id))
    await this.set.clock.advance(200)
  }

  /** One of them says something, or its connection breaks, or comes back. Answers how long what comes of it may take. */
  step(): number {
    const { random } = this
    if (this.#cut) {
      this.#cut.thawConnection()
      this.#cut = undefined
      return BACK_WITHIN_MS
    }
    const game = this.#oneOf(this.games)
    const { actor } = game
    const id = this.#oneOf([...IDS, SERVICE])
    const gate = this.#oneOf(this.#gates)
    const kinds: readonly (() => void)[] = [
      () => actor.call(id, `call ${++this.#no}`),
      () => actor.call(id, `call ${++this.#no}`),
      () =>
        actor.say('askEntity', {
          entityId: id,
          gameId: actor.id,
          no: ++this.#no,
          method: 'ask',
          args: new Uint8Array(2),
        }),
      () => gate.say('clientGone', { entityId: id, clientId: idOf(`client${this.#no}`) }),
      () =>
        actor.say('createEntity', { entityId: id, gameId: this.#below(4), type: 'M', attrs: new Uint8Array([0x80]) }),
      () => actor.say('loadEntity', { entityId: id, gameId: this.#below(4), type: this.#oneOf(['M', 'Avatar']) }),
      () =>
        gate.say('bootEntity', { entityId: id, gateId: gate.id, clientId: idOf(`client${++this.#no}`), session: '' }),
      () => this.#answer(game),
      () => this.#answer(game),
      () => this.#answer(game),
      () => this.#place(game, id, 1 + this.#below(3)),
      () => this.#move(game),
      () => this.#end(game, random() < 0.5),
      () => this.#holdOrRelease(game),
      () => this.#leaveOrComeBack(game),
      () => this.#cutOff(game),
      () => actor.say('registerKey', { key: `key${this.#below(3)}`, value: `${++this.#no}`, force: random() < 0.5 }),
      () => actor.say('gameLoad', { cpuPermille: this.#below(900), lagMs: this.#below(5), entities: this.#below(50) }),
      () => actor.say('journalsClear', { clear: random() < 0.6 }),
      () => actor.say('journalReplayed', { gameId: 1 + this.#below(3) }),
      () => actor.say('mark', { no: ++this.#no }),
      () => gate.say('gameReported' as never, {} as never),
      () => random() < 0.3 && this.#die(game),
      () => random() < 0.3 && this.#dieGate(gate),
    ]
    this.#oneOf(kinds)()
    return STEP_MS
  }

  /** What each has heard, in order, and what the dispatcher knows at the end. */
  outcome() {
    const heard = this.#all.map(({ role, id, heard }) => [
      `${role} ${id}`,
      ...heard.map(({ name, values }) => [
        name,
        Object.fromEntries(Object.entries(values).filter(([field]) => !UNSTABLE.includes(field))),
      ]),
    ])
    const { games, gates, ...status } = this.set.status
    const names = this.#all.flatMap(({ heard }) => heard.map(({ name }) => name))
    return {
      heard,
      names,
      status,
      gates: gates.map(({ id }) => id),
      games: games.map(({ unackedBytes, ...game }) => game),
    }
  }

  // --- what they do ------------------------------------------------------------------------------------------------------

  #answer(game: Playing): void {
    const { actor } = game
    const told: Told[] = actor.heard
      .slice(game.answered)
      .flatMap(({ name, values }) =>
        TOLD.includes(name) ? [{ ...(values as { entityId: string; epoch: number }), name }] : [],
      )
    game.answered = actor.heard.length
    for (const { entityId, epoch, name } of told) {
      if (this.random() < 0.7) this.#place(game, entityId, epoch)
      else if (name === 'arriveHere') actor.say('refuseEntity', { entityId, epoch, reason: 'no room' })
      else actor.say('entityGone', { entityId, epoch })
    }
  }

  #place({ actor, has }: Playing, id: string, epoch: number): void {
    has.set(id, epoch)
    actor.place(id, epoch)
  }

  #move({ actor, has }: Playing): void {
    const [id, epoch] = this.#oneOf([...has]) ?? []
    if (id === undefined || epoch === undefined) return
    const gameId = 1 + this.#below(3)
    actor.say('holdEntity', { entityId: id, epoch, gameId, no: ++this.#no })
    if (this.random() < 0.3) return
    has.delete(id)
    actor.say('moveEntity', { entityId: id, epoch, gameId, data: new Uint8Array([this.#no]) })
  }

  #end({ actor, has }: Playing, writes: boolean): void {
    const [id, epoch] = this.#oneOf([...has]) ?? []
    if (id === undefined || epoch === undefined) return
    if (writes) return actor.say('entityEnding', { entityId: id, epoch })
    has.delete(id)
    actor.say('entityGone', { entityId: id, epoch })
  }

  #holdOrRelease(game: Playing): void {
    if (game.away) return
    game.held = !game.held
    if (game.held) game.actor.say('holdGame', { limitMs: 300 + this.#below(3000) })
    else game.actor.say('releaseGame', {})
  }

  /** As a game that is swapped: held, gone, and back under its name. */
  #leaveOrComeBack(game: Playing): void {
    if (!game.held) return
    if (!game.away) game.actor.leave()
    else {
      game.actor = this.#actorOf(game.actor.id, game.has, game.actor.process)
      game.answered = 0
      game.held = false
    }
    game.away = !game.away
  }

  /** Until the next step: nobody is given up. */
  #cutOff({ actor, away }: Playing): void {
    if (away) return
    actor.freezeConnection()
    this.#cut = actor
  }

  #die(game: Playing): void {
    game.actor.kill()
    this.games[game.actor.id - 1] = this.#newGame(game.actor.id)
  }

  #dieGate(gate: Actor): void {
    gate.kill()
    this.#gates[gate.id - 1] = this.#newGate(gate.id)
  }

  // --- who they are --------------------------------------------------------------------------------------------------------

  #newGame(id: number): Playing {
    const game = { has: new Map<string, number>(), answered: 0, held: false, away: false } as Playing
    game.actor = this.#actorOf(id, game.has)
    return game
  }

  #actorOf(id: number, has: ReadonlyMap<string, number>, process?: string): Actor {
    const actor = new Actor(this.set, 'game', id, process)
    const hello = { gameId: id, banBootEntity: id === 3, types: ['M', 'Avatar'], journaled: ['Avatar'] }
    let restoring = process !== undefined
    actor.onUp = () => {
      actor.say('gameHello', { ...hello, restoring, journalsClear: true, made: idOf(`made-0000${id}`) })
      for (const [entityId, epoch] of has) actor.place(entityId, epoch)
      actor.say('gameReported', {})
      if (restoring) actor.say('releaseGame', {})
      restoring = false
    }
    this.#all.push(actor)
    return actor
  }

  #newGate(id: number): Actor {
    const gate = new Actor(this.set, 'gate', id)
    gate.onUp = () => gate.say('gateHello', { gateId: id })
    this.#all.push(gate)
    return gate
  }

  #below(count: number): number {
    return Math.floor(this.random() * count)
  }

  #oneOf<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!
  }
}
