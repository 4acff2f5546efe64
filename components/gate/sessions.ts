// Clients with a session: they begin with a hello, and outlive their connection for a while. See docs/design.md, section 5.
//
//     hello, no token ─────────────────────────────────> welcome (no), boot entity
//     hello, token of a client that is kept ───────────> welcome (stream), and both streams go on where they were cut
//     hello, any other token ──resumePlayer──> game ──bindPlayer──> welcome (player), everything anew, restated
//                                               └──resumeRefused──> welcome (no), boot entity
import type { Clock } from '../../engine/base/clock.ts'
import { messageOf, WireError } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Cluster } from '../../engine/cluster/cluster.ts'
import type { Link } from '../../engine/cluster/link.ts'
import { RESUMED, sessionMessages } from '../../engine/wire/client-wire.ts'
import { FRAME_LENGTH_BYTES, getU16 } from '../../engine/wire/packet.ts'
import type { Client } from './client.ts'
import { type Hello, readHello } from './hello.ts'
import { Kept } from './kept.ts'
import type { Refusal } from './refusals.ts'
import { Session } from './session.ts'
import { SessionTalk } from './session-talk.ts'

/** Of what a client says why it goes, for the log. */
const REASON_CHARACTERS_MAX = 100
/** How long a player's game may take to say whether a client is its client: it may be frozen, or its dispatcher away. */
const RESUME_MS = 30_000

export interface SessionSettings {
  /** How long a client that has lost its connection is kept; 0: not at all. */
  readonly graceMs: number
  /** What is kept for a client: not acknowledged, or said while it has no connection. */
  readonly bytesMax: number
  /** Makes tokens that nobody can guess. */
  readonly tokens: () => string
}

export interface SessionsOptions {
  readonly gateId: number
  readonly clock: Clock
  readonly log: Log
  readonly cluster: Cluster
  /** Without them nobody has a session. */
  readonly settings: SessionSettings | undefined
  /** A client with more unsent bytes than this is closed: what is kept must not be more. */
  readonly queueBytesMax: number
  readonly owner: SessionsOwner
}

export interface SessionsOwner {
  /** Whether there is a place for a new client; without one it is closed, and free to look for it elsewhere. */
  admits(client: Client): boolean
  /** Asks for the first entity of a client. */
  boot(client: Client): void
  /** What was asked for as its first entity is not wanted any more: it is as one that has yet to greet. */
  giveUpBoot(client: Client): void
  /** Forgets a client, and tells its player's game. */
  forget(client: Client): void
  /** Closes a client for what it said. */
  refuse(client: Client, reason: Refusal, detail: string): void
  /** The client goes for good. */
  leave(client: Client, reason: string): void
  /** Of the features that the client asks for, those that it gets. It has not been told of anything yet. */
  grant(client: Client, features: number): number
  /** Whether it is to be read has to be thought over. */
  readOrPause(client: Client): void
  /** It has heard some of what was said to it. */
  acknowledged(client: Client): void
}

export class Sessions {
  readonly talk: SessionTalk
  readonly #options: SessionsOptions
  readonly #graceMs: number
  readonly #bytesMax: number
  readonly #byToken = new Map<string, Client>()
  readonly #asking = new Set<Client>()
  #lost = 0
  /** Why all go on elsewhere, if they do. */
  #moveOn: string | undefined
  /** How hellos were answered. */
  readonly #welcomes = { new: 0, stream: 0, player: 0, refused: 0 }

  constructor(options: SessionsOptions) {
    const { settings, queueBytesMax } = options
    this.#options = options
    this.#graceMs = settings?.graceMs ?? 0
    this.#bytesMax = Math.min(settings?.bytesMax ?? 0, queueBytesMax)
    this.talk = new SessionTalk(options.clock)
  }

  /** How many have no connection. */
  get lost(): number {
    return this.#lost
  }

  /** By which games know the client when it comes again; empty when they need not. */
  nameOf({ session }: Client): string {
    return session && this.#graceMs > 0 ? session.token : ''
  }

