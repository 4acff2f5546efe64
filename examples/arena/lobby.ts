// The one place that knows everybody: sees to it that each arena is there, keeps the score of all games, and the hall of
// fame, which lasts.
import { type EntityId, service, Undelivered } from 'goworld'
import { ArenaSpace, arenaId } from './arena_space.ts'
import { Player } from './player.ts'
import { MAPS } from './shared/maps.ts'

const LOOK_AFTER_MS = 5000
const SAY_SCORES_MS = 1000
const SCORES_SHOWN = 10
const HALL_LENGTH = 10
const HALL_KEY = 'arena/hall'

/** As they are on the wire. */
export type ScoreEntry = [id: string, name: string, color: number, score: number, arena: number, isBot: boolean]
export type HallEntry = [name: string, score: number]

export class Lobby extends service({ kept: ['scores'] }) {
  /** Of those who play. */
  scores = new Map<string, ScoreEntry>()
  #isNews = true

  override onCreated() {
    this.every(LOOK_AFTER_MS, this.lookAfterArenas)
    this.every(SAY_SCORES_MS, this.sayScores)
    void this.lookAfterArenas()
  }

  /** Makes the arenas that are not there, or no longer: each where there is room. */
  async lookAfterArenas() {
    for (const { kind } of MAPS) {
      const id = arenaId(this.game, kind)
      if (id === undefined || !(await this.#isThere(id))) this.game.createSpaceAnywhere(ArenaSpace, kind)
    }
  }

  async #isThere(id: EntityId<ArenaSpace>): Promise<boolean> {
    try {
      return await this.ask(id).isOpen()
    } catch (error) {
      // Whoever does not answer may be on its way from one process to another; only who cannot be found is gone.
      return !(error instanceof Undelivered)
    }
  }

  async hall(): Promise<HallEntry[]> {
    return readHall(await this.game.kvdb.get(HALL_KEY))
  }

  scored(...entry: ScoreEntry) {
    this.scores.set(entry[0], entry)
    this.#isNews = true
  }

  left(playerId: string) {
    const entry = this.scores.get(playerId)
    this.scores.delete(playerId)
    this.#isNews = true
    if (entry && entry[3] > 0 && !entry[5]) void this.#remember(entry[1], entry[3])
  }

  sayScores() {
    if (!this.#isNews) return
    this.#isNews = false
    const best = [...this.scores.values()].sort((a, b) => b[3] - a[3]).slice(0, SCORES_SHOWN)
    this.game.clientsWhere(Player, '').scores(best, this.scores.size)
  }

  async #remember(name: string, score: number) {
    await this.game.kvdb.update(HALL_KEY, (text) => JSON.stringify(withEntry(readHall(text), name, score)))
  }
}

const readHall = (text: string | undefined): HallEntry[] => (text === undefined ? [] : JSON.parse(text))

/** Each name once, with its best. */
function withEntry(hall: readonly HallEntry[], name: string, score: number): HallEntry[] {
  const others = hall.filter(([other]) => other !== name)
  const before = hall.find(([other]) => other === name)?.[1] ?? 0
  return [...others, [name, Math.max(before, score)] satisfies HallEntry]
    .sort((a, b) => b[1] - a[1])
    .slice(0, HALL_LENGTH)
}
