// What a store keeps of one entity: what it saved, by which version of its class, and which save that was.
import { decodeDocument, encodeDocument } from './document.ts'
import type { Document } from './storage.ts'

/**
 * Which save of an entity: `epoch` is the placement of the entity that saved (docs/order.md), `no` counts the saves in
 * it. The later of two has the larger epoch, or the same and the larger number.
 */
export interface SaveVersion {
  /** 0 to 2^32-1 */
  readonly epoch: number
  /** 0 to 2^53-1 */
  readonly no: number
}

export interface RowHead extends SaveVersion {
  /** The version of the entity's class that saved, from 1 up; what GoWorld wrote has 0. */
  readonly schema: number
}

/** Whether `left` is an earlier save than `right`. */
export const isEarlier = (left: SaveVersion, right: SaveVersion): boolean =>
  left.epoch === right.epoch ? left.no < right.no : left.epoch < right.epoch

export class Row implements RowHead {
  readonly schema: number
  readonly epoch: number
  readonly no: number
  /** The document as JSON text: see document.ts. */
  readonly text: string
  readonly #what: string

  private constructor({ schema, epoch, no }: RowHead, text: string, what: string) {
    this.schema = schema
    this.epoch = epoch
    this.no = no
    this.text = text
    this.#what = what
  }

  /** Takes what `data` is now: changing it afterwards changes nothing. Throws NotStorable for what cannot be kept. */
  static of(data: unknown, head: RowHead): Row {
    return new Row(head, encodeDocument(data), 'a row')
  }

  /** A row whose document was encoded before. `what` names it in the error that `data` throws when it was not. */
  static stored(text: string, head: RowHead, what: string): Row {
    return new Row(head, text, what)
  }

  /** The document, made anew each time. Throws StorageError when the text is not what `of` makes. */
  get data(): Document {
    return decodeDocument(this.text, this.#what)
  }
}
