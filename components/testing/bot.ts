// A bot: a client that plays. One of GoWorld's stays with its gate, and comes again when its connection was lost; one with a
// session goes on, at its gate or at another.
import { seededRandom } from '../../engine/base/random.ts'
import { type Game as ClientGame, connect } from '../../engine/client/client.ts'
import { motion } from '../../engine/client/motion.ts'
import type { Connection } from '../../engine/net/connection.ts'
import { getU32 } from '../../engine/wire/packet.ts'
import type { Simulation } from './simulation.ts'
import { streamOver, streamTo } from './stream.ts'

/** What a bot does from its connecting to its end: once for each connection. */
export type Play<M> = (bot: Bot<M>, sim: Simulation<M>) => unknown

/** A first frame: u32 length | u16 type | u16 gate | client id. */
const CLIENT_ID_AT = 8
const CLIENT_ID_BYTES = 16
const AGAIN_MS = 300
const LOOK_MS = 10

export class Bot<M = unknown> {
  /** From 1 on. */
  readonly no: number
  readonly gateId: number
  /** Its connection: hooks and calls, as in 'goworld/client'. */
  game!: ClientGame<M>
  readonly hasSession: boolean
  /** Something has happened after which its connection may be closed. */
  isExcused = false
  readonly #sim: Simulation<M>
  #isLeaving = false
  #clientId = ''
  /** The one that a session goes by. */
  #connection: Connection | undefined

  constructor(no: number, gateId: number, hasSession: boolean, sim: Simulation<M>) {
    this.no = no
    this.gateId = gateId
    this.hasSession = hasSession
    this.#sim = sim
  }

  /** As the gate calls it, once it has said anything; of a session, as its player's game does. */
  get clientId(): string {
    if (!this.hasSession) return this.#clientId
    const id = this.game?.player?.id ?? ''
    for (const { world } of this.#sim.cluster.games) {
      const client = world.find(id)?.client
      if (client) return client.clientId
    }
    return ''
  }

  get player() {
    return this.game.player
  }

  get isOpen(): boolean {
    return this.game !== undefined && this.game.closed === undefined
  }

  /** False when it should end what it does. */
  get isPlaying(): boolean {
    return this.isOpen && !this.#sim.isEnding
  }

  /** Lets time pass until `condition` holds. Answers false when the bot's play ended first. */
  async until(condition: () => boolean): Promise<boolean> {
    while (!condition()) {
      if (!this.isPlaying) return false
      await this.#sim.sleep(LOOK_MS)
    }
    return true
  }

  sleep(ms: number): Promise<void> {
    return this.#sim.sleep(ms)
  }

  /** Closes its connection, as a player would; it comes again. */
  leave(): void {
    this.#isLeaving = true
    this.game.close()
  }

  /** The connection of a session breaks. Answers whether there was one. */
  breakConnection(): boolean {
    const connection = this.#connection
    this.#connection = undefined
    connection?.destroy('broken')
    return connection !== undefined
  }

  /** Connects and plays, again and again. */
  run(play: Play<M>): Promise<void> {
    return this.hasSession ? this.#runSession(play) : this.#runPlain(play)
  }

  async #runSession(play: Play<M>): Promise<void> {
    const { cluster, sizes, seed, closings } = this.#sim
    const targets = Array.from({ length: sizes.gates }, (_, n) => {
      const gateId = 1 + ((this.gateId - 1 + n) % sizes.gates)
      return () => streamTo(() => this.#dial(gateId))
    })
    while (!this.#sim.isEnding) {
      this.isExcused = false
      this.#isLeaving = false
      /** What has nothing yet may begin anew unseen. */
      let isBegun = false
      const game = connect<M>(targets, {
        clock: cluster.clock,
        random: seededRandom(seed * 11 + this.no),
        moveIntervalMs: 0,
        motion,
        log: cluster.log.child({ bot: this.no }),
        observer: {
          onProtocolError: (error) => void cluster.errors.push(error),
          onCreated: () => {
            isBegun = true
          },
        },
      })
      this.game = game
      const over = new Promise<void>((resolve) => game.onClose(() => resolve()))
      const ended = (reason: string) => {
        if (!this.#isLeaving) closings.closed(this as unknown as Bot, reason)
        this.isExcused = false
      }
      game.onClose(ended)
      game.onConnection(({ state }) => state === 'restarted' && isBegun && ended('its session began anew'))
      this.#play(play)
      await over
      await this.#sim.sleep(AGAIN_MS * (0.5 + this.#sim.random()))
    }
  }

  async #dial(gateId: number): Promise<Connection> {
    const connection = await this.#sim.cluster.dial(gateId)
    this.#connection = connection
    return connection
  }

  async #runPlain(play: Play<M>): Promise<void> {
    const { cluster } = this.#sim
    while (!this.#sim.isEnding) {
      const connection = await cluster.dial(this.gateId).catch(() => undefined)
      if (connection) {
        this.#clientId = ''
        this.isExcused = false
        this.#isLeaving = false
        let first = new Uint8Array(0)
        const seen = (chunk: Uint8Array) => {
          if (this.#clientId !== '') return
          first = Uint8Array.from([...first, ...chunk])
          this.#clientId = clientIdOf(first)
        }
        this.game = connect<M>(streamOver(connection, seen), {
          clock: cluster.clock,
          heartbeatMs: 0,
          moveIntervalMs: 0,
          motion,
          log: cluster.log.child({ bot: this.no }),
          observer: { onProtocolError: (error) => void cluster.errors.push(error) },
        })
        const over = new Promise<void>((resolve) => this.game.onClose(() => resolve()))
        this.game.onClose((reason) => this.#isLeaving || this.#sim.closings.closed(this as unknown as Bot, reason))
        this.#play(play)
        await over
      }
      await this.#sim.sleep(AGAIN_MS * (0.5 + this.#sim.random()))
    }
  }

  async #play(play: Play<M>): Promise<void> {
    const { game } = this
    try {
      await play(this, this.#sim)
    } catch (error) {
      // Whatever it waited for may be gone with the connection.
      if (game.closed === undefined) this.#sim.fail(`${this} threw: ${error instanceof Error ? error.stack : error}`)
    }
  }

  toString(): string {
    return `bot ${this.no} (client ${this.clientId || '?'} of gate ${this.gateId})`
  }
}

const clientIdOf = (bytes: Uint8Array) =>
  bytes.length >= CLIENT_ID_AT + CLIENT_ID_BYTES && getU32(bytes, 0) > 0
    ? String.fromCharCode(...bytes.subarray(CLIENT_ID_AT, CLIENT_ID_AT + CLIENT_ID_BYTES))
    : ''
