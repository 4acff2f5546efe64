// Which clients may be disconnected: those of a gate that died, those whose player was on a game that died or was cut off,
// or on its way anywhere while something was dead; and whom the game itself closed. Nobody else.
import type { Bot } from './bot.ts'
import type { Role } from './cluster.ts'
import type { Simulation } from './simulation.ts'

interface Hazard {
  readonly role: Role
  readonly id: number
}

const LOOK_MS = 20
/** So long after the end of a hazard somebody may still be caught in it. */
const TAIL_MS = 5000
/** What the engine says when it closes a client for want of a player; anything else a game closes for, its author wants. */
const LOST = /its player (was not there|lives elsewhere)|its first entity could not be made/

export class Closings {
  /** Clients that were disconnected, for whatever reason. */
  count = 0
  readonly #sim: Simulation
  readonly #hazards = new Set<Hazard>()

  constructor(sim: Simulation) {
    this.#sim = sim
  }

  /** Something is wrong with a process from now on. Answers how to say that it is well again. */
  begin(role: Role, id: number): () => void {
    const hazard = { role, id }
    this.#hazards.add(hazard)
    if (this.#hazards.size === 1) this.#look()
    else this.#excuse()
    return () => void this.#sim.cluster.clock.after(TAIL_MS, () => this.#hazards.delete(hazard))
  }

  closed(bot: Bot, reason: string): void {
    this.count++
    this.#excuse()
    if (bot.isExcused) return
    const said = this.#saidOf(bot.clientId)
    if (/closed by its game/.test(said) && !LOST.test(said)) return
    const cause = said || `${reason}, and its gate says nothing of it`
    this.#sim.fail(`clients: ${bot} was disconnected, and nothing had happened to it: ${cause}`)
  }

  #look(): void {
    if (this.#hazards.size === 0) return
    this.#excuse()
    this.#sim.cluster.clock.after(LOOK_MS, () => this.#look())
  }

  #excuse(): void {
    for (const bot of this.#sim.bots) bot.isExcused ||= this.#isTouched(bot)
  }

  #isTouched({ gateId, clientId, game }: Bot): boolean {
    const player = game?.player
    const cores = this.#sim.cluster.livingGames.flatMap(({ world }) => world.find(player?.id ?? '') ?? [])
    const steady = cores.find(({ client }) => client?.clientId === clientId)
    for (const { role, id } of this.#hazards) {
      if (role === 'gate' && id === gateId) return true
      if (role !== 'gate' && (cores.length !== 1 || !steady)) return true
      if (role === 'game' && steady?.world.gameId === id) return true
    }
    return false
  }

  /** What its gate said of a client's end. */
  #saidOf(clientId: string): string {
    const { lines } = this.#sim.cluster.log
    for (let at = lines.length - 1; at >= 0; at--) {
      const { message } = lines[at]!
      if (message.includes(`client ${clientId} `) && message.includes('is closed')) return message
    }
    return ''
  }
}
