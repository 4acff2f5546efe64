// What an author does wrong fails a seed, with the stack that leads to it; what faults do to a game that is right does not.
import { attr, type EntityId, entity, game, integer } from 'goworld'
import { type Bot, type SimulateOptions, type Simulation, simulate } from 'goworld/testing'
import { describe, expect, test } from 'vitest'
import { Mistakes } from '../../../components/testing/mistakes.ts'
import { MemoryLog } from '../../../engine/base/log.ts'

class Account extends entity({
  attrs: { gold: attr(0, 'persistent') },
  ownClient: { earn: [integer], fail: [], failLater: [], wait: [], hoard: [], stray: [], give: [] },
}) {
  earn(_gold: number) {}
  fail() {
    throw new Error('no gold')
  }
  async failLater() {
    await Promise.resolve()
    throw new Error('no gold later')
  }
  wait() {
    this.after(10, this.fail)
  }
  hoard() {
    this.attrs.gold = 2 ** 53
    this.save().catch(() => {})
  }
  stray() {
    this.call(this.id as unknown as EntityId<{ zork(): void }>).zork()
  }
  secret() {}
  /** To another, and stays. */
  give() {
    this.giveClientTo(this.game.create(Account))
  }
}

const definition = game([Account])

type Pond = { Account: typeof Account }
type Server = Readonly<Record<string, (...args: unknown[]) => void>>

/** Each bot does it once, whatever the compiler says. */
const once = (what: (server: Server, bot: Bot<Pond>) => void) => async (bot: Bot<Pond>) => {
  if (await bot.until(() => bot.player !== undefined)) what(bot.player!.server as unknown as Server, bot)
}

const failureOf = (play: (bot: Bot<Pond>, sim: Simulation<Pond>) => unknown, options: Partial<SimulateOptions> = {}) =>
  simulate<Pond>({
    definition,
    bootEntity: 'Account',
    play,
    seed: 1,
    seconds: 1,
    ...(options as Partial<SimulateOptions<Pond>>),
  }).then(
    () => '',
    (error: Error) => error.message,
  )

describe('a seed fails for', () => {
  test.each<[what: string, play: (server: Server) => void, message: RegExp]>([
    [
      'a method that throws',
      (server) => server['fail']!(),
      /^errors: Account<.*>\.fail threw: no gold\nError: no gold\n/,
    ],
    ['one that rejects', (server) => server['failLater']!(), /^errors: Account<.*>\.failLater threw: no gold later\n/],
    ['a timer that throws', (server) => server['wait']!(), /^errors: Account<.*>\.fail threw: no gold\n/],
    [
      'wrong arguments',
      (server) => server['earn']!('x'),
      /^errors: refused a call of client .*: Account\.earn\(\): argument 1: an integer is wanted, not 'x'/,
    ],
    ['an unknown method', (server) => server['zork']!(), /^errors: refused .* Account\.zork\(\): unknown method/],
    ['what clients may not call', (server) => server['secret']!(), /^errors: refused .* not exposed to clients/],
    ['a call between entities', (server) => server['stray']!(), /^errors: Account<.*>: it has no method zork\(\)\n/],
    [
      'what cannot be saved',
      (server) => server['hoard']!(),
      /^errors: Account<.*> was not saved: gold: 9007199254740992, .* cannot be stored\n/,
    ],
  ])('%s', async (_what, play, message) => {
    const failure = await failureOf(once(play))
    expect(failure).toMatch(message)
    expect(failure).toMatch(/\nrepeat: GOWORLD_SEED=1 npx vitest run /)
    if (failure.includes('no gold')) expect(failure).toMatch(/ {4}at Account\.\w+ \(.*mistakes\.test\.ts/)
  })

  test('a hook of a client that throws', async () => {
    const failure = await failureOf((bot) => {
      bot.game.on('Account', {
        created() {
          throw new Error('no hook')
        },
      })
    })
    expect(failure).toMatch(/^errors: a hook of bot \d threw: Account<.*>\.created: Error: no hook\n {4}at /)
  })
})

test('errors that a game means do not fail it, and others do', async () => {
  const both = once((server) => {
    server['fail']!()
    server['zork']!()
  })
  expect(await failureOf(both, { expectErrors: true })).toBe('')
  expect(await failureOf(both, { expectErrors: /no gold|zork/g })).toBe('')
  expect(await failureOf(both, { expectErrors: /no gold$/m })).toMatch(/^errors: refused .* unknown method/)
})

test('a call that crosses the hand-over of its client is nobody’s mistake', async () => {
  let crossed = 0
  const play = once((server) => {
    server['give']!()
    server['earn']!(1)
  })
  const check = ({ cluster }: Simulation) => {
    crossed = cluster.log.matching('warn', 'Account.earn(): not exposed to this client').length
    return []
  }
  expect(await failureOf(play, { check, faults: { drops: true, swaps: true, deaths: true } })).toBe('')
  expect(crossed).toBeGreaterThan(0)
})

test('what a process says when it has died is not heard', () => {
  const log = new MemoryLog()
  const ended = new Map<number, number>()
  const mistakes = new Mistakes({ log, ended } as unknown as ConstructorParameters<typeof Mistakes>[0], false)
  log.child({ life: 1 }).error('Account<a>.fail threw: before\nError: before')
  log.child({ life: 2 }).error('Account<b>.fail threw: elsewhere\nError: elsewhere')
  ended.set(1, 2)
  log.child({ life: 1 }).error('Account<a>.fail threw: after\nError: after')
  log.error('link with g1: what faults do')
  expect(mistakes.take()).toEqual([
    'errors: Account<a>.fail threw: before\nError: before',
    'errors: Account<b>.fail threw: elsewhere',
  ])
  expect(mistakes.take()).toEqual([])
})
