// One game as the dispatcher sees it: its link, how busy it is, and the queue in which its packets wait while it is
// frozen, away for its restore, or catching up with what had to wait.
//
//     open ──holdGame──> held ──releaseGame, or limitMs over──> draining ──empty──> open
//                         │  ^                                     │
//                    link down  up again, restoring            link down
//                         v  │                                     v
//                         away ──limitMs over──────────────────> lost
//
// While it is not open the router has no link for it, so every packet comes by `deliver` and joins the queue's end.
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import type { Link } from '../../engine/cluster/link.ts'
import { type MessageName, messages, type Values } from '../../engine/wire/messages.ts'
import { FRAME_LENGTH_BYTES, getU16, PacketWriter } from '../../engine/wire/packet.ts'
import type { Drops } from './drops.ts'
import { PacketQueue, type SavedQueue } from './held.ts'
import type { Router } from './routes.ts'

/** How soon a game that cannot take all at once is given more. */
const DRAIN_MS = 5

export interface GameLimits {
  readonly linkResendBytesMax: number
  readonly gameQueueBytesMax: number
}

interface Hold {
  readonly queue: PacketQueue
  timer: Scheduled | undefined
  /** When it is over; Infinity while what was held goes out. */
  readonly untilMs: number
  draining: boolean
  /** It has gone on, and is to be given what was held when it has reported. */
  isOver: boolean
}

/** One game as data. */
export interface SavedGame {
  readonly id: number
  readonly process: string
  readonly session: number
  readonly connected: boolean
  /** Whether it has a link. */
  readonly attached: boolean
  readonly reported: boolean
  readonly banBootEntity: boolean
  readonly made: string
  readonly types: ReadonlySet<string>
  readonly journaled: ReadonlySet<string>
  readonly cpuPermille: number
  readonly lagMs: number
  readonly entities: number
  readonly placedSince: number
  readonly hold:
    | {
        readonly queue: SavedQueue
        readonly leftMs: number
        readonly draining: boolean
        readonly isOver: boolean
      }
    | undefined
}

const scratch = new PacketWriter(1024)

export class Game {
  readonly id: number
  link: Link | undefined
  /** Names its process: another in its place has none of its entities. */
  process = ''
  /** Counts the link sessions of all games; entries in the directory carry the one that reported them. */
  session = 0
  /** False while the connection is broken and may yet be resumed. */
  connected = false
  reported = false
  banBootEntity = false
  /** An id that it has made. */
  made = ''
  /** The entity classes that it has. */
  types: ReadonlySet<string> = new Set()
  /** Those whose saves it keeps in a journal until the store has them. */
  journaled: ReadonlySet<string> = new Set()
  cpuPermille = 0
  lagMs = 0
  entities = 0
  /** Entities placed on it that its last report of load cannot have counted. */
  placedSince = 0
  readonly #clock: Clock
  readonly #router: Router
  readonly #drops: Drops
  readonly #limits: GameLimits
  #hold: Hold | undefined

  constructor(id: number, clock: Clock, router: Router, drops: Drops, limits: GameLimits) {
    this.id = id
    this.#clock = clock
    this.#router = router
    this.#drops = drops
    this.#limits = limits
  }

  get held(): boolean {
    return this.#hold !== undefined && !this.#hold.draining
  }

  /** Whether what is for it has to wait its turn. */
  get queueing(): boolean {
    return this.#hold !== undefined
  }

  get queuedPackets(): number {
    return this.#hold?.queue.packets ?? 0
  }

  get queuedBytes(): number {
    return this.#hold?.queue.byteCount ?? 0
  }

  /** Whether it has gone on, and has yet to be released. */
  get isOver(): boolean {
    return this.#hold?.isOver === true
  }

  /** Ready to be given more to do at once. */
  get steady(): boolean {
    return this.reported && this.connected && this.#hold === undefined
  }

  attach(link: Link, session: number): void {
    this.link = link
    this.process = link.peerProcess
    this.session = session
    this.connected = true
    this.reported = false
    this.#open()
  }

  /** The link session is over. A held game keeps what waits for it. */
  detach(): void {
    this.link = undefined
    this.connected = false
    this.#router.games.set(this.id, undefined)
  }

