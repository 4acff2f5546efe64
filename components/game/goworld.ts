// The public door: what a game imports as 'goworld'. Write entity classes, put them together with `game([…])`.

export {
  anything,
  boolean,
  bytes,
  type Check,
  idText,
  integer,
  listOf,
  mapOf,
  maybe,
  number,
  oneOf,
  shape,
  string,
} from '../../engine/base/check.ts'
export {
  AskFailed,
  EntityGone,
  GameFrozen,
  OperatorError,
  TimedOut,
  Unanswered,
  Undelivered,
} from '../../engine/base/errors.ts'
export { readConfig } from '../../engine/config/config.ts'
export { parseFlags } from '../../engine/config/flags.ts'
export { runProgram } from '../../engine/config/program.ts'
export type { Asks, Calls } from '../../engine/entity/calls.ts'
export { type AttrValue, ListAttr, MapAttr, type RecordAttr, value } from '../../engine/entity/collections.ts'
export {
  attr,
  type ClientSignatures,
  type EntityClass,
  type EntityId,
  entityId,
  type Flag,
  list,
  map,
  optional,
  record,
  type SavedData,
  type SchemaMigration,
  type ServerCalls,
  type VisibleAttrs,
} from '../../engine/entity/contract.ts'
export { type GameDefinition, type GameOptions, game } from '../../engine/entity/definition.ts'
export { Entity, entity, type Vector3 } from '../../engine/entity/entity.ts'
export {
  call,
  create,
  createAnywhere,
  createSpace,
  currentGame,
  kvdb,
  load,
  sql,
} from '../../engine/entity/functions.ts'
export type { Hindsight, Hit } from '../../engine/entity/hindsight.ts'
export type { Kvdb, RunningGame, SharedRegistry } from '../../engine/entity/running-game.ts'
export { Service, service } from '../../engine/entity/service.ts'
export { Space, space } from '../../engine/entity/space.ts'
export type { Timer } from '../../engine/entity/timers.ts'
export { nextLargerKey } from '../../engine/kvdb/kvdb.ts'
export { PublishSubscribeService, type Subscriber } from '../../engine/service/pubsub.ts'
export {
  type Sql,
  SqlError,
  type SqlQueries,
  type SqlResult,
  type SqlRow,
  type SqlValue,
} from '../../engine/sql/sql.ts'
