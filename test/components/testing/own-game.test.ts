// An author's own game in the simulator: anglers who give fish to each other, and one way of giving that loses count.
import { attr, type EntityId, entity, entityId, game, string } from 'goworld'
import { type Bot, type Simulation, seeds, simulate } from 'goworld/testing'
import { expect, test } from 'vitest'

class Account extends entity({ ownClient: { start: [] } }) {
  start() {
    this.giveClientTo(this.game.create(Angler))
  }
  override onClientDisconnected() {
    this.destroy()
  }
}

class Angler extends entity({
  attrs: { fish: attr(0, 'client'), caught: attr(0, 'client') },
  ownClient: { fish: [], give: [string], insist: [string] },
}) {
  fish() {
    this.attrs.caught++
    this.attrs.fish++
  }
  give(whom: string) {
    if (this.attrs.fish === 0) return
    this.attrs.fish--
    this.call(entityId<Angler>(whom)).take()
  }
  /** Whoever gets no answer does not know whether it was done: to do it again is wrong. */
  async insist(whom: string) {
    if (this.attrs.fish === 0) return
    this.attrs.fish--
    const other = whom as EntityId<Angler>
    await this.ask(other, 300)
      .take()
      .catch(() => this.call(other).take())
  }
  take() {
    this.attrs.fish++
  }
}

const definition = game([Account, Angler])
type Pond = { Account: typeof Account; Angler: typeof Angler }

function anglers(give: 'give' | 'insist') {
  const known: string[] = []
  return async (bot: Bot<Pond>, sim: Simulation<Pond>) => {
    bot.game.on('Account', {
      created() {
        this.server.start()
      },
    })
    if (!(await bot.until(() => bot.player?.type === 'Angler'))) return
    known.push(bot.player!.id)
    while (bot.isPlaying) {
      await bot.sleep(20 + sim.below(100))
      if (bot.player?.type !== 'Angler') continue
      if (sim.random() < 0.5) bot.player.server.fish()
      else bot.player.server[give](known[sim.below(known.length)]!)
    }
  }
}

/** There are as many fish as were caught. */
function check({ games }: Simulation<Pond>): string[] {
  const all = games.flatMap((one) => one.entitiesOf(Angler))
  const fish = all.reduce((sum, { attrs }) => sum + attrs.fish, 0)
  const caught = all.reduce((sum, { attrs }) => sum + attrs.caught, 0)
  return fish === caught ? [] : [`${caught} fish were caught, and there are ${fish}`]
}

const simulation = (seed: number, give: 'give' | 'insist') =>
  simulate<Pond>({
    definition,
    bootEntity: 'Account',
    play: anglers(give),
    check,
    seed,
    seconds: 5,
    faults: { drops: true, delayMs: 50, swaps: true },
  })

test('whatever goes wrong, no fish is lost', async () => {
  for (const seed of seeds(15)) await simulation(seed, 'give')
})

test('a mistake of the author is found, and said with the command that repeats it', async () => {
  const failures: string[] = []
  for (let seed = 1; seed <= 15 && failures.length === 0; seed++)
    await simulation(seed, 'insist').catch((error: Error) => failures.push(error.message))
  const [message] = failures
  expect(message).toMatch(/^\d+ fish were caught, and there are \d+\n/)
  expect(message).toMatch(/game \d is frozen/)
  expect(message).toMatch(/\nrepeat: GOWORLD_SEED=\d+ npx vitest run test\/components\/testing\/own-game\.test\.ts$/)
})

test('what a bot throws, and a class that is not named, are said', async () => {
  const play = () => {
    throw new Error('no bait')
  }
  await expect(simulate({ definition, bootEntity: 'Account', play, seed: 1, seconds: 1 })).rejects.toThrow('no bait')
  await expect(simulate({ definition, seed: 1 })).rejects.toThrow('bootEntity: the name of a class is wanted')
})
