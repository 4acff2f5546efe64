// SQL as authors have it: tracked, so that a freeze waits for it, and shut when the game is sealed.
import { expect, it } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { GameFrozen } from '../../../engine/base/errors.ts'
import { authorSql } from '../../../engine/entity/author-sql.ts'
import { OpenWork } from '../../../engine/entity/open-work.ts'
import type { World } from '../../../engine/entity/world.ts'
import type { SqlDatabase, SqlResult } from '../../../engine/sql/sql.ts'

function world() {
  const openWork = new OpenWork(new VirtualClock())
  const seal = { isSealed: false }
  const checkSeal = () => {
    if (seal.isSealed) throw new GameFrozen('it is frozen')
  }
  const answers: PromiseWithResolvers<SqlResult<never>>[] = []
  const outcomes: string[] = []
  const query = () => {
    const answer = Promise.withResolvers<SqlResult<never>>()
    answers.push(answer)
    return answer.promise
  }
  const database: SqlDatabase = {
    kind: 'sqlite',
    query,
    async transaction(work) {
      try {
        const value = await work({ query })
        outcomes.push('committed')
        return value
      } catch (error) {
        outcomes.push('rolled back')
        throw error
      }
    },
    close: async () => {},
  }
  const sql = authorSql({ openWork, checkSeal } as unknown as World, database)
  return { sql, openWork, seal, answers, outcomes }
}

it('is open work until it is answered', async () => {
  const { sql, openWork, answers } = world()
  expect(sql.kind).toBe('sqlite')
  const call = sql.query('SELECT 1')
  let idle = false
  const waited = openWork.idle(1e9).then(() => (idle = true))
  await new Promise((resolve) => setImmediate(resolve))
  expect(idle).toBe(false)
  answers[0]!.resolve({ rows: [], count: 0 })
  expect(await call).toEqual({ rows: [], count: 0 })
  void waited
})

it('is refused by a game that is frozen', async () => {
  const { sql, seal, answers } = world()
  seal.isSealed = true
  await expect(sql.query('SELECT 1')).rejects.toThrow(GameFrozen)
  await expect(sql.transaction(async () => {})).rejects.toThrow(GameFrozen)
  expect(answers).toEqual([])
})

it('commits nothing that the freeze did not wait for', async () => {
  const { sql, openWork, seal, answers, outcomes } = world()
  const call = sql.transaction((tx) => tx.query('INSERT'))
  const caught = call.catch((error) => error)
  seal.isSealed = true
  openWork.rejectAll(new GameFrozen('it is frozen'))
  expect(await caught).toBeInstanceOf(GameFrozen)
  answers[0]!.resolve({ rows: [], count: 1 })
  await expect.poll(() => outcomes).toEqual(['rolled back'])
})
