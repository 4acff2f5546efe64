// What goes wrong in a simulated cluster, when, and how it is mended: chance of its own, the same for a seed.
//
//     each fault: ──exponential pause──> happens ──its time──> mended ──…          stop: nothing new, all is mended
import { seededRandom } from '../../engine/base/random.ts'
import type { Latency } from './cluster.ts'
import { Handover } from './handover.ts'
import type { Simulation } from './simulation.ts'

/** How often, by the simulated minute; `true` is as often as does most harm. */
type Rate = number | boolean

export interface FaultRates {
  /** Connections between processes that break: what was on its way is lost, the processes go on. */
  readonly drops?: Rate
  /** The same of clients that have a session; who has none is left alone. */
  readonly clientDrops?: Rate
  /** The most that a link is late, in milliseconds. Connections differ, so that what goes by two of them is overtaken. */
  readonly delayMs?: number
  /** Games whose process dies; another takes its place after a while. */
  readonly deaths?: Rate
  /** The same of gates. */
  readonly gateDeaths?: Rate
  /** Dispatchers that die and are started again, knowing nothing. */
  readonly restarts?: Rate
  /** Games that are frozen at any moment, and restored in another process. */
  readonly swaps?: Rate
  /** Dispatchers in whose place another process goes on with all that they knew; some of these fail, and the first goes on. */
  readonly dispatcherSwaps?: Rate
  /** The same while the game goes on for as long as can be, as `goworld reload` does it; its successor may fail. */
  readonly handovers?: Rate
  /** Gates whose place another takes; clients without a session are closed when they have had their time. */
  readonly gateSwaps?: Rate
  /** Games that reach no dispatcher, or not one of them, for a while. */
  readonly cuts?: Rate
  /** The same, never for so long that the game is given up. */
  readonly shortCuts?: Rate
  /** A storage that is slow, or fails, for a while. */
  readonly storage?: Rate
}

type Kind = Exclude<keyof FaultRates, 'delayMs'>

const RATES: Readonly<Record<Kind, number>> = {
  drops: 60,
  clientDrops: 60,
  deaths: 12,
  gateDeaths: 8,
  restarts: 12,
  swaps: 20,
  dispatcherSwaps: 20,
  handovers: 20,
  gateSwaps: 12,
  cuts: 15,
  shortCuts: 20,
  storage: 10,
}
const MINUTE_MS = 60_000
/** A link's grace is 3 s; shorter cuts are no death. */
const SHORT_CUT_MS = 1500
/** Whoever was cut off tries to connect so often, and is connected then. */
const BACK_WITHIN_MS = 1500

export class Faults {
  /** What happened, each with its time. */
  readonly trace: string[] = []
  readonly rates: FaultRates
  readonly #sim: Simulation
  readonly #random: () => number
  readonly #lanes: readonly Latency[]
  readonly #underWay = new Set<Promise<void>>()
  /** Games that are frozen, dead, cut off or new. */
  readonly #busy = new Set<string>()
  #stopped = false

  constructor(sim: Simulation, rates: FaultRates, lanes: readonly Latency[]) {
    this.#sim = sim
    this.rates = rates
    this.#lanes = lanes
    this.#random = seededRandom(sim.seed * 7 + 5)
    const { delayMs = 0 } = rates
    if (delayMs > 0) for (const lane of lanes) this.#setLatency(lane, delayMs)
  }

  /** Nothing dies, and nobody is given up: nothing may be lost. */
  get areGentle(): boolean {
    const { deaths, gateDeaths, restarts, cuts } = this.rates
    return !(deaths || gateDeaths || restarts || cuts)
  }

  start(): void {
    for (const kind of Object.keys(RATES) as Kind[]) {
      const rate = this.rates[kind]
      if (rate) this.#schedule(kind, rate === true ? RATES[kind] : rate)
    }
    const { delayMs = 0 } = this.rates
    if (delayMs > 0) this.#weather(delayMs)
  }

