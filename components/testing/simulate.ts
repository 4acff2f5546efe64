// Runs a whole cluster in this process, faster than real time and the same every time for a seed, lets things go wrong, and
// checks at the end that everything is as it was promised.
//
//     begin ──> bots play, faults happen ──> faults end, all is mended ──> quiet ──> invariants ──> still true a while later
import { messageOf } from '../../engine/base/errors.ts'
import type { GameDefinition } from '../../engine/entity/definition.ts'
import { Bot, type Play } from './bot.ts'
import { fair } from './fair.ts'
import { fairInvariants } from './fair-invariants.ts'
import { fairgoer } from './fairgoer.ts'
import type { FaultRates } from './faults.ts'
import { INVARIANTS, type Invariant } from './invariants.ts'
import { Ledger } from './ledger.ts'
import { Simulation } from './simulation.ts'

export interface SimulateOptions<M = unknown> {
  /** Everything that happens by chance follows from it. */
  readonly seed: number
  /** The game; a built-in one without. */
  readonly definition?: GameDefinition
  /** The class of which each client gets an entity; needed with `definition`. */
  readonly bootEntity?: string
  /** What a bot does, once for each of its connections. Without it the bots of the built-in game play, or none. */
  readonly play?: Play<M>
  /** Of each role how many; 2, 3 and 2 unless told. */
  readonly dispatchers?: number
  readonly games?: number
  readonly gates?: number
  /** How many play; 5 unless told. */
  readonly bots?: number
  /** How many of them have a session, as clients of the SDK have in the world; none unless told. */
  readonly sessions?: number
  /** How long they play, in virtual time; 10 unless told. */
  readonly seconds?: number
  /** What goes wrong meanwhile; nothing unless told. */
  readonly faults?: FaultRates
  /** Whether games keep journals of what they save; they do unless told. */
  readonly journals?: boolean
  /** What must be true of this game besides: answers what is wrong, or throws. Asked again until all is quiet. */
  readonly check?: (sim: Simulation<M>) => string[] | undefined | Promise<string[] | undefined>
  /**
   * What the author does wrong fails a seed: methods, timers and hooks that throw, also those of clients, calls with wrong
   * arguments or of methods that there are not, and attributes that cannot be saved. `true` for a game that means it; with a
   * pattern, those whose text has it are meant.
   */
  readonly expectErrors?: boolean | RegExp
  /** The command that repeats a seed; `npx vitest run` with the file that calls `simulate` unless told. */
  readonly repeat?: (seed: number) => string
}

export interface SimulationReport {
  readonly seed: number
  /** How long it took, in virtual time. */
  readonly virtualMs: number
  /** What went wrong, one line each. */
  readonly faults: readonly string[]
  /** How many connections of clients were closed, with good reason. */
  readonly disconnected: number
  /** Of the built-in game: asks that were acknowledged, calls and timers that were executed. */
  readonly acknowledged: number
  readonly calls: number
  readonly timers: number
  /** How many entities were there at the end. */
  readonly entities: number
}

const SLICE_MS = 250
/** In this time, after the last fault, everything has to be as it should: a client is offered to its new player for as long. */
const QUIET_WITHIN_MS = 200_000
const FIRST_LOOK_MS = 1500
/** An odd time: what has a beat is not always looked at in the same moment of it. */
const LOOK_MAX_MS = 9973
/** What is true then must stay so. */
const LAST_LOOK_MS = 5000
const FAILURES_SHOWN = 8
const TRACE_SHOWN = 25

/**
 * Resolves when all went as promised. Rejects with an Error that says what did not, what had gone wrong before, and in its last
 * line how to repeat it.
 */
export async function simulate<M = unknown>(options: SimulateOptions<M>): Promise<SimulationReport> {
  const repeat = options.repeat ?? repeatWith(callerOf(new Error().stack))
  const { dispatchers = 2, games = 3, gates = 2, bots = 5, sessions = 0, seconds = 10 } = options
  const sizes = { dispatchers, games, gates, bots, sessions, seconds }
  const ledger = options.definition ? undefined : new Ledger()
  const given = ledger ? { ...options, definition: fair, bootEntity: 'Guest' } : options
  if (!given.bootEntity)
    throw new TypeError('bootEntity: the name of a class is wanted, of which each client gets an entity')
  const sim = new Simulation<M>(given as SimulateOptions<M>, sizes)
  sim.made = (game) => ledger?.keepFor(game)
  const play = options.play ?? (ledger ? (fairgoer(ledger) as unknown as Play<M>) : () => {})
  const own: Invariant[] = options.check ? [authorCheck(options.check)] : []
  // What bots play matters to bots alone.
  const any = sim as unknown as Simulation
  try {
    await run(sim, play)
    await settle(any, [...INVARIANTS, ...(ledger ? fairInvariants(ledger) : []), ...own])
    await sim.cluster.stop()
    throwFailures(sim.mistakes.take())
  } catch (error) {
    const line = `repeat: ${repeat(options.seed)}`
    throw new Error(`${messageOf(error)}\n${traceOf(any)}\n${line}`, { cause: error })
  }
  return {
    seed: options.seed,
    virtualMs: sim.now,
    faults: sim.faults.trace,
    disconnected: sim.closings.count,
    acknowledged: ledger?.count('ask') ?? 0,
    calls: ledger?.count('call') ?? 0,
    timers: ledger?.count('timer') ?? 0,
    entities: sim.entitiesAtEnd,
  }
}