  status() {
    let keptBytes = 0
    for (const { session } of this.#byToken.values()) keptBytes += session!.kept.bytes
    return { count: this.#byToken.size, lost: this.#lost, asking: this.#asking.size, keptBytes, ...this.#welcomes }
  }

  // --- what they say -------------------------------------------------------------------------------------------------

  /** Takes a frame that only clients with a session send. Answers false when the client is not heard any more. */
  frame(client: Client, bytes: Uint8Array, start: number, end: number): boolean {
    const type = getU16(bytes, start)
    const at = start + 2
    if (!this.#options.settings) return this.#refuse(client, 'unknownType', `type ${type}`)
    if (type === sessionMessages.hello.code) return this.#hello(client, bytes, start, end)
    if (!client.session) return this.#refuse(client, 'unknownType', `type ${type}, without a session`)
    switch (type) {
      case sessionMessages.received.code:
        if (!this.talk.received(client, bytes, at, end))
          return this.#refuse(client, 'falseReceived', `${end - at} bytes of it`)
        this.#options.owner.acknowledged(client)
        return true
      case sessionMessages.ping.code:
        return this.talk.ping(client, bytes, at, end) || this.#refuse(client, 'malformed', 'a ping')
      case sessionMessages.farewell.code:
        return this.#farewell(client, bytes, at, end)
      default:
        return this.#refuse(client, 'unknownType', `type ${type}`)
    }
  }

  /** The first frame of a client that said it has a session, or one of those whose player's game has yet to answer. */
  early(client: Client, bytes: Uint8Array, start: number, end: number): boolean {
    client.heard = true
    if (client.state === 'greeting' && getU16(bytes, start) === sessionMessages.hello.code)
      return this.#hello(client, bytes, start, end)
    return this.#refuse(client, 'tooEarly', `type ${getU16(bytes, start)}`)
  }

  #farewell(client: Client, bytes: Uint8Array, at: number, end: number): boolean {
    let reason: string
    try {
      reason = sessionMessages.farewell.read(bytes, at, end).reason
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      return this.#refuse(client, 'malformed', messageOf(error))
    }
    this.#options.owner.leave(client, reason.slice(0, REASON_CHARACTERS_MAX))
    return false
  }

  #hello(client: Client, bytes: Uint8Array, start: number, end: number): boolean {
    if (client.begun || client.session) return this.#refuse(client, 'lateHello', 'once more, or too late')
    const hello = readHello(bytes, start, end)
    if (typeof hello === 'string') return this.#refuse(client, 'badHello', hello)
    // What follows it is of its stream.
    client.takenBytes -= FRAME_LENGTH_BYTES + end - start
    return hello.token === '' ? this.#begin(client, hello.features) : this.#resume(client, hello)
  }

  /** A new session. */
  #begin(client: Client, features: number): boolean {
    const { cluster, owner, settings } = this.#options
    // What it was told before its hello it has not listened to.
    if (client.state === 'bound') owner.giveUpBoot(client)
    if (client.state === 'greeting' && !owner.admits(client)) return false
    client.output.discard()
    const session = this.#sessionOf(client, settings!.tokens(), features)
    client.session = session
    this.#agree(client, RESUMED.no)
    this.#welcomes.new++
    if (client.state === 'booting') {
      session.isLate = this.#graceMs > 0
      this.#tellSession(client, cluster.toEntity(client.entityId))
    } else if (client.state === 'greeting') {
      client.state = 'waiting'
      owner.boot(client)
    }
    return true
  }

  #sessionOf(client: Client, token: string, features: number): Session {
    return new Session(token, this.#options.owner.grant(client, features), new Kept(this.#bytesMax))
  }

