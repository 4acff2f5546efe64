// GoWorld's client protocol, its 2022 version: what a client and its gate say to each other.
// Integers are little-endian; a frame is u32 length, u16 type, fields. Never reuse a number.
import { args, bool, data, f32, id, message, rest, str, u8, u16, u32 } from './table.ts'

const position = { x: f32, y: f32, z: f32, yaw: f32 }
/** In front of every message meant for one client: which gate, which client. */
const addressed = { gateId: u16, clientId: id }

export const clientMessages = {
  callFromClient: message(11, 'client', 'gate', { entityId: id, method: str, args }),
  positionFromClient: message(12, 'client', 'gate', { entityId: id, ...position }),
  heartbeat: message(2001, 'client', 'gate', {}),

  createEntity: message(1002, 'gate', 'client', {
    ...addressed,
    isPlayer: bool,
    entityId: id,
    type: str,
    ...position,
    attrs: data,
  }),
  destroyEntity: message(1003, 'gate', 'client', { ...addressed, type: str, entityId: id }),
  mapSet: message(1004, 'gate', 'client', { ...addressed, entityId: id, path: data, key: str, value: data }),
  mapDelete: message(1005, 'gate', 'client', { ...addressed, entityId: id, path: data, key: str }),
  listSet: message(1006, 'gate', 'client', { ...addressed, entityId: id, path: data, index: u32, value: data }),
  listPop: message(1007, 'gate', 'client', { ...addressed, entityId: id, path: data }),
  listAppend: message(1008, 'gate', 'client', { ...addressed, entityId: id, path: data, value: data }),
  callOnClient: message(1009, 'gate', 'client', { ...addressed, entityId: id, method: str, args }),
  mapClear: message(1012, 'gate', 'client', { ...addressed, entityId: id, path: data }),
  callFiltered: message(1501, 'gate', 'client', { op: u8, key: str, value: str, method: str, args }),
  /** Repeated to the end: entity id, f32 x y z yaw. See `sync.ts`. */
  positions: message(1502, 'gate', 'client', { records: rest }),
}

/** The type under which a space reaches its players, and the attribute that holds its kind. */
export const SPACE_TYPE = '__space__'
export const SPACE_KIND = '_K'

/** Bytes between a frame's start and what is the same for every client: length, type, gate id, client id. */
export const ADDRESSED_HEADER_BYTES = 4 + 2 + 2 + 16

/** How a filter compares a client's property with a value; the index is what the wire says. */
export const FILTER_OPERATORS = ['=', '!=', '>', '<', '>=', '<='] as const
export type FilterOperator = (typeof FILTER_OPERATORS)[number]
