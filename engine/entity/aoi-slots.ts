// A list of slots that is filled again and again, and keeps its room.
export class SlotList {
  slots = new Int32Array(64)
  length = 0

  push(one: number, other: number): void {
    this.reserve(2)
    this.slots[this.length++] = one
    this.slots[this.length++] = other
  }

  /** Makes room for that many more; whoever writes them sets `length`. */
  reserve(more: number): void {
    if (this.length + more <= this.slots.length) return
    const larger = new Int32Array(Math.max(this.slots.length * 2, this.length + more))
    larger.set(this.slots.subarray(0, this.length))
    this.slots = larger
  }
}
