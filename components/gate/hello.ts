// The first frame of a client with a session, which anybody may send: read, or what is wrong with it.
import { messageOf, WireError } from '../../engine/base/errors.ts'
import { isId } from '../../engine/base/id.ts'
import { SESSION_VERSION, sessionMessages } from '../../engine/wire/client-wire.ts'
import type { ValuesOf } from '../../engine/wire/table.ts'

/** It is no longer: a token, an id, three numbers. */
const HELLO_BYTES_MAX = 256
const TOKEN_CHARACTERS_MAX = 64
const TYPE_BYTES = 2

export type Hello = ValuesOf<typeof sessionMessages.hello.fields>

export function readHello(bytes: Uint8Array, start: number, end: number): Hello | string {
  // Before any of it is made into a string.
  if (end - start > HELLO_BYTES_MAX) return `of ${end - start} bytes`
  let hello: Hello
  try {
    hello = sessionMessages.hello.read(bytes, start + TYPE_BYTES, end)
  } catch (error) {
    if (error instanceof WireError) return messageOf(error)
    throw error
  }
  const { version, token, playerId } = hello
  if (version !== SESSION_VERSION) return `of version ${version}: ${SESSION_VERSION} is spoken here`
  if (token.length > TOKEN_CHARACTERS_MAX) return `with a token of ${token.length} characters`
  if (playerId !== '' && !isId(playerId)) return 'with a player that cannot be'
  return hello
}
