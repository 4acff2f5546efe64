// The names of sessions: 128 bits that nobody can guess, as text.
import { randomBytes } from 'node:crypto'
import type { Random } from '../../engine/base/random.ts'

const TOKEN_BYTES = 16

export const secretToken = (): string => randomBytes(TOKEN_BYTES).toString('base64url')

/** The same again for the same `random`: for tests and simulations, where nobody guesses. */
export const seededTokens = (random: Random) => (): string =>
  Buffer.from(Array.from({ length: TOKEN_BYTES }, () => Math.floor(random() * 256))).toString('base64url')
