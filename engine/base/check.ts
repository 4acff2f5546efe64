// Checks of what comes over the wire: each says whether a value is a T, and carries a name for error messages.
import { isId } from './id.ts'

export interface Check<T> {
  (value: unknown): value is T
  /** What is wanted, for an error message. */
  readonly wants: string
}

export type Checked<C> = C extends Check<infer T> ? T : never

function check<T>(wants: string, test: (value: unknown) => boolean): Check<T> {
  return Object.assign((value: unknown): value is T => test(value), { wants })
}

export const string: Check<string> = check('a string', (value) => typeof value === 'string')
/** Any number but NaN and the infinities. */
export const number: Check<number> = check('a finite number', (value) => Number.isFinite(value))
/** A whole number that is exact. */
export const integer: Check<number> = check('an integer', (value) => Number.isSafeInteger(value))
export const boolean: Check<boolean> = check('a boolean', (value) => typeof value === 'boolean')
export const bytes: Check<Uint8Array> = check('bytes', (value) => value instanceof Uint8Array)
/** Whatever MessagePack can say. */
export const anything: Check<unknown> = check('anything', () => true)

/** One of the values given. */
export const oneOf = <const T extends string | number | boolean>(...values: T[]): Check<T> =>
  check(`one of ${values.join(', ')}`, (value) => (values as unknown[]).includes(value))

/** A list whose every element passes. */
export const listOf = <T>(element: Check<T>): Check<readonly T[]> =>
  check(`a list of ${element.wants}`, (value) => Array.isArray(value) && value.every(element))

/** A map with any string keys, whose every value passes. */
export const mapOf = <T>(element: Check<T>): Check<Readonly<Record<string, T>>> =>
  // By its keys: of a large map, `Object.values` takes four times as long (Node 24).
  check(
    `a map of ${element.wants}`,
    // To ask for the keys of a thousand takes 50 µs: not for nothing.
    element === anything
      ? isPlainMap
      : (value) => isPlainMap(value) && Object.keys(value).every((key) => element(value[key])),
  )

/** A map with these keys (others are let through). */
export const shape = <F extends Record<string, Check<unknown>>>(
  fields: F,
): Check<{ readonly [K in keyof F]: Checked<F[K]> }> => {
  const wanted = Object.entries(fields)
  return check(
    `{ ${wanted.map(([key, field]) => `${key}: ${field.wants}`).join(', ')} }`,
    (value) => isPlainMap(value) && wanted.every(([key, field]) => field(value[key])),
  )
}

/** The value, or nothing (nil on the wire). */
export const maybe = <T>(inner: Check<T>): Check<T | null | undefined> =>
  check(`${inner.wants} or nothing`, (value) => value === null || value === undefined || inner(value))

/** 16 characters that may be an entity's id. */
export const idText: Check<string> = check('an entity id', isId)

const isPlainMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
