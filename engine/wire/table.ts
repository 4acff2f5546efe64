// How a protocol's table is written down, and what follows from it: a writer, a reader and the type of the fields.
import { type Data, readArgs, readData, writeArgs, writeData } from './codec.ts'
import type { PacketReader, PacketWriter } from './packet.ts'
import { PacketReader as Reader, PacketWriter as Writer } from './packet.ts'

export interface Field<T> {
  write(writer: PacketWriter, value: T): void
  read(reader: PacketReader): T
}

export const u8: Field<number> = { write: (w, v) => w.u8(v), read: (r) => r.u8() }
export const u16: Field<number> = { write: (w, v) => w.u16(v), read: (r) => r.u16() }
export const u32: Field<number> = { write: (w, v) => w.u32(v), read: (r) => r.u32() }
/** Whole numbers below 2^53. */
export const u53: Field<number> = {
  write(w, v) {
    w.u32(v)
    w.u32(v / 2 ** 32)
  },
  read: (r) => r.u32() + r.u32() * 2 ** 32,
}
export const f32: Field<number> = { write: (w, v) => w.f32(v), read: (r) => r.f32() }
export const bool: Field<boolean> = { write: (w, v) => w.bool(v), read: (r) => r.bool() }
/** 16 ASCII characters. */
export const id: Field<string> = { write: (w, v) => w.id(v), read: (r) => r.id() }
/** u32 length, UTF-8. */
export const str: Field<string> = { write: (w, v) => w.varstr(v), read: (r) => r.varstr() }
/** u32 length, bytes. */
export const bytes: Field<Uint8Array> = { write: (w, v) => w.varbytes(v), read: (r) => r.varbytes() }
/** u32 length, one MessagePack value. */
export const data: Field<Data> = { write: writeData, read: readData }
/** u16 count, that many `data`. */
export const args: Field<readonly Data[]> = { write: writeArgs, read: readArgs }
/** Everything to the end of the packet, unopened. */
export const rest: Field<Uint8Array> = { write: (w, v) => w.raw(v), read: (r) => r.rest() }
/** u16 count, that many ids. */
export const ids: Field<readonly string[]> = {
  write(w, list) {
    if (list.length > 0xffff) throw new RangeError(`${list.length} ids do not fit in one message`)
    w.u16(list.length)
    for (const one of list) w.id(one)
  },
  read: (r) => Array.from({ length: r.u16() }, () => r.id()),
}

/** u16 count, that many texts. */
export const strs: Field<readonly string[]> = {
  write(w, list) {
    if (list.length > 0xffff) throw new RangeError(`${list.length} texts do not fit in one message`)
    w.u16(list.length)
    for (const one of list) w.varstr(one)
  },
  read: (r) => Array.from({ length: r.u16() }, () => r.varstr()),
}

/** Who sends and who gets a message. */
export type Process = 'game' | 'gate' | 'dispatcher' | 'client'
/** What the first field names: the message is forwarded by it, unopened. */
export type Route = 'entity' | 'game' | 'gate'

// biome-ignore lint/suspicious/noExplicitAny: the one place where a field's type is not known
export type Fields = Record<string, Field<any>>
export type ValuesOf<F extends Fields> = { -readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never }

/** One row of a protocol's table. */
export interface Message<
  F extends Fields = Fields,
  From extends Process = Process,
  To extends Process = Process,
  By extends Route | undefined = Route | undefined,
> {
  readonly code: number
  readonly from: readonly From[]
  readonly to: readonly To[]
  readonly by: By
  readonly fields: F
  /** Appends a whole frame. */
  write(writer: PacketWriter, values: ValuesOf<F>): void
  /** Reads the fields behind the type, to the last byte. */
  read(bytes: Uint8Array, start: number, end: number): ValuesOf<F>
}

/** A whole frame, as bytes of its own: for what is said now and then. */
export function frameOf<F extends Fields>({ write }: Pick<Message<F>, 'write'>, values: ValuesOf<F>): Uint8Array {
  const writer = new Writer(64)
  write(writer, values)
  return writer.written()
}

const reader = new Reader()

export function message<
  const From extends Process,
  const To extends Process,
  F extends Fields,
  const By extends Route | undefined = undefined,
>(code: number, from: From | readonly From[], to: To | readonly To[], fields: F, by?: By): Message<F, From, To, By> {
  const rows = Object.entries(fields)
  return {
    code,
    from: (Array.isArray(from) ? from : [from]) as readonly From[],
    to: (Array.isArray(to) ? to : [to]) as readonly To[],
    by: by as By,
    fields,
    write(writer, values) {
      const start = writer.beginFrame(code)
      for (const [name, field] of rows) field.write(writer, values[name as keyof F])
      writer.endFrame(start)
    },
    read(packet, start, end) {
      reader.reset(packet, start, end)
      const values: Record<string, unknown> = {}
      for (const [name, field] of rows) values[name] = field.read(reader)
      reader.finish()
      return values as ValuesOf<F>
    },
  }
}
