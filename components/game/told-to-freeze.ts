// A game that is to be restored may be running still: it was told to freeze a moment ago, and `-restore` followed at once.
import { realClock } from '../../engine/base/clock.ts'
import { OperatorError } from '../../engine/base/errors.ts'
import { askControl } from '../process/control.ts'
import { nameOf, type ProcessId, type RunFolder } from '../process/run-folder.ts'

/** By then a game that was told has begun, whatever it was at. */
const BEGUN_WITHIN_MS = 2000
const LOOK_MS = 10

/**
 * Resolves to true as soon as the process of that name is being frozen; to false when there is none, or nobody has told it.
 * Throws an OperatorError that says why when it could not be frozen.
 */
export async function isFreezing(folder: RunFolder, name: ProcessId): Promise<boolean> {
  const end = realClock.now() + BEGUN_WITHIN_MS
  while (folder.find(name)?.alive) {
    // Who does not answer is about to end.
    const status = await askControl(folder.socketPath(name), 'status').catch(() => undefined)
    if (status?.['freezing'] === true) return true
    if (status && realClock.now() > end) {
      if (status['freezeError'] === undefined) return false
      throw new OperatorError(`${nameOf(name)} goes on, it could not be frozen: ${status['freezeError']}`)
    }
    await folder.isGone(name, LOOK_MS)
  }
  return false
}

/** Resolves when it has frozen and has ended, or is not told to; after `limitMs` at the latest. Throws as `isFreezing` does. */
export async function untilFrozen(folder: RunFolder, name: ProcessId, limitMs: number): Promise<void> {
  for (const end = realClock.now() + limitMs; realClock.now() < end && (await isFreezing(folder, name)); )
    await folder.isGone(name, LOOK_MS)
}
