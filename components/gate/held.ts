// What very many are to hear and waits for the time of each: kept once, with whom it is for. A client takes all that is for
// it in one go, before anything else that it hears: so it is visited once an interval and not with each thing that is said,
// and what is copied lies in the caches.
//
//     frames:     | say | say | publish | say |       numbered from `first`; what nobody has to take any more goes
//     slot 0:        x     x                ^          has taken all in front of `^`
//     slot 1:        x     x       x     x
import { larger } from '../../engine/base/larger.ts'
import type { Clients } from './clients.ts'
import { FrameCopy } from './frame-copy.ts'

/** It pays where one in so many of the clients is to hear it, and they are not a handful. */
const SHARE_MIN = 1 / 16
const COUNT_MIN = 16
/** What is kept for the next frame: so many, of so many bytes at the most. */
const FREE_MAX = 256
const FREE_BYTES_MAX = 4096
const FIRST_BYTES = 256

/** Who takes what is held. */
export interface Taker {
  readonly slot: number
  /** It is named when it says so: see `Held.nameEntity`. */
  addHeld(frame: FrameCopy): void
}

class HeldFrame {
  readonly frame = new FrameCopy(FIRST_BYTES)
  /** How many have yet to take it. */
  left = 0
  /** A bit for each slot. */
  #slots = new Uint32Array(8)

  has(slot: number): boolean {
    const word = slot >>> 5
    return word < this.#slots.length && (this.#slots[word]! & (1 << (slot & 31))) !== 0
  }

  add(slot: number): void {
    const word = slot >>> 5
    if (word >= this.#slots.length) this.#slots = larger(this.#slots, Math.max(word + 1, this.#slots.length * 2))
    this.#slots[word]! |= 1 << (slot & 31)
    this.left++
  }

  /** Answers whether it was for the slot. */
  take(slot: number): boolean {
    if (!this.has(slot)) return false
    this.#slots[slot >>> 5]! &= ~(1 << (slot & 31))
    this.left--
    return true
  }
}

export class Held {
  readonly #clients: Clients
  readonly #frames: HeldFrame[] = []
  readonly #free: HeldFrame[] = []
  #first = 0
  /** The number of the frame that is said at the moment, when somebody is to hear it later: it and all behind it are that. */
  #saidAt = Number.POSITIVE_INFINITY

  constructor(clients: Clients) {
    this.#clients = clients
  }

  /** How many frames have to be taken. */
  get size(): number {
    return this.#frames.length
  }

  /** The number of the next frame. */
  get next(): number {
    return this.#first + this.#frames.length
  }

  /** Whether to hold what so many are to hear. */
  pays(count: number): boolean {
    return count >= COUNT_MIN && count >= this.#clients.size * SHARE_MIN
  }

  /** The client in the slot is to hear the frame. What is added until `end` is the same one, and for nobody who takes meanwhile. */
  add(slot: number, frame: FrameCopy): void {
    const frames = this.#frames
    this.#saidAt = Math.min(this.#saidAt, this.next)
    let at = this.#saidAt - this.#first
    // Whoever hears the same twice has it there twice.
    while (at < frames.length && frames[at]!.has(slot)) at++
    if (at === frames.length) this.#hold(frame)
    frames[at]!.add(slot)
  }

  end(): void {
    this.#saidAt = Number.POSITIVE_INFINITY
  }

  /** Gives the taker what is for it, from the frame with the number `from` on. */
  give(taker: Taker, from: number): void {
    const { slot } = taker
    for (let at = Math.max(from - this.#first, 0); at < this.#frames.length; at++) {
      const held = this.#frames[at]!
      if (held.take(slot)) taker.addHeld(held.frame)
    }
    this.#trim()
  }

  /** The client in the slot hears nothing of that. */
  skip(slot: number, from: number): void {
    for (let at = Math.max(from - this.#first, 0); at < this.#frames.length; at++) this.#frames[at]!.take(slot)
    this.#trim()
  }

  /** Puts the id of the slot's player at `at`: all that is held is for that one, which takes it before it becomes another's. */
  nameEntity(slot: number, bytes: DataView, at: number): void {
    this.#clients.putPlayer(slot, bytes, at)
  }

  #hold(frame: FrameCopy): void {
    const held = this.#free.pop() ?? new HeldFrame()
    held.frame.copy(frame)
    this.#frames.push(held)
  }

  #trim(): void {
    const frames = this.#frames
    let gone = 0
    while (gone < frames.length && frames[gone]!.left === 0 && this.#first + gone < this.#saidAt) {
      const held = frames[gone++]!
      if (this.#free.length < FREE_MAX && held.frame.capacity <= FREE_BYTES_MAX) this.#free.push(held)
    }
    if (gone === 0) return
    frames.splice(0, gone)
    this.#first += gone
  }
}
