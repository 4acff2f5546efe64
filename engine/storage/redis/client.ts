// The connection to Redis, to one server or to a cluster: calls in order, each answered or refused in bounded time.
//
//     ready ────connection broke────> waiting ──limits.waitMs──> gone
//       ↑                                │                        │
//       └──────────connected─────────────┴────────────────────────┘
//
//     ready     calls are sent; one that gets no answer for limits.replyMs breaks the connection
//     waiting   calls wait for the connection; so it is at the start, too
//     gone      calls are refused at once, and it goes on trying to connect
//
// A call that was sent when the connection broke is refused and not sent again: it may have been carried out, and a
// second time might undo what another did since.
import { connect as connectTcp } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { AbstractConnector, Cluster, Redis, type RedisOptions } from 'ioredis'
import { realClock, type Scheduled } from '../../base/clock.ts'
import { messageOf, OperatorError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { StoreOptions } from '../backends.ts'
import { CallOrder, type Place } from '../call-order.ts'
import { StorageError } from '../errors.ts'
import { parseNode, parseRedisUrl, type RedisAddress } from './url.ts'

export interface RedisScript {
  readonly numberOfKeys: number
  readonly lua: string
}

/** Sends a command of Redis or a script, by its name. What it answers is for the caller to know. */
export type RedisAsk = (command: string, ...parameters: (string | number)[]) => Promise<unknown>

export interface RedisLimits {
  /** How long calls wait for a connection. */
  readonly waitMs: number
  /** How long a server may be silent while calls wait for its answer. */
  readonly replyMs: number
}

const LIMITS: RedisLimits = { waitMs: 5000, replyMs: 5000 }
const RETRY_MS_MAX = 500
/** So often a cluster is asked who has what, beside the times when a node says that it has moved. */
const SLOTS_REFRESH_MS = 10_000
/**
 * Calls that wait for a slow server are held in memory: beyond this many characters of them, new ones are refused.
 * Each counts for a few more than its parameters have, so that small ones are limited too.
 */
const WAITING_CHARACTERS_MAX = 256 * 1024 * 1024
const CALL_CHARACTERS = 500
/** What ioredis says of a command that never left, and of one that may have. */
const NOT_SENT = "Stream isn't writeable"
const BROKE = 'Connection is closed.'
/** Of a cluster: one of its connections could not be made. */
const NODE_FAILED = 'node failed'
const UNKNOWN = 'no answer; the request may have been carried out or not'

export class RedisClient {
  readonly #connection: Redis | Cluster
  /** For messages: `host:port`, of a cluster several. */
  readonly #where: string
  readonly #secrets: readonly string[]
  readonly #log: Log
  readonly #limits: RedisLimits
  readonly #order = new CallOrder()
  #state: 'ready' | 'waiting' | 'gone' = 'waiting'
  #change = Promise.withResolvers<void>()
  #patience: Scheduled | undefined
  /** Why there is no connection. */
  #trouble = ''
  #refused = false
  #answeredAt = realClock.now()
  #waitingCharacters = 0
  readonly #calls = new Set<Promise<unknown>>()
  #closed: Promise<void> | undefined
  #ended = false

  /** Rejects with StorageError when nobody answers or the server refuses us. */
  static async open(
    { url, db, log }: StoreOptions,
    scripts: Readonly<Record<string, RedisScript>>,
    limits: Partial<RedisLimits> = {},
  ): Promise<RedisClient> {
    const address = parseRedisUrl(url, db)
    const filled = { ...LIMITS, ...limits }
    const { host, port, db: number } = address
    const redis = new Redis({
      ...nodeOptions(address, filled),
      host,
      port,
      db: number,
      retryStrategy: retryMs,
      enableOfflineQueue: false,
    })
    resetWhenSilent(redis)
    return RedisClient.#open(new RedisClient(redis, [address], filled, log), scripts)
  }

  /** The same for a cluster, found by any of `startNodes`. */
  static async openCluster(
    { startNodes, db, log }: StoreOptions,
    scripts: Readonly<Record<string, RedisScript>>,
    limits: Partial<RedisLimits> = {},
  ): Promise<RedisClient> {
    if (startNodes.length === 0) throw new OperatorError('start_nodes_1: a redis_cluster needs one at least, host:port')
    if (db !== '' && db !== '0') throw new OperatorError(`db: ${db}: a redis_cluster has no databases but 0`)
    const nodes = startNodes.map(parseNode)
    const filled = { ...LIMITS, ...limits }
    const onFailed = (error: Error) => void cluster.emit(NODE_FAILED, error)
    const account = nodes.find(({ password }) => password !== undefined) ?? nodes[0]!
    const cluster: Cluster = new Cluster(
      nodes.map(({ host, port }) => ({ host, port })),
      {
        redisOptions: { ...nodeOptions(account, filled), Connector: connectorTelling(onFailed) },
        // Not sent again: see above. What a node says it has not done (MOVED, CLUSTERDOWN …) is.
        retryDelayOnFailover: 0,
        slotsRefreshInterval: SLOTS_REFRESH_MS,
        clusterRetryStrategy(times, reason) {
          if (reason) onFailed(reason)
          return retryMs(times)
        },
        lazyConnect: true,
      },
    )
    cluster.on('+node', resetWhenSilent)
    return RedisClient.#open(new RedisClient(cluster, nodes, filled, log), scripts)
  }

  static async #open(client: RedisClient, scripts: Readonly<Record<string, RedisScript>>): Promise<RedisClient> {
    for (const [name, script] of Object.entries(scripts)) client.#connection.defineCommand(name, script)
    try {
      client.#connect()
      await client.#untilReady()
      return client
    } catch (error) {
      await client.close()
      throw error
    }
  }

  private constructor(connection: Redis | Cluster, nodes: readonly RedisAddress[], limits: RedisLimits, log: Log) {
    this.#connection = connection
    this.#where = nodes.map(({ host, port }) => `${host}:${port}`).join(', ')
    this.#secrets = nodes.flatMap(({ password }) => password || [])
    this.#limits = limits
    this.#log = log
    connection.on('ready', () => this.#onReady())
    connection.on('close', () => this.#onClosed())
    connection.on('error', (error) => this.#onError(error))
    connection.on(NODE_FAILED, (error: Error) => this.#onNodeFailed(error))
  }

  /**
   * What `send` resolves to; it may send several commands. Calls whose places meet are carried out one after the
   * other, in the order in which they were made. `characters` is how much the call holds in memory.
   */
  call<Result>(
    place: Place | undefined,
    characters: number,
    send: (ask: RedisAsk) => Promise<Result>,
  ): Promise<Result> {
    const call = this.#carryOut(place, characters + CALL_CHARACTERS, send)
    const over: Promise<unknown> = call.then(
      () => this.#calls.delete(over),
      () => this.#calls.delete(over),
    )
    this.#calls.add(over)
    return call
  }

  /** Resolves when all calls made so far are over. */
  close(): Promise<void> {
    this.#closed ??= Promise.all(this.#calls).then(() => {
      this.#ended = true
      this.#patience?.cancel()
      this.#connection.disconnect()
    })
    return this.#closed
  }

  async #carryOut<Result>(
    place: Place | undefined,
    characters: number,
    send: (ask: RedisAsk) => Promise<Result>,
  ): Promise<Result> {
    if (this.#closed) throw this.#error('is closed')
    if (this.#waitingCharacters > WAITING_CHARACTERS_MAX) throw this.#error('too many requests wait for the server')
    const turn = place === undefined ? undefined : this.#order.enter(place)
    // Until all of these are over, whatever becomes of the call, no other one takes its place.
    const held = new Set<Promise<unknown>>()
    const hold = <Answer>(promise: Promise<Answer>): Promise<Answer> => {
      held.add(promise)
      const free = () => held.delete(promise)
      promise.then(free, free)
      return this.#unlessSilent(promise)
    }
    this.#waitingCharacters += characters
    let wentWell = false
    try {
      if (turn?.come) await this.#untilTurn(hold(turn.come))
      const result = await this.#send(send, hold)
      wentWell = true
      return result
    } catch (error) {
      throw this.#failure(error)
    } finally {
      this.#waitingCharacters -= characters
      if (held.size === 0) turn?.leave(wentWell)
      else void Promise.allSettled(held).then(() => turn?.leave(wentWell))
    }
  }

  /** Where each call takes long to fail, those behind fail with it: they would wait for the sum of it. */
  async #untilTurn(come: Promise<boolean>): Promise<void> {
    const since = realClock.now()
    const wentWell = await come
    if (!wentWell && realClock.now() - since > this.#limits.waitMs) throw this.#error('no answer to those before')
  }

  async #send<Result>(
    send: (ask: RedisAsk) => Promise<Result>,
    hold: (answer: Promise<unknown>) => Promise<unknown>,
  ): Promise<Result> {
    const commands = this.#connection as unknown as Readonly<
      Record<string, (...parameters: unknown[]) => Promise<unknown>>
    >
    for (;;) {
      if (this.#state !== 'ready') await this.#untilReady()
      try {
        return await send((command, ...parameters) => hold(commands[command]!(...parameters)))
      } catch (error) {
        if (!messageOf(error).startsWith(NOT_SENT)) throw error
        // The connection is just closing, which its event will tell later.
        this.#onClosed()
      }
    }
  }

  /** Rejects when nothing at all is answered for longer than it takes to notice that a server hangs. */
  async #unlessSilent<Answer>(promise: Promise<Answer>): Promise<Answer> {
    const limitMs = this.#limits.waitMs + this.#limits.replyMs
    const answer = promise.then((value) => {
      this.#answeredAt = realClock.now()
      return { value }
    })
    for (;;) {
      const { promise: silence, resolve } = Promise.withResolvers<undefined>()
      const timer = realClock.after(limitMs, () => resolve(undefined))
      const first = await Promise.race([answer, silence]).finally(() => timer.cancel())
      if (first) return first.value
      if (realClock.now() - this.#answeredAt >= limitMs) throw this.#error(UNKNOWN)
    }
  }

  async #untilReady(): Promise<void> {
    while (this.#state === 'waiting') await this.#change.promise
    if (this.#state === 'gone') throw this.#error(this.#trouble || 'no connection')
  }

  #connect(): void {
    this.#patience = realClock.after(this.#limits.waitMs, () => this.#become('gone'))
    // Whether it succeeds, and why not, is told by events.
    this.#connection.connect().catch(() => {})
  }

  #become(state: 'ready' | 'waiting' | 'gone'): void {
    if (state === this.#state) return
    this.#state = state
    this.#change.resolve()
    this.#change = Promise.withResolvers()
    this.#patience?.cancel()
    if (state === 'waiting') this.#patience = realClock.after(this.#limits.waitMs, () => this.#become('gone'))
  }

  #onReady(): void {
    // Refused the database, ioredis goes on with another one, number 0.
    if (this.#refused) return this.#connection.disconnect(true)
    if (this.#trouble) this.#log.info('connected to redis', { where: this.#where })
    this.#trouble = ''
    this.#become('ready')
  }

  #onClosed(): void {
    this.#refused = false
    if (this.#state !== 'ready' || this.#ended) return
    this.#trouble ||= 'the connection broke'
    this.#log.warn('the connection to redis broke', { where: this.#where })
    this.#become('waiting')
  }

  #onError(error: Error): void {
    // A cluster says that no node answers; the last of them has said why.
    const cause = (error as { lastNodeError?: Error }).lastNodeError ?? error
    if (cause.message !== BROKE) this.#trouble = this.#withoutSecrets(reasonOf(cause))
    this.#trouble ||= 'no connection'
    // Waiting helps against a server that is not there, or not yet; one that refuses us must be told otherwise.
    if (!isReply(cause) || /^(LOADING|CLUSTERDOWN|MASTERDOWN|BUSY)/.test(cause.message)) return
    this.#refused = true
    if (this.#state === 'waiting') this.#become('gone')
  }

  #onNodeFailed(error: Error): void {
    // With the others there, the cluster does without it.
    if (this.#state !== 'ready') this.#trouble = this.#withoutSecrets(reasonOf(error))
  }

  #failure(error: unknown): StorageError {
    if (error instanceof StorageError) return error
    const { name, message } = error as Error
    if (message === BROKE || name === 'MaxRetriesPerRequestError') return this.#error(UNKNOWN)
    return this.#error(this.#withoutSecrets(message))
  }

  #error(message: string): StorageError {
    return new StorageError(`redis ${this.#where}: ${message}`)
  }

  /** Servers repeat what they did not understand. */
  #withoutSecrets(message: string): string {
    return this.#secrets.reduce((text, secret) => text.replaceAll(secret, '***'), message)
  }
}

/** Of the one server, or of each of a cluster. */
function nodeOptions({ username, password, tls }: RedisAddress, { waitMs, replyMs }: RedisLimits) {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} }),
    replyMapping: 'legacy' as const,
    lazyConnect: true,
    connectTimeout: waitMs,
    socketTimeout: replyMs,
    maxLoadingRetryTime: RETRY_MS_MAX,
    // Rejects what was sent as soon as the connection breaks; without the first of them it would wait for ever.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  }
}