  /** Nothing new happens. Resolves when what has happened is mended. */
  async stop(): Promise<void> {
    this.#stopped = true
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    for (const lane of this.#lanes) this.#setLatency(lane, 1)
    this.#say('faults are over')
  }

  #schedule(kind: Kind, rate: number): void {
    const pauseMs = (-Math.log(1 - this.#random()) * MINUTE_MS) / rate
    this.#sim.cluster.clock.after(pauseMs, () => {
      if (this.#stopped) return
      const fault = this.#begin(kind)
      if (fault) {
        this.#underWay.add(fault)
        void fault.finally(() => this.#underWay.delete(fault))
      }
      this.#schedule(kind, rate)
    })
  }

  #begin(kind: Kind): Promise<void> | undefined {
    switch (kind) {
      case 'drops':
        return this.#drop()
      case 'clientDrops':
        return this.#dropClient()
      case 'deaths':
        return this.#whileBusy(this.#pick('game'), (id) => this.#die('game', id, 8000))
      case 'gateDeaths':
        return this.#whileBusy(this.#pick('gate'), (id) => this.#die('gate', id, 5000))
      case 'restarts':
        return this.#whileBusy(this.#pick('dispatcher'), (id) => this.#die('dispatcher', id, 2000))
      case 'swaps':
        return this.#whileBusy(this.#pick('game'), (id) => this.#swap(id))
      case 'dispatcherSwaps':
        return this.#whileBusy(this.#pick('dispatcher'), (id) => this.#swapDispatcher(id))
      case 'handovers':
        return this.#whileBusy(this.#pick('game'), (id) =>
          new Handover(this.#sim, id, this.#random, (what) => this.#say(what)).run(),
        )
      case 'gateSwaps':
        return this.#whileBusy(this.#pick('gate'), (id) => this.#swapGate(id))
      case 'cuts':
        return this.#whileBusy(this.#pick('game'), (id) => this.#cut(id, this.#chance() ? SHORT_CUT_MS : 8000))
      case 'shortCuts':
        return this.#whileBusy(this.#pick('game'), (id) => this.#cut(id, SHORT_CUT_MS))
      case 'storage':
        return this.#whileBusy('storage', () => this.#troubleStorage())
    }
  }

  // --- each of them --------------------------------------------------------------------------------------------------------

  #drop(): undefined {
    const lanes = this.#sim.cluster.lanes.filter(({ connections }) => connections > 0)
    const lane = lanes[this.#below(lanes.length)]
    if (this.#below(10) === 0) {
      lane?.dropAll()
      this.#say('all connections of a lane break')
    } else {
      lane?.dropRandom()
      this.#say('a connection breaks')
    }
  }

  #dropClient(): undefined {
    const bot = this.#sim.bots[this.#below(this.#sim.sizes.sessions)]
    if (bot?.breakConnection()) this.#say(`the connection of bot ${bot.no} breaks`)
  }

