// Shortcuts for code outside of a method: each asks the game whose code is running. Inside a method `this.game` and
// `this.call` say the same and cannot be mistaken.

import type { Sql } from '../sql/sql.ts'
import type { Calls } from './calls.ts'
import type { EntityClass, EntityId, InitialAttrs } from './contract.ts'
import { currentWorld } from './current.ts'
import type { Kvdb, RunningGame } from './running-game.ts'
import type { Space } from './space.ts'

/** The game whose code is running. */
export const currentGame = (): RunningGame => currentWorld().game

export const create = <T extends EntityClass>(type: T, attrs?: InitialAttrs<T['contract']>): InstanceType<T> =>
  currentGame().create(type, attrs)

export const createAnywhere = <T extends EntityClass>(
  type: T,
  attrs?: InitialAttrs<T['contract']>,
): EntityId<InstanceType<T>> => currentGame().createAnywhere(type, attrs)

export const createSpace = <T extends EntityClass<Space>>(
  type: T,
  kind: number,
  attrs?: InitialAttrs<T['contract']>,
): InstanceType<T> => currentGame().createSpace(type, kind, attrs)

export const load = <T extends EntityClass>(type: T, id: EntityId<InstanceType<T>>): EntityId<InstanceType<T>> =>
  currentGame().load(type, id)

export const call = <T>(id: EntityId<T> | readonly EntityId<T>[]): Calls<T> => currentGame().call(id)

export const kvdb: Kvdb = {
  get: (key) => currentGame().kvdb.get(key),
  put: (key, value) => currentGame().kvdb.put(key, value),
  delete: (key) => currentGame().kvdb.delete(key),
  getOrPut: (key, value) => currentGame().kvdb.getOrPut(key, value),
  getRange: (begin, end, limit) => currentGame().kvdb.getRange(begin, end, limit),
  compareAndSet: (key, expected, value) => currentGame().kvdb.compareAndSet(key, expected, value),
  update: (key, next) => currentGame().kvdb.update(key, next),
}

export const sql: Sql = {
  get kind() {
    return currentWorld().sql.kind
  },
  query: (text, parameters) => currentWorld().sql.query(text, parameters),
  transaction: (work) => currentWorld().sql.transaction(work),
}
