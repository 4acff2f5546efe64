// One bot: logs in as test<number>, walks about in small steps and does one thing after the other, and notes whatever
// the server gets wrong. A fleet ticks it ten times a second.
//
//     waiting ─ connect() ─> connecting ─ Account ─> logging in ─ Avatar, space ─> playing
//        ^                        └────── closed, or no player in time ──────────────┘
//        └────────────────────────────────────┘  after a pause
import { inspect } from 'node:util'
import {
  type CallArguments,
  type Game,
  type MirrorEntity,
  type Observer,
  type ProtocolError,
  SpaceMirror,
} from 'goworld/client'
import { addDuration } from './histogram.ts'
import type { Settings } from './settings.ts'
import { countThing, type Tally } from './tally.ts'
import { FIRST_THING, HEARS, hearSaid, same, type Thing } from './things.ts'

const PASSWORD = '123456'
const STEP = 0.01
const RECONNECT_MS_MIN = 1_000
const RECONNECT_MS_MAX = 3_000
/** A moving bot turns to the time it moves at, so that who sees it move knows how long that took: yaw = ms / 1000. */
const YAW_MS = 3_140

/** What a bot needs of its fleet. */
export interface BotOwner {
  readonly settings: Settings
  readonly things: readonly Thing[]
  readonly tally: Tally
  readonly random: () => number
  /** Milliseconds; only differences mean anything. */
  now(): number
  /** Milliseconds since 1970. */
  wallMs(): number
  /** A connection to one of the targets, for the bot to observe. */
  connect(target: string, bot: Bot): Game
  /** Counts an error or a timeout under its kind, and tells of it. */
  faulted(counts: Record<string, number>, kind: string, text: string): void
  debug(text: string): void
}

export class Bot implements Observer {
  readonly name: string
  game: Game | undefined
  /** What the thing under way waits for. */
  expected: unknown
  readonly #owner: BotOwner
  #connectAt = 0
  // Since when the client is without its player.
  #loggingInSince = 0
  #begun = false
  #thing: Thing | undefined
  #thingSince = 0
  #nextThingAt = 0
  // The space that the server has said the player leaves, until it is gone.
  #leaving: { readonly id: string; readonly until: number } | undefined

  constructor(owner: BotOwner, number: number) {
    this.#owner = owner
    this.name = `test${number}`
  }

  get settings(): Settings {
    return this.#owner.settings
  }

  get random(): () => number {
    return this.#owner.random
  }

  get spaceKind(): number {
    return this.game?.space?.kind ?? 0
  }

  stateAt(now: number): 'waiting' | 'ready to connect' | 'logging in' | 'playing' {
    if (this.game) return this.#avatar ? 'playing' : 'logging in'
    return now < this.#connectAt ? 'waiting' : 'ready to connect'
  }

