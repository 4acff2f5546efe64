// What bots do at the fair: one thing after the other, by chance.
import type { Bot } from './bot.ts'
import type { Guest, Walker } from './fair.ts'
import type { Ledger } from './ledger.ts'
import type { Simulation } from './simulation.ts'

export type Fair = { Guest: typeof Guest; Walker: typeof Walker }

/** How wide the part of a meadow is that they walk about. */
const WIDTH = 100

export function fairgoer(ledger: Ledger) {
  /** Who came once keeps the purse. */
  const purses = new Map<number, string>()
  const walkers: string[] = []

  return async (bot: Bot<Fair>, sim: Simulation<Fair>): Promise<void> => {
    const { game } = bot
    game.on('Guest', {
      created() {
        this.server.enter(`bot ${bot.no}`, purses.get(bot.no) ?? '')
      },
    })
    game.on('Walker', {
      altered(no) {
        // Of a dispatcher that was restarted, what was on its way is lost.
        if (sim.faults.areGentle && this.attrs.count !== no)
          ledger.failures.push(`order: ${bot} heard of change ${no} while it saw ${this.attrs.count}`)
      },
    })
    const isIn = () => game.player?.type === 'Walker' && game.space !== undefined
    if (!(await bot.until(isIn))) return
    const me = game.player as Extract<typeof game.player, { type: 'Walker' }>
    purses.set(bot.no, me.attrs.purse)
    walkers.push(me.id)
    while (bot.isPlaying) {
      await bot.sleep(sim.random() * 120)
      const { player } = game
      // Between two bodies.
      if (!bot.isPlaying || player?.type !== 'Walker') continue
      const { server, id } = player
      const say = () => ledger.say('request', `${bot}`, id)
      const dice = sim.random()
      if (dice < 0.2) server.walk(say(), sim.below(WIDTH), sim.below(WIDTH))
      else if (dice < 0.3) game.move(sim.below(WIDTH), 0, sim.below(WIDTH), sim.random())
      else if (dice < 0.45) server.change(say())
      else if (dice < 0.58) server.travel(say(), 1 + sim.below(sim.sizes.games), sim.below(WIDTH), sim.below(WIDTH))
      else if (dice < 0.7) server.earn(say())
      else if (dice < 0.8) server.poke(say(), walkers[sim.below(walkers.length)]!)
      else if (dice < 0.85) server.swap(say())
      else if (dice < 0.9) server.speak(say())
      else if (dice < 0.94) server.later(say(), sim.below(3000))
      else if (dice < 0.97) server.tell(say())
      else server.keep(say())
    }
  }
}
