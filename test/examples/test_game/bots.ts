// Bots of test_client on a TestCluster: they play on its virtual clock and are as strict as ever.

import { streamTo } from '../../../components/testing/stream.ts'
import { connect, type Game } from '../../../engine/client/client.ts'
import { Bot, type BotOwner } from '../../../examples/test_client/bot.ts'
import { readSettings, type Settings } from '../../../examples/test_client/settings.ts'
import { countOne, newTally } from '../../../examples/test_client/tally.ts'
import { THINGS } from '../../../examples/test_client/things.ts'
import type { TestCluster } from '../../components/cluster.ts'

export class Bots implements BotOwner {
  readonly settings: Settings
  readonly things = THINGS
  readonly tally = newTally()
  readonly random: () => number
  readonly bots: readonly Bot[]
  /** What went wrong, with when. */
  readonly faults: string[] = []
  /** The last that was begun and done, for a look when something fails. */
  readonly story: string[] = []
  readonly #cluster: TestCluster
  #stopped = false

  constructor(cluster: TestCluster, count: number, settings: Partial<Settings> = {}) {
    this.#cluster = cluster
    this.random = cluster.random
    const targets = cluster.gates.map((_, n) => String(n + 1))
    const usual = readSettings(['-N', String(count), '-server', '127.0.0.1:1', '-think', '500'], 1)
    this.settings = { ...usual, targets, debug: true, ...settings }
    this.bots = Array.from({ length: count }, (_, n) => new Bot(this, n + 1))
    this.#tick()
  }

  get allPlay(): boolean {
    return this.bots.every((bot) => bot.stateAt(this.now()) === 'playing')
  }

  /** How often each thing has been done, in the order of their names. */
  get done(): Readonly<Record<string, number>> {
    const things = Object.entries(this.tally.things).map(([name, { count }]) => [name, count] as const)
    return Object.fromEntries(things.sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** Forgets what went wrong and what was done. */
  forget(): void {
    this.faults.length = 0
    for (const counts of [this.tally.errors, this.tally.timeouts, this.tally.things])
      for (const name of Object.keys(counts)) delete counts[name]
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const closed = Promise.all(this.bots.map((bot) => bot.close()))
    await this.#cluster.clock.advance(100)
    await closed
  }

  // --- for bots --------------------------------------------------------------------------------------------------------

  now(): number {
    return this.#cluster.clock.now()
  }

  wallMs(): number {
    return this.#cluster.clock.wallMs()
  }

  connect(target: string, bot: Bot): Game {
    const { internet, clock } = this.#cluster
    return connect(
      streamTo(() => internet.transport.connect({ kind: 'unix', path: `/g${target}` })),
      {
        observer: bot,
        clock,
        heartbeatMs: 0,
        moveIntervalMs: 0,
        log: { error: (message) => bot.error('bot', message) },
      },
    )
  }

  faulted(counts: Record<string, number>, kind: string, text: string): void {
    if (this.#stopped) return
    countOne(counts, kind)
    this.faults.push(`${this.now().toFixed(1)} ${text}`)
    this.debug(text)
  }

  debug(text: string): void {
    this.story.push(`${this.now().toFixed(1)} ${text}`)
  }

  #tick(): void {
    if (this.#stopped) return
    const now = this.now()
    for (const bot of this.bots) {
      bot.tick(now)
      if (bot.stateAt(now) === 'ready to connect') bot.connect()
    }
    this.#cluster.clock.after(this.settings.tickMs, () => this.#tick())
  }
}
