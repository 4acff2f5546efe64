// GoWorld's client protocol, its 2022 version: what a client and its gate say to each other.
// Integers are little-endian; a frame is u32 length, u16 type, fields. Never reuse a number.
import { args, bool, data, type Fields, f32, id, message, rest, str, u8, u16, u32 } from './table.ts'

/** To the gate. */
const up = <F extends Fields>(code: number, fields: F) => message(code, 'client', 'gate', fields)
/** To the client. */
const down = <F extends Fields>(code: number, fields: F) => message(code, 'gate', 'client', fields)

const position = { x: f32, y: f32, z: f32, yaw: f32 }
/** In front of every message meant for one client: which gate, which client. */
const addressed = { gateId: u16, clientId: id }

export const clientMessages = {
  callFromClient: up(11, { entityId: id, method: str, args }),
  positionFromClient: up(12, { entityId: id, ...position }),
  heartbeat: up(2001, {}),

  createEntity: down(1002, {
    ...addressed,
    isPlayer: bool,
    entityId: id,
    type: str,
    ...position,
    attrs: data,
  }),
  destroyEntity: down(1003, { ...addressed, type: str, entityId: id }),
  mapSet: down(1004, { ...addressed, entityId: id, path: data, key: str, value: data }),
  mapDelete: down(1005, { ...addressed, entityId: id, path: data, key: str }),
  listSet: down(1006, { ...addressed, entityId: id, path: data, index: u32, value: data }),
  listPop: down(1007, { ...addressed, entityId: id, path: data }),
  listAppend: down(1008, { ...addressed, entityId: id, path: data, value: data }),
  callOnClient: down(1009, { ...addressed, entityId: id, method: str, args }),
  mapClear: down(1012, { ...addressed, entityId: id, path: data }),
  callFiltered: down(1501, { op: u8, key: str, value: str, method: str, args }),
  /** Repeated to the end: entity id, f32 x y z yaw. See `sync.ts`. */
  positions: down(1502, { records: rest }),
}

/**
 * What only our own SDK and our gate say to each other, behind a hello that GoWorld's clients never send (docs/design.md,
 * section 5). `hello` and `welcome` are the first of their connection and no part of the session's two byte streams;
 * all others are, so that a stream goes on where it was cut. After RESUMED.stream each of the two goes on at the byte that
 * its receiver has named; otherwise both begin anew, at 0. Offsets and times are modulo 2^32.
 */
export const sessionMessages = {
  /** `token` empty: a new session. Else `received` is how many bytes of the gate's stream have come. */
  hello: up(3001, { version: u16, features: u32, token: str, playerId: str, received: u32 }),
  /** So much of the gate's stream has come, from the session's begin. */
  received: up(3002, { bytes: u32 }),
  ping: up(3003, { no: u32 }),
  /** A call of the own player that is numbered, and what its sender saw when it made it: game time, as in `compactPositions`. */
  input: up(3004, { entityId: id, no: u32, seenMs: u32, method: str, args }),

  /** `resumed`: one of RESUMED. `received`: how many bytes of the client's stream have come. */
  welcome: down(3101, {
    token: str,
    features: u32,
    resumed: u8,
    received: u32,
    serverMs: data,
    graceMs: u32,
  }),
  taken: down(3102, { bytes: u32 }),
  pong: down(3103, { no: u32, serverMs: data }),
  /** After RESUMED.player: all that the client is to know has been said again; what it was not told of is gone. */
  restated: down(3104, { missed: bool }),
  /** The entity is `number` in `compactPositions` from now on. */
  numbered: down(3105, { entityId: id, number: u16 }),
  /** See `compact.ts`. */
  compactPositions: down(3106, { timeMs: u32, step: u8, records: rest }),
  /** Inputs up to `no` have been run; the player is there because of them. */
  inputDone: down(3107, { entityId: id, no: u32, timeMs: u32, ...position }),
  /** The gate is about to end: the session goes on at another, or at its successor. */
  moveOn: down(3108, { reason: str }),
  /** Who says it ends the session for good: nothing is kept for the other, who does not come back. Also in place of `welcome`. */
  farewell: message(3109, ['client', 'gate'], ['gate', 'client'], { reason: str }),
}

/** Of a WebSocket that begins with a hello. */
export const SESSION_SUBPROTOCOL = 'goworld.session.1'
export const SESSION_VERSION = 1
/** Bits of `features`. The gate answers with those that it grants. */
export const FEATURES = { compactPositions: 1 } as const
/** How a session goes on: as a new one; byte by byte; or with its player, all of which is said again. */
export const RESUMED = { no: 0, stream: 1, player: 2 } as const

/** The type under which a space reaches its players, and the attribute that holds its kind. */
export const SPACE_TYPE = '__space__'
export const SPACE_KIND = '_K'

/** Bytes between a frame's start and what is the same for every client: length, type, gate id, client id. */
export const ADDRESSED_HEADER_BYTES = 4 + 2 + 2 + 16

/** How a filter compares a client's property with a value; the index is what the wire says. */
export const FILTER_OPERATORS = ['=', '!=', '>', '<', '>=', '<='] as const
export type FilterOperator = (typeof FILTER_OPERATORS)[number]