async function run<M>(sim: Simulation<M>, play: Play<M>): Promise<void> {
  const { cluster, sizes, faults, bots } = sim
  await cluster.begin()
  for (let no = 1; no <= sizes.bots; no++) {
    const bot = new Bot<M>(no, 1 + (no % sizes.gates), no <= sizes.sessions, sim)
    bots.push(bot)
    void bot.run(play)
  }
  const end = sim.now + sizes.seconds * 1000
  faults.start()
  while (sim.now < end) {
    await cluster.clock.advance(Math.min(SLICE_MS, end - sim.now))
    throwFound(sim)
  }
  sim.isEnding = true
  let isMended = false
  void faults.stop().then(() => {
    isMended = true
  })
  await cluster.clock.until(() => isMended, QUIET_WITHIN_MS, 'everything to be mended')
}

/** Lets time pass until every invariant holds, and some more. */
async function settle(sim: Simulation, invariants: readonly Invariant[]): Promise<void> {
  const { clock, games } = sim.cluster
  const end = sim.now + QUIET_WITHIN_MS
  for (const { world } of games) sim.recent.watch(world)
  await clock.advance(FIRST_LOOK_MS)
  for (let waitMs = 50; ; waitMs = Math.min(waitMs * 2 + 7, LOOK_MAX_MS)) {
    throwFound(sim)
    const failures = await check(sim, invariants)
    if (failures.length === 0) break
    if (sim.now > end) throwFailures(failures)
    await clock.advance(waitMs)
  }
  // What changes by itself for ever hides what is behind for ever: from here on entities' timers stand still.
  for (const { world } of games) world.timers.pause()
  await clock.advance(LAST_LOOK_MS)
  throwFound(sim)
  throwFailures(await check(sim, invariants))
  sim.entitiesAtEnd = games.reduce((sum, { world }) => sum + world.size, 0)
}

async function check(sim: Simulation, invariants: readonly Invariant[]): Promise<string[]> {
  const failures: string[] = []
  for (const invariant of invariants) failures.push(...(await invariant(sim)))
  return failures
}

const authorCheck =
  <M>(check: NonNullable<SimulateOptions<M>['check']>): Invariant =>
  async (sim) => {
    try {
      return (await check(sim as unknown as Simulation<M>)) ?? []
    } catch (error) {
      return [messageOf(error)]
    }
  }

/** Throws what was found to be wrong since the last time. */
function throwFound<M>({ failures, mistakes }: Simulation<M>): void {
  throwFailures([...mistakes.take(), ...failures])
}

function throwFailures(failures: readonly string[]): void {
  if (failures.length === 0) return
  const more = failures.length > FAILURES_SHOWN ? [`… and ${failures.length - FAILURES_SHOWN} more`] : []
  throw new Error([...failures.slice(0, FAILURES_SHOWN), ...more].join('\n'))
}

function traceOf({ faults, now }: Simulation): string {
  const { trace } = faults
  const left = trace.length > TRACE_SHOWN ? [`(${trace.length - TRACE_SHOWN} before that)`] : []
  return [
    `what had gone wrong before, up to ${(now / 1000).toFixed(3)} s:`,
    ...left,
    ...trace.slice(-TRACE_SHOWN),
  ].join('\n  ')
}

/** The file outside of this folder that has called us. */
function callerOf(stack = ''): string {
  const paths = [...stack.matchAll(/(?:file:\/\/)?(\/[^():]+\.[cm]?[jt]s)/g)].map(([, path]) => path!)
  const path = paths.find((one) => !one.startsWith(import.meta.dirname)) ?? ''
  return path.startsWith(`${process.cwd()}/`) ? path.slice(process.cwd().length + 1) : path
}

const repeatWith = (file: string) => (seed: number) => `GOWORLD_SEED=${seed} npx vitest run ${file}`
