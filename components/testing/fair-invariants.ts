// What must be true of the built-in game besides: of every call, ask, timer and coin in its ledger.
import { Purse } from './fair.ts'
import type { Invariant } from './invariants.ts'
import type { Ledger } from './ledger.ts'

/** What was acknowledged was done once; nothing was done twice; where nothing died, what was said was done. */
export const callsOnce =
  (ledger: Ledger): Invariant =>
  ({ faults }) =>
    [...ledger.deeds.values()].flatMap(({ no, what, from, to, done, acknowledged }) => {
      if (what === 'timer') return []
      const text = `calls: ${what} ${no} of ${from} to ${to}`
      if (done > 1) return [`${text} was executed ${done} times`]
      if (acknowledged && done === 0) return [`${text} was acknowledged, and never executed`]
      if (what === 'call' && faults.areGentle && done === 0) return [`${text} was lost, though nothing died`]
      return []
    })

/** What one that stays on its game says to another is heard in the order in which it was said. */
export const callsInOrder =
  (ledger: Ledger): Invariant =>
  ({ faults }) =>
    [...ledger.order].flatMap(([way, heard]) => {
      const at = heard.findIndex((no, n) => n > 0 && no < heard[n - 1]!)
      if (at < 0 || !faults.areGentle) return []
      return [`order: of the calls from ${way}, ${heard[at]} was heard after ${heard[at - 1]}`]
    })

/**
 * A timer that runs once has run once, if its entity lives. Twice only where that lived in two places: in a game that was thought
 * dead, or in one that has died since and of which it was taken back. In that one a timer may also have been set.
 */
export const timersOnce =
  (ledger: Ledger): Invariant =>
  ({ cluster, faults }) =>
    [...ledger.deeds.values()].flatMap(({ no, what, from, done }) => {
      if (what !== 'timer' || done === 1) return []
      const isSaid = (text: string) => cluster.log.matching('warn', `<${from}> ${text}`).length > 0
      const isExcused = isSaid('is back from its way to game') || (done > 1 && isSaid('lives elsewhere by now'))
      if (isExcused && !faults.areGentle) return []
      if (done > 1) return [`timers: timer ${no} of ${from} has run ${done} times`]
      const lives = cluster.games.some(({ world }) => world.find(from))
      return lives ? [`timers: timer ${no} of ${from}, which lives, has not run`] : []
    })

/** Gold that was acknowledged is stored. */
export const goldKept =
  (ledger: Ledger): Invariant =>
  async (sim) => {
    const stored = new Map<string, ReadonlySet<unknown>>()
    const failures: string[] = []
    for (const { no, what, to, acknowledged } of ledger.deeds.values()) {
      if (what !== 'ask' || !acknowledged || to === '') continue
      if (!stored.has(to)) {
        const row = await sim.saved(Purse.name, to)
        stored.set(to, new Set(row ? (row.data['deposits'] as unknown[]) : []))
      }
      if (sim.keptSaves.has(`${Purse.name} ${to}`) && !stored.get(to)!.has(no))
        failures.push(`gold: deposit ${no} in purse ${to} was acknowledged, and is not stored`)
    }
    return failures
  }

/** What clients and entities have noticed themselves. */
export const noticed =
  (ledger: Ledger): Invariant =>
  () =>
    ledger.failures

export const fairInvariants = (ledger: Ledger): readonly Invariant[] =>
  [callsOnce, callsInOrder, timersOnce, goldKept, noticed].map((make) => make(ledger))
