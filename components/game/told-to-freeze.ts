// A game that is to be restored may be running still: it was told to freeze a moment ago, and `-restore` followed at once.
import { realClock } from '../../engine/base/clock.ts'
import { OperatorError } from '../../engine/base/errors.ts'
import { askControl } from '../process/control.ts'
import { nameOf, type ProcessId, type RunFolder } from '../process/run-folder.ts'

/** By then a game that was told has begun, whatever it was at. */
const BEGUN_WITHIN_MS = 2000
const LOOK_MS = 10

/**
 * Resolves when no process has the name, or when the one that has it is not being frozen; after `limitMs` at the latest. Throws
 * an OperatorError that says why when it could not be frozen.
 */
export async function untilFrozen(folder: RunFolder, name: ProcessId, limitMs: number): Promise<void> {
  const sinceMs = realClock.now()
  let wasFreezing = false
  for (let waitsMs = 0; waitsMs < limitMs && folder.find(name)?.alive; waitsMs = realClock.now() - sinceMs) {
    // Who does not answer is about to end.
    const status = await askControl(folder.socketPath(name), 'status').catch(() => undefined)
    const { freezing, freezeError } = status ?? {}
    wasFreezing ||= freezing === true
    const isOver = freezing === false && (wasFreezing || waitsMs > BEGUN_WITHIN_MS)
    if (isOver && freezeError !== undefined)
      throw new OperatorError(`${nameOf(name)} goes on, it could not be frozen: ${freezeError}`)
    if (isOver) return
    await folder.isGone(name, LOOK_MS)
  }
}
