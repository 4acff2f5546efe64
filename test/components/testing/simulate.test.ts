// Seeds of the simulator, over a table of what may go wrong: GOWORLD_SEEDS=n for so many of each row, GOWORLD_SEED=n for one,
// GOWORLD_HARD=1 for the rows in which everything goes wrong at once.
import { describe, expect, test } from 'vitest'
import { type FaultRates, type SimulateOptions, seeds, simulate } from '../../../components/testing/testing.ts'

type Row = readonly [name: string, faults: FaultRates, sizes?: Partial<SimulateOptions>]

/** In these nothing is known to fail. */
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
  ['storage', { storage: 30 }],
  ['storage and swaps', { storage: true, swaps: true, drops: true }],
  ['deaths of games', { deaths: true }],
  ['deaths of games and storage', { deaths: true, storage: true }],
  ['deaths of gates', { gateDeaths: true, drops: true }],
  ['connections of clients', { clientDrops: 120, drops: true }, { sessions: 4 }],
  ['connections of clients, swaps', { clientDrops: true, swaps: true, delayMs: 30 }, { sessions: 3 }],
  ['connections of clients, deaths of gates', { clientDrops: true, gateDeaths: true }, { sessions: 4 }],
  ['connections of clients, deaths of games', { clientDrops: true, deaths: true }, { sessions: 4 }],
  ['one of each role', { drops: true, swaps: true }, { dispatchers: 1, games: 1, gates: 1 }],
]

/** In these the engine fails now and then: docs/testing.md says how to look for it. */
const HARD: readonly Row[] = [
  ['short cuts', { shortCuts: 40, drops: true }],
  ['deaths, drops', { deaths: true, drops: true, delayMs: 30 }],
  ['deaths, swaps', { deaths: true, swaps: true }],
  ['restarts', { restarts: true }],
  ['restarts, drops', { restarts: true, drops: true, delayMs: 30 }],
  ['restarts, swaps', { restarts: true, swaps: true }],
  ['restarts, deaths', { restarts: true, deaths: true }],
  ['cuts', { cuts: true }],
  ['cuts, restarts', { cuts: true, restarts: true }],
  ['broken connections, cuts, restarts', { clientDrops: true, cuts: true, restarts: true }, { sessions: 3 }],
  [
    'everything',
    {
      drops: true,
      delayMs: 60,
      deaths: true,
      gateDeaths: true,
      restarts: true,
      swaps: true,
      cuts: true,
      storage: true,
    },
  ],
]

/** Two games or three, one dispatcher or up to three, one gate or two. */
const sizesOf = (seed: number) => ({ dispatchers: 1 + (seed % 3), games: 2 + (seed % 2), gates: 1 + (seed % 2) })

function run(rows: readonly Row[], count: number): void {
  const all = seeds(count)
  for (const [name, faults, sizes] of rows)
    test(
      name,
      async () => {
        for (const seed of all) {
          const repeat = (one: number) =>
            `GOWORLD_SEED=${one} npx vitest run test/components/testing/simulate.test.ts -t '${name}$'`
          await simulate({ seed, faults, repeat, bots: 4, seconds: 4, ...sizesOf(seed), ...sizes })
        }
      },
      60_000 + all.length * 1000,
    )
}

describe('whatever goes wrong, everything is as it was promised:', () => run(ROWS, 25))

describe.runIf(process.env['GOWORLD_HARD'])('and whatever goes wrong at once:', () => run(HARD, 25))

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
