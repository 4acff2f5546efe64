// Clusters whose games keep journals, for tests of what is saved: heroes with gold, and a store that breaks.
import { onTestFinished } from 'vitest'
import { attr, entity, game, space } from '../../components/game/goworld.ts'
import { StorageError } from '../../engine/storage/errors.ts'
import { type ClusterOptions, TestCluster } from './cluster.ts'

export class Account extends entity({}) {}
export class Hero extends entity({ attrs: { gold: attr(0, 'persistent') } }) {}
export class Room extends space({}) {}

export async function start(options: Partial<ClusterOptions> = {}): Promise<TestCluster> {
  const cluster = await TestCluster.start({
    definition: game([Account, Hero, Room]),
    games: 3,
    journals: true,
    ...options,
  })
  onTestFinished(() => cluster.stop())
  return cluster
}

export const worldOf = (cluster: TestCluster, id: number) => cluster.games[id - 1]!.world.game

/** A store that takes nothing. Answers how to mend it. */
export function breakStore({ storage }: TestCluster): () => void {
  const { write } = storage
  storage.write = async () => {
    throw new StorageError('the database is gone')
  }
  return () => {
    storage.write = write
  }
}

export async function settled<T>(cluster: TestCluster, promise: Promise<T>): Promise<T> {
  let over = false
  const done = () => {
    over = true
  }
  promise.then(done, done)
  await cluster.clock.until(() => over, 60_000, 'a promise to settle')
  return promise
}