  connect(): void {
    const { targets } = this.settings
    const target = targets[Math.floor(this.random() * targets.length)]!
    const game = this.#owner.connect(target, this)
    this.game = game
    this.#loggingInSince = this.#owner.now()
    game.onClose((reason) => this.#closed(game, reason))
  }

  /** Ends the connection in order; resolves when it is gone. */
  async close(): Promise<void> {
    const game = this.#leaveGame()
    if (!game) return
    await new Promise<void>((resolve) => {
      game.onClose(() => resolve())
      game.close()
    })
  }

  /** To be called every `tickMs`. */
  tick(now: number): void {
    const player = this.#avatar
    if (!player) {
      if (this.game && now - this.#loggingInSince > this.settings.limitMs) this.#loginTimedOut()
      return
    }
    if (this.settings.moving && this.random() < 0.5) this.#move(player)
    if (this.#thing) {
      if (now - this.#thingSince > this.settings.limitMs) this.#thingTimedOut(this.#thing)
    } else if (this.#begun && now >= this.#nextThingAt && !this.#isLeaving(now)) this.#begin(player, now)
  }

  // --- for things ------------------------------------------------------------------------------------------------

  call(entity: MirrorEntity, method: string, ...args: unknown[]): void {
    this.game?.call(entity.id, method, ...args)
  }

  /** The thing has come to its end, if it is what the bot is at. */
  done(thing: Thing): void {
    if (this.#thing !== thing) return
    const ms = this.#owner.now() - this.#thingSince
    countThing(this.#owner.tally, thing.name, ms)
    this.#owner.debug(`${this.name} ${thing.name} took ${ms.toFixed(1)} ms`)
    this.#think()
  }

  /** The server has said that the player is in a nil space now; that of before is destroyed a moment later. */
  leaveSpace(): void {
    const id = this.game?.space?.id
    if (id !== undefined) this.#leaving = { id, until: this.#owner.now() + this.settings.limitMs }
  }

  /** A random avatar among those it sees and itself. */
  someAvatar(): MirrorEntity {
    const avatars = [...this.game!.entities.values()].filter(({ type }) => type === 'Avatar')
    return avatars[Math.floor(this.random() * avatars.length)] as MirrorEntity
  }

  compare(what: string, got: unknown, wanted: unknown): void {
    if (!same(got, wanted)) this.error('mismatch', `${what}: ${show(got)} where ${show(wanted)} was expected`)
  }

  error(kind: string, text: string): void {
    this.#owner.faulted(this.#owner.tally.errors, kind, `${kind}: ${this.name}: ${text}`)
  }

  // --- what the server says --------------------------------------------------------------------------------------

  onCreated(entity: MirrorEntity): void {
    if (entity instanceof SpaceMirror) return this.#entered(entity)
    if (!entity.isOwn) return
    if (entity.type === 'Account') this.call(entity, 'Login', this.name, PASSWORD)
    else if (entity.type === 'Avatar') this.#loggedIn()
    else this.error('unknown player', `${entity}`)
  }

  onDestroyed(entity: MirrorEntity): void {
    if (entity.isOwn && entity.type === 'Avatar') this.#loggedOut()
    if (entity.id === this.#leaving?.id) this.#leaving = undefined
    this.#thing?.destroyed?.(this, entity)
  }

  onPosition(entity: MirrorEntity, _x: number, _y: number, _z: number, yaw: number): void {
    const { tally } = this.#owner
    tally.positions++
    // Moved by the server, an entity keeps its yaw.
    if (yaw === entity.yaw || entity.isOwn || entity.type !== 'Avatar') return
    const sentAt = Math.round(yaw * 1000)
    if (sentAt >= 0 && sentAt < YAW_MS) addDuration(tally.sync, (this.#owner.wallMs() - sentAt) % YAW_MS)
  }

  onCall(entity: MirrorEntity, method: string, args: CallArguments): void {
    const hear = HEARS.get(method)
    if (hear) return hear(this, args, entity)
    if (method !== 'OnLogin') return this.error('unknown call', `${entity}.${method}()`)
    if (args.value(0) !== true) this.error('refused', 'OnLogin: not let in')
  }

  onFiltered(method: string, args: CallArguments): void {
    if (method !== 'OnSay') return this.error('unknown call', `${method}() on chosen clients`)
    const player = this.#avatar
    if (player) hearSaid(this, args, player.id)
  }

  onProtocolError(error: ProtocolError): void {
    this.error(error.kind, error.message)
  }

  // --- its life --------------------------------------------------------------------------------------------------

  get #avatar(): MirrorEntity | undefined {
    const player = this.game?.player
    return player?.type === 'Avatar' ? (player as MirrorEntity) : undefined
  }

  #loggedIn(): void {
    const { tally } = this.#owner
    tally.playing++
    countThing(tally, 'Login', this.#owner.now() - this.#loggingInSince)
  }

  #loggedOut(): void {
    this.#owner.tally.playing--
    this.#loggingInSince = this.#owner.now()
    this.#begun = false
    this.#thing = undefined
    this.#leaving = undefined
  }

  /** Whoever is given a space has begun to play; the first is none of its things. */
  #entered(space: SpaceMirror): void {
    if (this.#begun) return this.#thing?.entered?.(this, space)
    this.#begun = true
    this.#think()
  }

  #leaveGame(): Game | undefined {
    const { game } = this
    if (this.#avatar) this.#loggedOut()
    this.game = undefined
    return game
  }

  #closed(game: Game, reason: string): void {
    if (game !== this.game) return
    this.error(game.counters.framesIn === 0 ? 'connect' : 'closed', reason)
    this.#retryLater()
  }

  #loginTimedOut(): void {
    this.#timedOut('Login')
    this.game?.close()
    this.#retryLater()
  }

  #retryLater(): void {
    this.#leaveGame()
    this.#connectAt = this.#owner.now() + RECONNECT_MS_MIN + this.random() * (RECONNECT_MS_MAX - RECONNECT_MS_MIN)
  }

  #move(player: MirrorEntity): void {
    const { x, y, z } = player.position
    const yaw = (this.#owner.wallMs() % YAW_MS) / 1000
    this.game?.move(x + STEP * (2 * this.random() - 1), y, z + STEP * (2 * this.random() - 1), yaw)
  }

  #think(): void {
    this.#thing = undefined
    this.expected = undefined
    this.#nextThingAt = this.#owner.now() + this.random() * this.settings.thinkMs
  }

  #isLeaving(now: number): boolean {
    if (!this.#leaving || now < this.#leaving.until) return this.#leaving !== undefined
    this.error('mismatch', `still in space ${this.#leaving.id} after OnEnterRandomNilSpace`)
    this.#leaving = undefined
    return false
  }

  #begin(player: MirrorEntity, now: number): void {
    const { things } = this.#owner
    const thing = this.spaceKind === 0 ? FIRST_THING : things[Math.floor(this.random() * things.length)]!
    this.#thing = thing
    this.#thingSince = now
    this.#owner.debug(`${this.name} ${thing.name} begins`)
    thing.start(this, player)
  }

  #thingTimedOut(thing: Thing): void {
    this.#timedOut(thing.name)
    this.#think()
  }

  #timedOut(name: string): void {
    const text = `timeout: ${this.name}: ${name} took longer than ${this.settings.limitMs} ms`
    this.#owner.faulted(this.#owner.tally.timeouts, name, text)
  }
}

function show(value: unknown): string {
  const text = inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY })
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}