  async #die(role: 'dispatcher' | 'game' | 'gate', id: number, downMsMax: number): Promise<void> {
    const { cluster, closings } = this.#sim
    const downMs = this.#random() * downMsMax
    this.#say(`${role} ${id} dies, for ${Math.round(downMs)} ms`)
    const over = closings.begin(role, id)
    void cluster.kill(role, id).catch(() => {})
    await this.#sim.sleep(downMs)
    await cluster.replace(role, id)
    this.#say(`${role} ${id} is started again`)
    over()
  }

  async #swap(id: number): Promise<void> {
    const { cluster } = this.#sim
    this.#say(`game ${id} is to be frozen`)
    let frozen: Awaited<ReturnType<(typeof cluster.games)[0]['freeze']>>
    try {
      frozen = await cluster.games[id - 1]!.freeze()
    } catch (error) {
      return this.#say(`game ${id} is not frozen: ${error instanceof Error ? error.message : error}`)
    }
    await cluster.retire(id)
    const pauseMs = this.#random() * 1500
    this.#say(`game ${id} is frozen, for ${Math.round(pauseMs)} ms`)
    await this.#sim.sleep(1 + pauseMs)
    await cluster.replace('game', id, frozen)
    this.#say(`game ${id} is started from what it was`)
    while (!cluster.games[id - 1]!.ready) await this.#sim.sleep(10)
  }

  async #swapDispatcher(id: number): Promise<void> {
    const pauseMs = this.#random() * (this.#chance() ? 5 : 500)
    const fails = this.#below(4) === 0
    this.#say(
      `dispatcher ${id} is swapped, ${Math.round(pauseMs)} ms a step${fails ? ', and its successor fails' : ''}`,
    )
    await this.#sim.cluster.swapDispatcher(id, pauseMs, { fails })
    this.#say(`dispatcher ${id} goes on`)
  }

  async #swapGate(id: number): Promise<void> {
    const { cluster, closings } = this.#sim
    const drainMs = this.#random() * 2000
    this.#say(`gate ${id} is replaced, and drains for ${Math.round(drainMs)} ms`)
    const over = closings.begin('gate', id)
    await cluster.swapGate(id, drainMs)
    this.#say(`the gate that was gate ${id} has ended`)
    over()
  }

  async #cut(id: number, longestMs: number): Promise<void> {
    const { cluster, sizes, closings } = this.#sim
    const from = this.#below(sizes.dispatchers + 1)
    const forMs = this.#random() * longestMs
    this.#say(`game ${id} does not reach ${from === 0 ? 'anybody' : `dispatcher ${from}`}, for ${Math.round(forMs)} ms`)
    const mend = from === 0 ? cluster.cutGame(id) : cluster.cutGameFrom(id, from)
    const over = longestMs > SHORT_CUT_MS ? closings.begin('game', id) : undefined
    await this.#sim.sleep(forMs)
    mend()
    this.#say(`game ${id} is not cut off any more`)
    over?.()
    // Until it has come back: two cuts in a row would be a long one.
    await this.#sim.sleep(BACK_WITHIN_MS)
  }

  async #troubleStorage(): Promise<void> {
    const { stores } = this.#sim.cluster
    const isDown = this.#chance()
    if (isDown) stores.isDown = true
    else stores.slowMs = 50 + this.#random() * 1000
    this.#say(isDown ? 'the storage fails' : `the storage takes ${Math.round(stores.slowMs)} ms`)
    await this.#sim.sleep(this.#random() * 4000)
    stores.isDown = false
    stores.slowMs = 0
    this.#say('the storage is well')
  }

  /** Links become slower and faster. */
  #weather(delayMs: number): void {
    this.#sim.cluster.clock.after(200 + this.#random() * 2000, () => {
      if (this.#stopped) return
      const lane = this.#lanes[this.#below(this.#lanes.length)]!
      this.#setLatency(lane, this.#chance() ? delayMs : 1)
      this.#weather(delayMs)
    })
  }

  #setLatency(lane: Latency, mostMs: number): void {
    const from = 0.1 + (this.#random() * mostMs) / 2
    lane[0] = mostMs <= 1 ? 0.1 : from
    lane[1] = mostMs <= 1 ? 1 : from + this.#random() * (mostMs - from)
  }

  // --- who ---------------------------------------------------------------------------------------------------------------

  /** One that lives and to which nothing is happening, or undefined. */
  #pick(role: 'dispatcher' | 'game' | 'gate'): string | undefined {
    const name = `${role} ${1 + this.#below(this.#sim.sizes[`${role}s`])}`
    return this.#busy.has(name) ? undefined : name
  }

  #whileBusy(name: string | undefined, fault: (id: number) => Promise<void>): Promise<void> | undefined {
    if (name === undefined || this.#busy.has(name)) return undefined
    this.#busy.add(name)
    return fault(Number(name.split(' ')[1])).finally(() => void this.#busy.delete(name))
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  #chance(): boolean {
    return this.#random() < 0.5
  }

  #say(what: string): void {
    this.trace.push(`${(this.#sim.now / 1000).toFixed(3)} s: ${what}`)
  }
}