  /** Says something of our own; it keeps its place among what waits, and is never refused. */
  send<N extends MessageName>(name: N, values: Values<N>): void {
    scratch.at = 0
    messages[name].write(scratch, values as never)
    if (this.#hold) this.#hold.queue.forward(scratch.bytes, FRAME_LENGTH_BYTES, scratch.at)
    else this.link?.forward(scratch.bytes, FRAME_LENGTH_BYTES, scratch.at)
  }

  /** Answers what the game has asked, held or not: it may wait for that before it freezes. */
  sendNow<N extends MessageName>(name: N, values: Values<N>): void {
    this.link?.send(name, values)
  }

  /** Passes a packet on, or keeps it while the game is held; when the queue is full the newest is dropped. */
  deliver(bytes: Uint8Array, start: number, end: number): void {
    const hold = this.#hold
    if (hold === undefined) return this.link?.forward(bytes, start, end)
    if (this.link && getU16(bytes, start) === messages.answer.code) return this.link.forward(bytes, start, end)
    if (hold.queue.byteCount + FRAME_LENGTH_BYTES + end - start > this.#limits.gameQueueBytesMax)
      return this.#drops.packet('gameQueueFull', bytes, start, end)
    hold.queue.forward(bytes, start, end)
  }

  /** Passes on all that waited for an entity that is now here. */
  deliverAll(queue: PacketQueue): void {
    if (this.#hold) queue.moveTo(this.#hold.queue)
    else this.#drain(queue)
  }

  /** Holds all that is for the game. After `limitMs` it is released, and `overdue` is told. */
  hold(limitMs: number, overdue: () => void): void {
    this.#hold?.timer?.cancel()
    const queue = this.#hold?.queue ?? new PacketQueue()
    const timer = this.#clock.after(limitMs, overdue)
    this.#hold = { queue, timer, untilMs: this.#clock.now() + limitMs, draining: false, isOver: false }
    this.#router.games.set(this.id, undefined)
  }

  /** What was held goes out, in its order; what comes meanwhile queues up behind it. */
  release(): void {
    if (this.held) this.#drain(this.#hold!.queue)
  }

  /** It goes on. Who is on the way to it must not arrive before it has said who is there. */
  goOn(): void {
    if (this.reported) this.release()
    else if (this.#hold) this.#hold.isOver = true
  }

  /** The game will not come back; what waited for it is dropped and counted. */
  lose(): void {
    this.#hold?.timer?.cancel()
    if (this.#hold) this.#drops.queue('gameLost', this.#hold.queue)
    this.#hold = undefined
    this.detach()
  }

  save(nowMs: number): SavedGame {
    const { id, process, session, connected, reported, banBootEntity, made, types, journaled } = this
    const { cpuPermille, lagMs, entities, placedSince } = this
    const hold = this.#hold
    return {
      ...{ id, process, session, connected, reported, banBootEntity, made, cpuPermille, lagMs, entities, placedSince },
      attached: this.link !== undefined,
      types,
      journaled,
      hold: hold && {
        queue: hold.queue.save(),
        leftMs: hold.untilMs - nowMs,
        draining: hold.draining,
        isOver: hold.isOver,
      },
    }
  }

  /** `link` when it was attached; `overdue` as for `hold`. */
  restore({ hold, attached, ...saved }: SavedGame, link: Link | undefined, nowMs: number, overdue: () => void): void {
    Object.assign(this, saved)
    this.link = link
    if (!hold) return this.#open()
    const queue = new PacketQueue()
    queue.restore(hold.queue)
    if (hold.draining) return this.#drain(queue)
    const untilMs = nowMs + hold.leftMs
    const timer = this.#clock.after(untilMs - this.#clock.now(), overdue)
    this.#hold = { queue, timer, untilMs, draining: false, isOver: hold.isOver }
  }

  /** The dispatcher stops. */
  stop(): void {
    this.#hold?.timer?.cancel()
  }

  #drain(queue: PacketQueue): void {
    this.#hold?.timer?.cancel()
    const hold: Hold = { queue, timer: undefined, untilMs: Number.POSITIVE_INFINITY, draining: true, isOver: false }
    this.#hold = hold
    this.#router.games.set(this.id, undefined)
    // As much as the link can keep until it is acknowledged; the rest a little later.
    const pump = () => {
      const { link } = this
      if (!link) return
      const room = this.#room(link)
      if (room > 0) queue.moveTo(link, room)
      if (this.#hold !== hold) return
      if (queue.packets > 0) {
        hold.timer = this.#clock.after(DRAIN_MS, pump)
      } else {
        this.#hold = undefined
        this.#open()
      }
    }
    pump()
  }

  #open(): void {
    if (this.#hold === undefined) this.#router.games.set(this.id, this.link)
  }

  /** Bytes that may be given to the link at once, so that it does not run over for our own haste. */
  #room(link: Link): number {
    return this.#limits.linkResendBytesMax / 2 - link.unackedBytes
  }
}
