// A set of (watcher, subject) pairs, for the few that AOI must remember one by one.
//
//     rows: | watcher | subject |   open addressing, linear probing; watcher -1 = empty row
//
// Deleting shifts the rows behind back, so there are no tombstones and look-ups never slow down with age.

const ROW = 2
const SUBJECT = 1
const EMPTY = -1

export class AoiPairs {
  #rows = new Int32Array(16 * ROW).fill(EMPTY)
  #mask = 15
  size = 0

  has(watcher: number, subject: number): boolean {
    return this.size > 0 && this.#rows[this.#find(watcher, subject)] !== EMPTY
  }

  add(watcher: number, subject: number): void {
    let row = this.#find(watcher, subject)
    if (this.#rows[row] === EMPTY) {
      if (this.size >= (this.#mask + 1) >>> 1) {
        this.#grow()
        row = this.#find(watcher, subject)
      }
      this.size++
    }
    this.#rows[row] = watcher
    this.#rows[row + SUBJECT] = subject
  }

  forEach(visit: (watcher: number, subject: number) => void): void {
    const rows = this.#rows
    for (let row = 0; row < rows.length; row += ROW) if (rows[row] !== EMPTY) visit(rows[row]!, rows[row + SUBJECT]!)
  }

  /** Whether it was there. */
  delete(watcher: number, subject: number): boolean {
    if (this.size === 0) return false
    const rows = this.#rows
    let hole = this.#find(watcher, subject)
    if (rows[hole] === EMPTY) return false
    this.size--
    const end = rows.length
    for (let row = this.#after(hole); rows[row] !== EMPTY; row = this.#after(row)) {
      // A row may fill the hole if its home is not between the hole and itself.
      const home = this.#home(rows[row]!, rows[row + SUBJECT]!)
      if ((row - home + end) % end < (row - hole + end) % end) continue
      rows.copyWithin(hole, row, row + ROW)
      hole = row
    }
    rows[hole] = EMPTY
    return true
  }

  #find(watcher: number, subject: number): number {
    const rows = this.#rows
    let row = this.#home(watcher, subject)
    while (rows[row] !== EMPTY && (rows[row] !== watcher || rows[row + SUBJECT] !== subject)) row = this.#after(row)
    return row
  }

  #home(watcher: number, subject: number): number {
    const mixed = Math.imul(Math.imul(watcher, 0x9e3779b1) ^ subject, 0x85ebca6b)
    return ((mixed ^ (mixed >>> 15)) & this.#mask) * ROW
  }

  #after(row: number): number {
    return row + ROW === this.#rows.length ? 0 : row + ROW
  }

  #grow(): void {
    const old = this.#rows
    this.#rows = new Int32Array(old.length * 2).fill(EMPTY)
    this.#mask = this.#mask * 2 + 1
    for (let row = 0; row < old.length; row += ROW) {
      if (old[row] !== EMPTY) {
        this.#rows.set(old.subarray(row, row + ROW), this.#find(old[row]!, old[row + SUBJECT]!))
      }
    }
  }
}
