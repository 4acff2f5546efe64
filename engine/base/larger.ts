// Typed arrays that grow: a longer one, which begins with what the old one holds.

type Numbers = Uint8Array | Uint16Array | Uint32Array | Int8Array | Int32Array | Float64Array

/** An array of the same kind with room for `length` numbers; what is new in it is 0. */
export function larger<T extends Numbers>(old: T, length = old.length * 2): T {
  const made = new (old.constructor as new (length: number) => T)(length)
  made.set(old)
  return made
}
