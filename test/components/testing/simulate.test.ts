// Seeds of the simulator, over a table of what may go wrong: GOWORLD_SEEDS=n for so many of each row, GOWORLD_SEED=n for one,
// GOWORLD_HARD=1 for storms.
import { describe, expect, test } from 'vitest'
import { type FaultRates, type SimulateOptions, seeds, simulate } from '../../../components/testing/testing.ts'

const GENTLE: FaultRates = {
  drops: true,
  delayMs: 60,
  swaps: true,
  handovers: true,
  dispatcherSwaps: true,
  gateSwaps: true,
  storage: true,
}
const EVERYTHING: FaultRates = { ...GENTLE, deaths: true, gateDeaths: true, restarts: true, cuts: true }

type Row = readonly [name: string, faults: FaultRates, sizes?: Partial<SimulateOptions>]

const ROWS: readonly Row[] = [
  ['nothing', {}],
  ['drops', { drops: 120 }],
  ['slow links', { delayMs: 80 }],
  ['drops of slow links', { drops: true, delayMs: 40 }],
  ['swaps', { swaps: 40 }],
  ['swaps with drops of slow links', { swaps: true, drops: true, delayMs: 30 }],
  ['swaps and short cuts', { swaps: true, shortCuts: true }],
  ['swaps of dispatchers', { dispatcherSwaps: 120 }],
  ['swaps of dispatchers, drops of slow links', { dispatcherSwaps: true, drops: true, delayMs: 40 }],
  ['swaps of dispatchers and games', { dispatcherSwaps: true, swaps: true, drops: true }],
  ['handovers', { handovers: 40 }],
  ['handovers with drops of slow links', { handovers: true, drops: true, delayMs: 30 }],
  ['handovers, deaths, restarts', { handovers: true, dispatcherSwaps: true, deaths: true, restarts: true }],
  ['short cuts', { shortCuts: 40, drops: true }],
  ['swaps of gates', { gateSwaps: 60 }],
  ['swaps of everything', { gateSwaps: true, dispatcherSwaps: true, swaps: true, drops: true }],
  ['storage', { storage: 30 }],
  ['storage and swaps', { storage: true, swaps: true, drops: true }],
  ['deaths of games', { deaths: true }],
  ['deaths of games and storage', { deaths: true, storage: true }],
  ['deaths of games, drops of slow links', { deaths: true, drops: true, delayMs: 30 }],
  ['deaths of games, swaps', { deaths: true, swaps: true }],
  ['deaths of gates', { gateDeaths: true, drops: true }],
  ['connections of clients', { clientDrops: 120, drops: true }, { sessions: 4 }],
  ['connections of clients, swaps', { clientDrops: true, swaps: true, delayMs: 30 }, { sessions: 3 }],
  ['connections of clients, deaths of gates', { clientDrops: true, gateDeaths: true }, { sessions: 4 }],
  ['connections of clients, deaths of games', { clientDrops: true, deaths: true }, { sessions: 4 }],
  ['restarts', { restarts: true }],
  ['restarts, drops', { restarts: true, drops: true, delayMs: 30 }],
  ['restarts, swaps', { restarts: true, swaps: true }],
  ['restarts, deaths', { restarts: true, deaths: true }],
  ['cuts', { cuts: true }],
  ['cuts, restarts', { cuts: true, restarts: true }],
  ['everything', EVERYTHING],
  ['connections of clients, cuts, restarts', { clientDrops: true, cuts: true, restarts: true }, { sessions: 3 }],
  ['connections of clients, everything', { ...EVERYTHING, clientDrops: true }, { sessions: 3 }],
  ['one of each role', { drops: true, swaps: true }, { dispatchers: 1, games: 1, gates: 1 }],
]

/** For longer, and more of it than anybody will live to see: docs/testing.md says how to look for what still fails. */
const HARD: readonly Row[] = [
  ['a storm that nobody dies of', { ...GENTLE, swaps: 60, handovers: 60, dispatcherSwaps: 60 }],
  ['nothing but restarts', { restarts: 60 }],
  ['nothing but cuts', { cuts: 60, drops: true }],
  ['nothing but deaths', { deaths: 50, gateDeaths: 30, drops: true, delayMs: 40 }],
  [
    'a storm',
    { ...EVERYTHING, drops: 120, delayMs: 80, deaths: 20, gateDeaths: 12, restarts: 30, swaps: 30, cuts: 25 },
  ],
]

/** Two games or three, one dispatcher or up to three, one gate or two. */
const sizesOf = (seed: number) => ({ dispatchers: 1 + (seed % 3), games: 2 + (seed % 2), gates: 1 + (seed % 2) })

function run(rows: readonly Row[], count: number, amount: Partial<SimulateOptions>): void {
  const all = seeds(count)
  for (const [name, faults, sizes] of rows)
    test(
      name,
      async () => {
        for (const seed of all) {
          const repeat = (one: number) =>
            `GOWORLD_SEED=${one} npx vitest run test/components/testing/simulate.test.ts -t '${name}$'`
          await simulate({ seed, faults, repeat, ...amount, ...sizesOf(seed), ...sizes })
        }
      },
      60_000 + all.length * 1000,
    )
}

describe('whatever goes wrong, everything is as it was promised:', () => run(ROWS, 14, { bots: 4, seconds: 4 }))

describe.runIf(process.env['GOWORLD_HARD'])('and whatever goes wrong at once:', () =>
  run(HARD, 25, { bots: 6, seconds: 10 }),
)

test('a seed runs the same way every time', async () => {
  const faults = { drops: true, clientDrops: true, delayMs: 40, swaps: true, deaths: true, storage: true }
  const first = await simulate({ seed: 7, faults, seconds: 8, sessions: 2 })
  expect(first.faults.length).toBeGreaterThan(10)
  expect(first.acknowledged).toBeGreaterThan(20)
  expect(first.calls).toBeGreaterThan(20)
  expect(await simulate({ seed: 7, faults, seconds: 8, sessions: 2 })).toEqual(first)
  expect(await simulate({ seed: 8, faults, seconds: 8, sessions: 2 })).not.toEqual(first)
})

test('simulated time is faster than real time, and what is simulated takes place', async () => {
  const { virtualMs, acknowledged, timers } = await simulate({ seed: 1, seconds: 10 })
  expect(virtualMs).toBeGreaterThan(10_000)
  expect(acknowledged).toBeGreaterThan(50)
  expect(timers).toBeGreaterThan(10)
})
