// When entities are saved: when they are made, one interval after their first unsaved change, when they are destroyed.
//
//     written to ─> listed, due in saveIntervalMs ─> SaveQueue ─> storage
//                        ^                             │
//                        └────────── refused ──────────┘     counted as lost when the entity is gone by then
import type { Clock, Scheduled } from '../base/clock.ts'
import type { SaveQueue } from '../storage/save-queue.ts'
import type { Document } from '../storage/storage.ts'
import { SPACE_KIND } from '../wire/client-wire.ts'
import { Attrs } from './attrs.ts'
import type { EntityCore } from './core.ts'
import { SpaceCore } from './space-core.ts'

export class Saving {
  /** Entities that are gone and whose last save was refused. */
  lost = 0
  readonly #clock: Clock
  readonly #queue: SaveQueue
  readonly #intervalMs: number
  /** When each is to be saved, the first one first. */
  readonly #due = new Map<EntityCore, number>()
  #alarm: Scheduled | undefined

  constructor(clock: Clock, queue: SaveQueue, intervalMs: number) {
    this.#clock = clock
    this.#queue = queue
    this.#intervalMs = intervalMs
  }

  /** Lists an entity that was written to. */
  later(core: EntityCore): void {
    if (this.#due.has(core)) return
    this.#due.set(core, this.#clock.now() + this.#intervalMs)
    if (!this.#alarm) this.#setAlarm()
  }

  async save(core: EntityCore): Promise<void> {
    if (!core.kind.persistent) return
    core.unsaved = false
    const { persistent } = core.kind.layout
    const data = Attrs.plain(core.attrs, (index) => persistent[index]!)
    if (core instanceof SpaceCore) data[SPACE_KIND] = core.spaceKind
    try {
      await this.#queue.save(core.kind.name, core.id, data as Document)
    } catch (error) {
      if (core.gone) this.lost++
      else core.attrsUnsaved()
      throw error
    }
  }

  /** Saves it if it has to be. Nobody waits: what is refused the queue has logged. */
  saveUnsaved(core: EntityCore): void {
    if (core.unsaved) this.save(core).catch(() => {})
  }

  /** Whatever is unsaved, now. */
  saveAll(): void {
    for (const core of this.#due.keys()) this.saveUnsaved(core)
    this.#due.clear()
  }

  /** The entity is going. */
  forget(core: EntityCore): void {
    this.#due.delete(core)
  }

  stop(): void {
    this.#alarm?.cancel()
    this.#alarm = undefined
  }

  resume(): void {
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
      this.#due.delete(core)
      this.saveUnsaved(core)
    }
    this.#setAlarm()
  }
}