  /** The client is the one that its token names, from its welcome on. */
  #agree(client: Client, resumed: number): void {
    const session = client.session!
    session.isAgreed = true
    this.#byToken.set(session.token, client)
    if (session.isLost) return
    client.output.begin(this.#welcome(client, resumed), session.kept)
    if (this.#moveOn !== undefined) this.talk.moveOn(client, this.#moveOn)
  }

  #welcome({ session, takenBytes }: Client, resumed: number): Uint8Array {
    const { token, features } = session!
    const received = resumed === RESUMED.stream ? takenBytes >>> 0 : 0
    return this.talk.welcome({ token, features, resumed, received, graceMs: this.#graceMs })
  }

  // --- coming again --------------------------------------------------------------------------------------------------

  #resume(client: Client, hello: Hello): boolean {
    const { token, received, features } = hello
    const known = this.#byToken.get(token)
    const { session } = known ?? {}
    if (known && session && !session.isVoid && session.kept.reaches(received))
      return this.#goOn(known, client, received)
    // Whom it plays the gate knows better.
    const playerId = known?.entityId ?? hello.playerId
    if (playerId === '' || this.#graceMs === 0) return this.#begin(client, features)
    this.#ask(client, playerId, token, features)
    return true
  }

  /** Byte by byte: `known` goes on by the connection of `guest`. */
  #goOn(known: Client, guest: Client, received: number): boolean {
    const { owner, log, cluster } = this.#options
    const session = known.session!
    const { line } = guest
    const { isLost } = session
    owner.forget(guest)
    guest.output.gone()
    if (!isLost) {
      this.#cutLine(known, 'it has come again')
      known.output.part()
    }
    session.patience?.cancel()
    if (isLost) this.#lost--
    session.isLost = false
    known.line = line
    line.client = known
    known.paused = guest.paused
    owner.readOrPause(known)
    known.output.goOn(line.connection, this.#welcome(known, RESUMED.stream), received)
    owner.acknowledged(known)
    session.toldBytes = known.takenBytes
    known.heard = true
    this.#welcomes.stream++
    log.debug(`client ${known.id} is back from ${known.remote}`)
    const { entityId, id: clientId } = known
    if (isLost) cluster.toEntity(entityId).send('clientBack', { entityId, clientId })
    // What came behind the hello is not of the guest any more.
    return false
  }

  /** Asks the game of the player that the client says it plays. */
  #ask(client: Client, playerId: string, token: string, features: number): void {
    const { owner, clock } = this.#options
    if (client.state !== 'greeting') owner.giveUpBoot(client)
    client.output.discard()
    // Behind that: what it saw it had no numbers for, and would give back what it never took.
    const session = this.#sessionOf(client, token, features)
    client.session = session
    client.entityId = playerId
    client.state = 'resuming'
    session.patience = clock.after(RESUME_MS, () => this.#refused(client, `no answer in ${RESUME_MS} ms`))
    this.#asking.add(client)
    this.#askGame(client)
  }

  #askGame({ entityId, id: clientId, session }: Client): void {
    const { cluster, gateId } = this.#options
    const link = cluster.toEntity(entityId)
    if (link.up) link.send('resumePlayer', { entityId, gateId, clientId, token: session!.token })
  }

  /** Its game will not have it: a new session. */
  refused(client: Client, reason: string): void {
    if (client.state === 'resuming') this.#refused(client, reason)
  }

  #refused(client: Client, reason: string): void {
    const { owner, log } = this.#options
    const { isLost, token, features, patience } = client.session!
    log.debug(`client ${client.id} does not get the player that it has asked for: ${reason}`)
    patience?.cancel()
    this.#asking.delete(client)
    this.#welcomes.refused++
    // Nobody has any use for that token: who it was of may need the place.
    const before = this.#byToken.get(token)
    if (before) {
      if (!before.session!.isLost) this.#cutLine(before, 'its session is over')
      this.#over(before)
    }
    if (isLost) return this.#over(client)
    owner.giveUpBoot(client)
    this.#begin(client, features)
  }

