// Journals of the games of one machine, in memory: what is on their disk outlives a process that crashes.

import type { Clock } from '../../engine/base/clock.ts'
import type { JournalRow } from '../../engine/storage/journal-file.ts'
import { isEarlier, type Row } from '../../engine/storage/row.ts'
import type { Journals, OpenJournal } from '../game/journals.ts'

const SYNC_MS = 50

interface Disk {
  readonly rows: Map<string, JournalRow>
  holder: MemoryJournal | undefined
}

export class MemoryJournals {
  readonly #clock: Clock
  readonly #disks = new Map<number, Disk>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  of(gameId: number): Journals {
    const own = this.#disks.get(gameId) ?? { rows: new Map(), holder: undefined }
    this.#disks.set(gameId, own)
    return {
      own: new MemoryJournal(own, this.#clock, gameId),
      list: () => [...this.#disks.keys()],
      open: async (id) => {
        const disk = this.#disks.get(id)
        if (!disk) return 'none'
        return disk.holder ? 'used' : new MemoryJournal(disk, this.#clock, gameId)
      },
    }
  }

  /** The process of a game is gone: what was not on its disk is lost, and what it held is free for others. */
  crash(gameId: number): void {
    for (const { holder } of this.#disks.values()) if (holder?.by === gameId) holder.end()
  }

  /** The machine of a game is gone with its disk. */
  lose(gameId: number): void {
    this.#disks.delete(gameId)
  }

  rowsOf(gameId: number): JournalRow[] {
    return [...(this.#disks.get(gameId)?.rows.values() ?? [])]
  }
}

class MemoryJournal implements OpenJournal {
  readonly left: readonly JournalRow[]
  readonly bytes = 0
  readonly failures = 0
  /** The game whose process has it. */
  readonly by: number
  readonly #disk: Disk
  readonly #clock: Clock

  constructor(disk: Disk, clock: Clock, by: number) {
    this.by = by
    this.#disk = disk
    this.#clock = clock
    this.left = [...disk.rows.values()]
    disk.holder = this
  }

  get rows(): number {
    return this.#disk.rows.size
  }

  append(type: string, id: string, row: Row): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(SYNC_MS, () => {
        if (this.#disk.holder !== this) return
        this.#disk.rows.set(`${type} ${id}`, { type, id, row })
        resolve()
      })
    })
  }

  confirm(type: string, id: string, row: Row): void {
    if (this.#disk.holder !== this) return
    const key = `${type} ${id}`
    const kept = this.#disk.rows.get(key)
    if (kept && !isEarlier(row, kept.row)) this.#disk.rows.delete(key)
  }

  async close(): Promise<void> {
    this.end()
  }

  end(): void {
    if (this.#disk.holder === this) this.#disk.holder = undefined
  }
}
