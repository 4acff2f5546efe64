// When entities are saved: when they are made, one interval after their first unsaved change, when they are destroyed.
//
//     written to ─> listed, due in saveIntervalMs ─> SaveQueue ─> storage
//                        ^                             │
//                        └────────── refused ──────────┘     counted as lost when the entity is gone for good by then
//
// Many that are due at once are saved in slices, so that no turn takes long; while the queue is full they wait here, where
// they cost nothing.
import type { Clock, Scheduled } from '../base/clock.ts'
import type { SaveVersion } from '../storage/row.ts'
import type { SaveQueue } from '../storage/save-queue.ts'
import { SPACE_KIND } from '../wire/client-wire.ts'
import type { EntityCore } from './core.ts'
import type { Kind } from './kind.ts'
import type { SavedEntity } from './saved-entity.ts'
import { storedIn, storedOf } from './schema.ts'
import { SpaceCore } from './space-core.ts'

const SLICE_MS = 1.5
const BETWEEN_MS = 1
/** How long those that are due wait while the queue is full, before they are tried again. */
const FULL_MS = 250

export class Saving {
  /** Entities that are gone and whose last save was refused. */
  lost = 0
  /** Those that live and whose last save was refused: each is tried again. */
  readonly #failing = new Set<EntityCore>()
  readonly #clock: Clock
  readonly #queue: SaveQueue
  readonly #intervalMs: number
  /** When each is to be saved, the first one first. */
  readonly #due = new Map<EntityCore, number>()
  #alarm: Scheduled | undefined
  /** Time stands still: who is due waits until it goes on. */
  #isStill = false

  constructor(clock: Clock, queue: SaveQueue, intervalMs: number) {
    this.#clock = clock
    this.#queue = queue
    this.#intervalMs = intervalMs
  }

  /** Lists an entity that was written to. */
  later(core: EntityCore): void {
    if (this.#due.has(core)) return
    this.#due.set(core, this.#clock.now() + this.#intervalMs)
    if (!this.#alarm && !this.#isStill) this.#setAlarm()
  }

  async save(core: EntityCore): Promise<void> {
    if (!core.kind.persistent) return
    core.unsaved = false
    try {
      const data = storedOf(core)
      if (core instanceof SpaceCore) data[SPACE_KIND] = core.spaceKind
      const version = after(core.saved, core.epoch)
      core.saved = version
      await this.#queue.save(core.kind.name, core.id, data, { schema: core.kind.version, ...version })
      // A later one may have failed before.
      if (core.saved === version) this.#failing.delete(core)
    } catch (error) {
      this.refused(core)
      throw error
    }
  }

  /** What was to be saved of it is not: it is unsaved again, unless there is nobody left to try. */
  refused(core: EntityCore): void {
    // All of a frozen game count as gone, until it goes on.
    if (core.gone && core.world.find(core.id) !== core) {
      this.lost++
      return
    }
    this.#failing.add(core)
    core.attrsUnsaved()
  }

  status() {
    return { failing: this.#failing.size, lost: this.lost }
  }

  /** Saves what lasts of an entity that cannot be made again. */
  async saveLost(kind: Kind | undefined, { id, epoch, version: schema = 1, parts }: SavedEntity): Promise<void> {
    if (!kind?.persistent) return
    const [savedEpoch, savedNo] = (parts['saved'] as [number, number] | undefined) ?? [epoch, 0]
    const version = after({ epoch: savedEpoch, no: savedNo }, epoch)
    try {
      await this.#queue.save(kind.name, id, storedIn(parts), { schema, ...version })
    } catch {
      this.lost++
    }
  }

  /** Saves it if it has to be. Nobody waits: what is refused the queue has logged. */
  saveUnsaved(core: EntityCore): void {
    if (core.unsaved) this.save(core).catch(() => {})
  }

  /** Whether anybody has to be saved by now. */
  get isDue(): boolean {
    const [dueMs] = this.#due.values()
    return dueMs !== undefined && dueMs <= this.#clock.now()
  }

  /** Whatever is unsaved is due now: a slice at a time, as fast as the queue takes it. */
  hurry(): void {
    const now = this.#clock.now()
    for (const core of this.#due.keys()) this.#due.set(core, now)
    if (this.#isStill) return
    this.#alarm?.cancel()
    this.#setAlarm()
  }

  /** Whatever is unsaved, now. */
  saveAll(): void {
    for (const core of this.#due.keys()) this.saveUnsaved(core)
    this.#due.clear()
  }

  /** The entity is going. */
  forget(core: EntityCore): void {
    this.#due.delete(core)
    this.#failing.delete(core)
  }

  stop(): void {
    this.#isStill = true
    this.#alarm?.cancel()
    this.#alarm = undefined
  }

  resume(): void {
    this.#isStill = false
    if (!this.#alarm) this.#setAlarm()
  }

  #setAlarm(): void {
    const [dueMs] = this.#due.values()
    this.#alarm = dueMs === undefined ? undefined : this.#clock.after(dueMs - this.#clock.now(), () => this.#saveDue())
  }

  #saveDue(): void {
    const now = this.#clock.now()
    for (const [core, dueMs] of this.#due) {
      if (dueMs > now) break
      if (this.#queue.room <= 0) return this.#pause(FULL_MS)
      if (this.#clock.now() - now > SLICE_MS) return this.#pause(BETWEEN_MS)
      this.#due.delete(core)
      this.saveUnsaved(core)
    }
    this.#setAlarm()
  }

  #pause(ms: number): void {
    this.#alarm = this.#clock.after(ms, () => this.#saveDue())
  }
}

/**
 * The version of the next save of a placement that knows of one. That of a row is always of an earlier epoch (`World.load`):
 * another placement may go on in it, and the two could not be told apart.
 */
const after = (saved: SaveVersion | undefined, epoch: number): SaveVersion =>
  saved && saved.epoch >= epoch ? { epoch: saved.epoch, no: saved.no + 1 } : { epoch, no: 1 }
