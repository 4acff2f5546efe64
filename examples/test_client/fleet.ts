// The bots of one thread: lets them connect at a bounded pace, and ticks each ten times a second. One timer serves
// all: every time, it is the turn of a tenth of them.
import { setTimeout as sleep } from 'node:timers/promises'
import { type ByteStream, connect, type Game } from 'goworld/client'
import { compressed, tcpStream } from 'goworld/client/tcp'
import { webSocketStream } from 'goworld/client/websocket'
import { Bot, type BotOwner } from './bot.ts'
import { addDuration } from './histogram.ts'
import type { Settings } from './settings.ts'
import { countOne, newTally } from './tally.ts'
import { THINGS, type Thing } from './things.ts'

const GROUPS = 10
/** Bots that log in at a time: a server that is slow with them is not given more. */
const LOGGING_IN_MAX = 100
/** Of each kind of error so many are told in full. */
const TOLD_MAX = 3
const STOP_MS_MAX = 3_000

export interface FleetEvents {
  tell(text: string): void
  /** The first error or timeout, and each one after it. */
  faulted(): void
}

export class Fleet implements BotOwner {
  readonly settings: Settings
  readonly things: readonly Thing[]
  readonly tally = newTally()
  readonly random = Math.random
  readonly #events: FleetEvents
  readonly #bots: Bot[]
  readonly #connectsPerSecond: number
  readonly #turnMs: number
  #timer: NodeJS.Timeout | undefined
  #startedAt = 0
  #turnedAt = 0
  #turns = 0
  // How many bots may connect at once: grows with time, up to a tenth of a second's worth.
  #allowance = 0
  #allowedAt = 0
  #nextToConnect = 0

  /** Bots `from`, `from + by`, … of the run: `by` fleets share it. */
  constructor(settings: Settings, from: number, by: number, events: FleetEvents) {
    this.settings = settings
    this.things = THINGS.filter(({ name }) => settings.things.includes(name))
    this.#events = events
    this.#turnMs = settings.tickMs / GROUPS
    this.#connectsPerSecond = settings.connectsPerSecond / by
    this.#bots = []
    for (let index = from; index < settings.bots; index += by) this.#bots.push(new Bot(this, settings.first + index))
  }

  now(): number {
    return performance.now()
  }

  wallMs(): number {
    return Date.now()
  }

  connect(target: string, bot: Bot): Game {
    return connect(this.settings.compress ? compressed(streamTo(target)) : streamTo(target), {
      // As GoWorld's client plays: one connection, and each move is sent.
      session: false,
      moveIntervalMs: 0,
      observer: bot,
      log: { error: (message) => bot.error('bot', message) },
    })
  }

  start(): void {
    this.#startedAt = this.#turnedAt = this.#allowedAt = this.now()
    this.#timer = setInterval(() => this.#turn(), this.#turnMs)
  }

  /** Ends all connections in order; resolves when they are gone, or when a server does not let them go. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    const closed = Promise.all(this.#bots.map((bot) => bot.close()))
    await Promise.race([closed, sleep(STOP_MS_MAX, undefined, { ref: false })])
  }

  faulted(counts: Record<string, number>, kind: string, text: string): void {
    if (!this.#timer) return
    if (countOne(counts, kind) <= TOLD_MAX) this.#events.tell(text)
    this.#events.faulted()
  }

  debug(text: string): void {
    if (this.settings.debug) this.#events.tell(text)
  }

  #turn(): void {
    const now = this.now()
    // A late timer makes up for what it missed, but for no more than a round.
    const due = Math.floor((now - this.#startedAt) / this.#turnMs)
    addDuration(this.tally.lag, Math.max(0, now - this.#turnedAt - this.#turnMs))
    this.#turnedAt = now
    this.#turns = Math.max(this.#turns, due - GROUPS)
    while (this.#turns < due) {
      const group = this.#turns++ % GROUPS
      for (let index = group; index < this.#bots.length; index += GROUPS) this.#bots[index]!.tick(now)
    }
    this.#connectSome(now)
  }

  /** Goes round the bots for those that may connect, as many as the pace and those still logging in allow. */
  #connectSome(now: number): void {
    const more = ((now - this.#allowedAt) / 1000) * this.#connectsPerSecond
    this.#allowance = Math.min(this.#allowance + more, Math.max(1, this.#connectsPerSecond / 10))
    this.#allowedAt = now
    if (this.#allowance < 1 || this.tally.playing === this.#bots.length) return
    let places = LOGGING_IN_MAX
    for (const bot of this.#bots) if (bot.stateAt(now) === 'logging in') places--
    for (let seen = 0; seen < this.#bots.length && this.#allowance >= 1 && places > 0; seen++) {
      const bot = this.#bots[this.#nextToConnect]!
      this.#nextToConnect = (this.#nextToConnect + 1) % this.#bots.length
      if (bot.stateAt(now) !== 'ready to connect') continue
      bot.connect()
      this.#allowance--
      places--
    }
  }
}

/** Bots have nothing to hide: servers that are tried have often signed their certificates themselves. */
function streamTo(target: string): ByteStream {
  const checks = { verify: false }
  return /^wss?:/.test(target) ? webSocketStream(target, checks) : tcpStream(target, checks)
}
