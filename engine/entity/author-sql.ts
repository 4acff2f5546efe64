// The SQL database as authors see it: a game that ends or freezes waits for what they have asked of it.
import type { Sql, SqlDatabase, SqlQueries } from '../sql/sql.ts'
import type { World } from './world.ts'

export function authorSql(world: World, database: SqlDatabase): Sql {
  const { openWork } = world
  return {
    kind: database.kind,
    async query(text, parameters) {
      world.checkSeal()
      return openWork.track(database.query(text, parameters))
    },
    async transaction(work) {
      world.checkSeal()
      return openWork.track(database.transaction((tx) => whileOpen(world, tx, work)))
    },
  }
}

/** What is frozen goes on elsewhere, and does not know of what would be committed here. */
async function whileOpen<T>(world: World, tx: SqlQueries, work: (tx: SqlQueries) => Promise<T>): Promise<T> {
  const value = await work({
    async query(text, parameters) {
      world.checkSeal()
      return tx.query(text, parameters)
    },
  })
  world.checkSeal()
  return value
}
