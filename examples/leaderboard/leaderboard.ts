// A leaderboard in SQL, on SQLite or PostgreSQL alike: every round that is played is kept, and the ten best are one
// query away.
import { entity, game, integer, service, sql, string } from 'goworld'

const NAME_LENGTH_MAX = 30
/** What `ON CONFLICT` finds is the row of a player who has played before. */
const COUNT_ROUND = `
  INSERT INTO players (name, best, rounds) VALUES ($1, $2, 1)
  ON CONFLICT (name) DO UPDATE SET rounds = players.rounds + 1,
    best = CASE WHEN excluded.best > players.best THEN excluded.best ELSE players.best END
  RETURNING best, rounds`
const TOP = 'SELECT name, best FROM players ORDER BY best DESC, name LIMIT 10'

interface Player {
  readonly name: string
  readonly best: number
  readonly rounds: number
}

/** There is one in the whole deployment, so nobody else makes the tables at the same time. */
export class Leaderboard extends service({}) {
  #tables: Promise<void> | undefined

  /** Keeps a round and counts it: both, or neither. */
  async record(name: string, score: number): Promise<{ readonly best: number; readonly rounds: number }> {
    await this.#ready()
    return sql.transaction(async (tx) => {
      await tx.query('INSERT INTO rounds (name, score) VALUES ($1, $2)', [name, score])
      const { rows } = await tx.query<Player>(COUNT_ROUND, [name, score])
      return rows[0]!
    })
  }

  async top(): Promise<[name: string, best: number][]> {
    await this.#ready()
    const { rows } = await sql.query<Player>(TOP)
    return rows.map(({ name, best }) => [name, best])
  }

  #ready(): Promise<void> {
    this.#tables ??= makeTables().catch((error) => {
      // The next round tries again: perhaps the database is back then.
      this.#tables = undefined
      throw error
    })
    return this.#tables
  }
}

async function makeTables() {
  await sql.query('CREATE TABLE IF NOT EXISTS rounds (name VARCHAR(100) NOT NULL, score INT NOT NULL)')
  await sql.query(
    'CREATE TABLE IF NOT EXISTS players (name VARCHAR(100) PRIMARY KEY, best INT NOT NULL, rounds INT NOT NULL)',
  )
  await sql.query('CREATE INDEX IF NOT EXISTS players_best ON players (best)')
}

/** Who connects has one: the player. */
export class Account extends entity({
  kept: ['name'],
  ownClient: { enter: [string], finished: [integer], showTop: [] },
  client: {
    personalBest(_best: number, _rounds: number) {},
    top(_places: [name: string, best: number][]) {},
  },
}) {
  name = ''

  enter(name: string) {
    if (this.name === '' && name.length <= NAME_LENGTH_MAX) this.name = name
  }

  async finished(score: number) {
    if (this.name === '') return
    const { best, rounds } = await this.ask(this.game.serviceId(Leaderboard)).record(this.name, score)
    this.client.personalBest(best, rounds)
  }

  async showTop() {
    this.client.top(await this.ask(this.game.serviceId(Leaderboard)).top())
  }

  override onClientDisconnected() {
    this.destroy()
  }
}

export default game([Account, Leaderboard])
