// Passwords as they are stored: hashed with scrypt and a salt of their own, `scrypt$salt$hash`, both in base64.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const SALT_BYTES = 16
const HASH_BYTES = 32
/** Runs beside the game's own thread, for some 50 ms. */
const hash = promisify<string, Buffer, number, Buffer>(scrypt)

export async function hashed(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  return `scrypt$${salt.toString('base64')}$${(await hash(password, salt, HASH_BYTES)).toString('base64')}`
}

/** Whether this is the password that was stored. It takes as long when there is none. */
export async function isPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [kind, salt = '', known = ''] = stored?.split('$') ?? []
  const found = await hash(password, Buffer.from(salt, 'base64'), HASH_BYTES)
  return kind === 'scrypt' && timingSafeEqual(found, Buffer.from(known, 'base64'))
}