  /** A game has made the client an entity's player. */
  bound(client: Client): void {
    const { session, entityId, id: clientId } = client
    if (!session) return
    const link = this.#options.cluster.toEntity(entityId)
    if (!session.isAgreed) {
      this.#asking.delete(client)
      if (!session.isLost) session.patience?.cancel()
      session.isRestating = true
      this.#agree(client, RESUMED.player)
      this.#welcomes.player++
    }
    if (session.isLost) link.send('clientLost', { entityId, clientId })
    this.#tellSession(client, link)
  }

  /** The game has said everything anew. */
  restated(client: Client, missed: boolean): void {
    if (!client.session?.isRestating) return
    client.session.isRestating = false
    this.talk.say(client, 'restated', { missed })
  }

  /** A game has shown its clients everything anew, after which it does not remember whom it had yet to tell so. */
  shownAnew(gameId: number): void {
    for (const client of this.#byToken.values()) if (client.player?.gameId === gameId) this.restated(client, true)
  }

  // --- going ---------------------------------------------------------------------------------------------------------

  /** The connection of a client is over. Answers false when the client is, too. */
  lose(client: Client, reason: string): boolean {
    const { session, state, entityId, id: clientId } = client
    const { clock, cluster, log } = this.#options
    if (!session || this.#graceMs === 0 || state === 'waiting') return false
    log.debug(`client ${clientId} has lost its connection: ${reason}`)
    session.isLost = session.wasLost = true
    this.#lost++
    session.patience?.cancel()
    session.patience = clock.after(this.#graceMs, () => this.#over(client))
    if (session.isAgreed) client.output.part()
    else this.void(client)
    if (state !== 'resuming') cluster.toEntity(entityId).send('clientLost', { entityId, clientId })
    return true
  }

  /** The connection does no good any more: it is ended, and the client is as one that has lost it. */
  cut(client: Client, reason: string): void {
    this.#cutLine(client, reason)
    if (!this.lose(client, reason)) this.#over(client)
  }

  /** Nothing is kept for it any more: when it comes again it is told everything anew. */
  void(client: Client): void {
    client.session!.isVoid = true
    client.output.giveUp()
    client.forgetUnfinished()
  }

  #cutLine({ line }: Client, reason: string): void {
    line.client = undefined
    line.connection.destroy(reason)
  }

  #over(client: Client): void {
    const { owner, log } = this.#options
    log.debug(`client ${client.id} has not come again`)
    owner.forget(client)
    client.output.gone()
  }

  /** The client is gone. */
  forget(client: Client): void {
    const { session } = client
    if (!session) return
    session.patience?.cancel()
    if (session.isLost) this.#lost--
    this.#asking.delete(client)
    if (this.#byToken.get(session.token) === client) this.#byToken.delete(session.token)
  }

  /** Tells all, and those who come, that this gate is about to end: they go on elsewhere, and are served here until they do. */
  moveOn(reason: string): void {
    this.#moveOn = reason
    for (const client of this.#byToken.values()) this.talk.moveOn(client, reason)
  }

  // --- dispatchers ---------------------------------------------------------------------------------------------------

  /** There is another dispatcher at the end of this link: it may have died with what was said of a session. */
  again(link: Link): void {
    const { cluster } = this.#options
    for (const client of this.#asking) if (cluster.toEntity(client.entityId) === link) this.#askGame(client)
    for (const client of this.#byToken.values()) {
      const { entityId, id: clientId, state, session } = client
      if (state === 'waiting' || cluster.toEntity(entityId) !== link) continue
      if (session!.isLost) link.send('clientLost', { entityId, clientId })
      else if (session!.wasLost) link.send('clientBack', { entityId, clientId })
      this.#tellSession(client, link)
    }
  }

  #tellSession({ entityId, id: clientId, session }: Client, link: Link): void {
    if (session!.isLate && link.up) link.send('sessionBegun', { entityId, clientId, session: session!.token })
  }

  #refuse(client: Client, reason: Refusal, detail: string): boolean {
    this.#options.owner.refuse(client, reason, detail)
    return false
  }
}
