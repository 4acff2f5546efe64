// What clients and server say to each other, and how it is printed.
import { type Check, number, shape, string } from 'goworld'

export interface Place {
  readonly x: number
  readonly y: number
}
export interface Login {
  readonly clientID: number | bigint
  readonly username: string
}
/** Of a client's own player. */
export type PlayerState = { readonly hp: number } & ({ readonly postition: Place } | { readonly position: Place })
/** Of somebody's player. */
export interface SessionState {
  readonly hp: number
  readonly postition: Place
  readonly SessionID: bigint
}

/** Of up to 64 bits; one that a double cannot hold comes as a bigint. */
const wholeNumber: Check<number | bigint> = Object.assign(
  (value: unknown): value is number | bigint => typeof value === 'bigint' || Number.isInteger(value),
  { wants: 'a whole number' },
)
const place = shape({ x: number, y: number })
const misspelt = shape({ hp: number, postition: place })
const spelt = shape({ hp: number, position: place })

export const login: Check<Login> = shape({ clientID: wholeNumber, username: string })
export const playerState: Check<PlayerState> = Object.assign(
  (value: unknown): value is PlayerState => misspelt(value) || spelt(value),
  { wants: misspelt.wants },
)

/** As Go prints a struct: `{100 {365 957} 5777754122544690289}`. */
export const printed = ({ hp, postition: { x, y }, SessionID }: SessionState): string =>
  `{${hp} {${x} ${y}} ${SessionID}}`