/**
 * Makes connections as ioredis does. Those that ask the nodes of a cluster for its slots tell nobody why they fail, only
 * that they are closed: `onFailed` hears it.
 */
function connectorTelling(onFailed: (error: Error) => void) {
  return class extends AbstractConnector {
    readonly #options: RedisOptions

    constructor(options: unknown) {
      super((options as RedisOptions).disconnectTimeout!)
      this.#options = options as RedisOptions
    }

    override async connect() {
      this.connecting = true
      // Whoever disconnects at once gets no connection.
      await Promise.resolve()
      if (!this.connecting) throw new Error(BROKE)
      const { host, port, family, tls } = this.#options
      const to = { host: host!, port: port!, ...(family !== undefined && { family }) }
      const stream = tls ? connectTls({ ...to, ...(tls as ConnectionOptions) }) : connectTcp(to)
      this.stream = stream
      stream.once('error', (error: Error) => {
        this.firstError = error
        onFailed(error)
      })
      return stream
    }
  }
}

const retryMs = (times: number) => Math.min(times * 50, RETRY_MS_MAX)

/**
 * What a socket still holds when it is given up would reach the server as soon as the network lets it, and be
 * carried out behind what went over the next connection. A reset drops it.
 */
function resetWhenSilent(redis: Redis): void {
  redis.on('connect', () => {
    const { stream } = redis
    const destroy = stream.destroy
    stream.destroy = (error) => {
      if (error && !('encrypted' in stream)) stream.resetAndDestroy()
      return destroy.call(stream, error)
    }
  })
}

const isReply = (error: Error): boolean => error.name === 'ReplyError'

/** Of several addresses of one name, the first that failed says it. */
function reasonOf(error: Error): string {
  return messageOf(error instanceof AggregateError ? error.errors[0] : error) || error.name
}
