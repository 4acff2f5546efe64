// What our own processes say to each other. One row a message; never reuse a number. A routed message begins with
// what it is routed by (an entity's id, a game's or a gate's number), so the dispatcher forwards it unopened.
// `test/engine/wire/messages.test.ts` sends each of them round.
import {
  bool,
  bytes,
  f32,
  id,
  ids,
  message,
  type Process,
  rest,
  str,
  strs,
  u8,
  u16,
  u32,
  u53,
  type ValuesOf,
} from './table.ts'

export const messages = {
  // --- who is there --------------------------------------------------------------------------------------------
  /** First on every new link session of a game; its entities follow as `entityPlaced`, then `gameReported`; or `gameRestored`. */
  gameHello: message(1, 'game', 'dispatcher', {
    gameId: u16,
    banBootEntity: bool,
    restoring: bool,
    types: strs,
    /** Types whose saves it keeps in a journal until the store has them. */
    journaled: strs,
    /** As in `journalsClear`. */
    journalsClear: bool,
    /** An id of its making: by it, those of the entities that it makes are known to be its own. */
    made: id,
  }),
  /** All that the game has is in the directory: new entities may be placed on it. */
  gameReported: message(2, 'game', 'dispatcher', {}),
  /** The same of a restored game, by a census of it (`census.ts`): it has what the dispatcher has kept for it, else see `reportAll`. */
  gameRestored: message(96, 'game', 'dispatcher', { count: u32, low: u32, high: u32 }),
  /** To `gameRestored`: that is not what we know. `entityPlaced` for each, then `gameReported`. */
  reportAll: message(97, 'dispatcher', 'game', {}),
  gateHello: message(3, 'gate', 'dispatcher', { gateId: u16 }),
  /** How busy a game is: CPU in thousandths of a core, event-loop lag, entities. */
  gameLoad: message(4, 'game', 'dispatcher', { cpuPermille: u16, lagMs: f32, entities: u32 }),
  gameUp: message(5, 'dispatcher', ['game', 'gate'], { gameId: u16, process: id }),
  gameDown: message(6, 'dispatcher', ['game', 'gate'], { gameId: u16 }),
  gateUp: message(7, 'dispatcher', 'game', { gateId: u16, process: id }),
  gateDown: message(8, 'dispatcher', 'game', { gateId: u16, process: id }),
  /** Every process that the deployment wants is there. Sent to late-comers too. */
  deploymentReady: message(9, 'dispatcher', ['game', 'gate'], {}),
  /** Hold (in a bounded queue) all that is for this game, up to `limitMs`; `releaseGame` ends it. */
  holdGame: message(10, 'game', 'dispatcher', { limitMs: u32 }),
  releaseGame: message(11, 'game', 'dispatcher', {}),
  /**
   * To `holdGame`: all that was said before has come, what comes now is kept. To the hello of a restored game: whether what
   * was for it has been kept; if not, all the others have been told of its end.
   */
  gameHeld: message(13, 'dispatcher', 'game', { held: bool }),
  /**
   * Whether this game is slower than what is said to it: gates do not read its players until it has caught up, and nobody
   * when so much waits for it that its link could end.
   */
  gameSlow: message(12, 'dispatcher', 'gate', { gameId: u16, slow: bool, full: bool }),

  /** Come back when all that I said before is on its way: what I say elsewhere afterwards cannot overtake it. */
  mark: message(14, 'game', 'dispatcher', { no: u32 }),
  marked: message(15, 'dispatcher', 'game', { no: u32 }),
  /** All that this game, which has died, kept in its journal is in the store. */
  journalReplayed: message(18, 'game', 'dispatcher', { gameId: u16 }),
  /** Whether every journal of the game's machine is empty, or in the hands of a game that is there and says so of its own. */
  journalsClear: message(19, 'game', 'dispatcher', { clear: bool }),
  /** All games that are there have been named: whoever was there before, and is not among them, is gone. */
  gathered: message(37, 'dispatcher', 'game', {}),
  /** The registry that all games share; a key that has a value keeps it unless `force`d. */
  registerKey: message(16, 'game', 'dispatcher', { key: str, value: str, force: bool }),
  /** The key has the value now, unless the game knows of a later version. */
  keyRegistered: message(17, 'dispatcher', 'game', { key: str, value: str, version: u53 }),
  /** To a dispatcher that may know nothing: what the game knew, ahead of `gameReported`. */
  keyKnown: message(101, 'game', 'dispatcher', { key: str, value: str, version: u53 }),

  // --- where entities live ---------------------------------------------------------------------------------------
  /** The entity lives in the sending game, in its `epoch`-th placement. */
  entityPlaced: message(20, 'game', 'dispatcher', { entityId: id, epoch: u32 }, 'entity'),
  entityGone: message(21, 'game', 'dispatcher', { entityId: id, epoch: u32 }, 'entity'),
  /** It is gone here; `entityGone` follows when what is to last of it is written, and nobody may load it before. */
  entityEnding: message(36, 'game', 'dispatcher', { entityId: id, epoch: u32 }, 'entity'),
  /** Create it on `gameId`, or where there is room (0). The dispatcher turns it into `createHere`. */
  createEntity: message(22, 'game', 'dispatcher', { entityId: id, gameId: u16, type: str, attrs: bytes }, 'entity'),
  /** Load it unless it is there. The dispatcher turns it into `loadHere`. */
  loadEntity: message(23, 'game', 'dispatcher', { entityId: id, gameId: u16, type: str }, 'entity'),
  /** A client has come: give it a boot entity with this id. The dispatcher turns it into `bootHere`. */
  bootEntity: message(24, 'gate', 'dispatcher', { entityId: id, gateId: u16, clientId: id, session: str }, 'entity'),
  createHere: message(25, 'dispatcher', 'game', { entityId: id, epoch: u32, type: str, attrs: bytes }, 'entity'),
  loadHere: message(26, 'dispatcher', 'game', { entityId: id, epoch: u32, type: str }, 'entity'),
  bootHere: message(
    27,
    'dispatcher',
    'game',
    { entityId: id, epoch: u32, gateId: u16, clientId: id, session: str },
    'entity',
  ),

  // --- moving to another game: asked, held, packed, moved, arrived (`docs/order.md`) --------------------------------
  /** Hold what is for the entity: it is about to move to `gameId`. `entityPlaced` once more undoes it. */
  holdEntity: message(28, 'game', 'dispatcher', { entityId: id, epoch: u32, gameId: u16, no: u32 }, 'entity'),
  /** All that was for it before has come. Not held: the reason why it has to stay. */
  entityHeld: message(29, 'dispatcher', 'game', { entityId: id, no: u32, held: bool, reason: str }, 'entity'),
  /** Here it is. The dispatcher turns it into `arriveHere`, with the next epoch. */
  moveEntity: message(30, 'game', 'dispatcher', { entityId: id, epoch: u32, gameId: u16, data: rest }, 'entity'),
  arriveHere: message(31, 'dispatcher', 'game', { entityId: id, epoch: u32, data: rest }, 'entity'),
  /** It cannot live here. */
  refuseEntity: message(32, 'game', 'dispatcher', { entityId: id, epoch: u32, reason: str }, 'entity'),
  /**
   * How a move has ended. Not moved: the sender makes it anew from what it kept, in a later epoch than this. Unless it is not
   * certain that it has lived nowhere else since: then it has it loaded (`loadEntity`), and compares.
   */
  entityMoved: message(
    33,
    'dispatcher',
    'game',
    { entityId: id, epoch: u32, moved: bool, certain: bool, reason: str },
    'entity',
  ),
  /** To a dispatcher that knows nothing: the entity left for `gameId`, and nobody has said that it arrived. */
  entityLeaving: message(34, 'game', 'dispatcher', { entityId: id, epoch: u32, gameId: u16 }, 'entity'),
  /** A later placement than the one you reported is elsewhere: yours is void. */
  entityVoid: message(35, 'dispatcher', 'game', { entityId: id, epoch: u32 }, 'entity'),

  // --- to an entity ----------------------------------------------------------------------------------------------
  callEntity: message(40, 'game', 'game', { entityId: id, method: str, args: rest }, 'entity'),
  /** `args` as the client wrote them. The client's id is the gate's stamp, in front of all the client said. */
  callFromClient: message(41, 'gate', 'game', { entityId: id, clientId: id, method: str, args: rest }, 'entity'),
  /** The same for a call that is numbered: see `input` in client-wire.ts. */
  inputFromClient: message(
    87,
    'gate',
    'game',
    { entityId: id, clientId: id, no: u32, seenMs: u32, method: str, args: rest },
    'entity',
  ),
  clientGone: message(42, 'gate', 'game', { entityId: id, clientId: id }, 'entity'),
  // A client of ours (docs/design.md, section 5). Its `session` is the token by which it is known when it comes again.
  /** It has said hello after its first entity was asked for: it has a session. */
  sessionBegun: message(82, 'gate', 'game', { entityId: id, clientId: id, session: str }, 'entity'),
  /** Its connection is lost, and what is said to it is kept. */
  clientLost: message(77, 'gate', 'game', { entityId: id, clientId: id }, 'entity'),
  /** It is back, and hears all that was said. */
  clientBack: message(78, 'gate', 'game', { entityId: id, clientId: id }, 'entity'),
  /** It is here by another name and says that it plays the entity. Answered by `bindPlayer`, or `resumeRefused`. */
  resumePlayer: message(79, 'gate', 'game', { entityId: id, gateId: u16, clientId: id, token: str }, 'entity'),
  // Requests: `gameId` and `no` say who waits for the answer. One that cannot be delivered is answered by the dispatcher.
  askEntity: message(44, 'game', 'game', { entityId: id, gameId: u16, no: u32, method: str, args: rest }, 'entity'),
  /** Are you a space that may be entered, and on which game? */
  askSpace: message(45, 'game', 'game', { entityId: id, gameId: u16, no: u32 }, 'entity'),
  /** The client is to be this entity's player from now on. */
  takeClient: message(
    46,
    'game',
    'game',
    { entityId: id, gameId: u16, no: u32, gateId: u16, clientId: id, handed: u32, session: str },
    'entity',
  ),
  /** One MessagePack value: the answer (ANSWERED), or the reason why there is none. */
  answer: message(47, 'game', 'game', { gameId: u16, no: u32, outcome: u8, value: rest }, 'game'),
  /** To itself, by an entity that has just come: behind all that was said to it while it was on its way. */
  caughtUp: message(49, 'game', 'game', { entityId: id, no: u32 }, 'entity'),
  undelivered: message(48, 'dispatcher', 'game', { no: u32, reason: str }),
  /** A game's `bindPlayer` was in vain: the entity does not have the client, unless by a later hand-over than this. */
  clientRefused: message(95, 'gate', 'game', { gameId: u16, entityId: id, clientId: id, handed: u32 }, 'game'),
  /** Position records (`sync.ts`) of players that live on one game. */
  positionsFromClients: message(43, 'gate', 'game', { gameId: u16, records: rest }, 'game'),

  /** The entity's client, which moves it, knows that its game has put it there. */
  placeHeard: message(100, 'gate', 'game', { entityId: id, x: f32, y: f32, z: f32 }, 'entity'),

  // --- to clients, by their gate -----------------------------------------------------------------------------------
  // `body` is what follows the client's id in the client's own message: encoded once, patched for each. What is said of an
  // entity names the game that says it: when the entity has come to another, what is late is not passed on. `handed`: how
  // often the client has been handed from one player to another; what a former player says late is not heard.
  /** The client is this entity's player from now on. Body: 1002. */
  bindPlayer: message(
    60,
    'game',
    'gate',
    { gateId: u16, clientId: id, handed: u32, entityId: id, epoch: u32, gameId: u16, syncing: bool, body: rest },
    'gate',
  ),
  /** No longer. Body: 1003. */
  unbindPlayer: message(
    61,
    'game',
    'gate',
    { gateId: u16, clientId: id, entityId: id, epoch: u32, body: rest },
    'gate',
  ),
  /** The player is on its way to another game: whichever of the two has it will say so. */
  playerLeaving: message(
    75,
    'game',
    'gate',
    { gateId: u16, clientId: id, entityId: id, epoch: u32, gameId: u16 },
    'gate',
  ),
  /** These clients begin to see the entity; `calm`: with the next positions is early enough. Body: 1002. */
  showEntity: message(
    62,
    'game',
    'gate',
    { gateId: u16, entityId: id, epoch: u32, gameId: u16, calm: bool, clientIds: ids, body: rest },
    'gate',
  ),
  /** These clients no longer see it. Body: 1003. */
  hideEntity: message(
    63,
    'game',
    'gate',
    { gateId: u16, entityId: id, epoch: u32, calm: bool, clientIds: ids, body: rest },
    'gate',
  ),
  /** An attribute changed: message `type` (1004-1008, 1012) to the own client (audience 0) or to all that see it (1). */
  changeAttr: message(64, 'game', 'gate', { gateId: u16, gameId: u16, audience: u8, type: u16, body: rest }, 'gate'),
  /** Body: 1009. */
  callClient: message(65, 'game', 'gate', { gateId: u16, clientId: id, body: rest }, 'gate'),
  /**
   * The same call on many: `calls` is a client's id and its player's, for each. `said`: what is behind the entity's id in the body
   * of 1009. `run`: which of the calls of its game this is; the message grows while it goes on.
   */
  callClients: message(98, 'game', 'gate', { gateId: u16, run: u32, said: bytes, calls: rest }, 'gate'),
  /** The client's inputs have been run up to a number. Body: 3107. */
  inputDone: message(88, 'game', 'gate', { gateId: u16, clientId: id, body: rest }, 'gate'),
  /** To the entity's own client and all that see it. Body: 1009. */
  callAllClients: message(66, 'game', 'gate', { gateId: u16, gameId: u16, body: rest }, 'gate'),
  /** Body: 1501. */
  callFilteredClients: message(67, 'game', 'gate', { gateId: u16, body: rest }, 'gate'),
  setFilter: message(68, 'game', 'gate', { gateId: u16, clientId: id, key: str, value: str }, 'gate'),
  clearFilters: message(69, 'game', 'gate', { gateId: u16, clientId: id }, 'gate'),
  /** Whether the gate takes positions for its player from this client. */
  setSyncing: message(70, 'game', 'gate', { gateId: u16, clientId: id, syncing: bool }, 'gate'),
  /**
   * Position records for those that see the entity (1), its own client (2), or both (3). `step`: how exact they are for
   * clients in compact form, see `compact.ts`.
   */
  positions: message(71, 'game', 'gate', { gateId: u16, gameId: u16, audience: u8, step: u8, records: rest }, 'gate'),
  /**
   * All that had moved until `timeMs`, the game's wall clock modulo 2^32, was said. Once in an interval in which something was,
   * and in the one behind it. `intervalMs`: how often a client is to hear of it.
   */
  positionsFlushed: message(99, 'game', 'gate', { gateId: u16, gameId: u16, timeMs: u32, intervalMs: u32 }, 'gate'),
  /** What was on its way may be lost: all that the game has said of its entities is withdrawn, and follows once more. */
  showAnew: message(73, 'game', 'gate', { gateId: u16, gameId: u16 }, 'gate'),
  /** That was all: a client whose player did not come again has none any more. */
  shownAnew: message(74, 'game', 'gate', { gateId: u16, gameId: u16 }, 'gate'),
  /**
   * The client is on offer to a player of another game, and plays nobody until that has it: said anew with all that is shown
   * anew. By no game (0): somebody has it, and says so, or has died before that.
   */
  clientOffered: message(93, 'game', 'gate', { gateId: u16, clientId: id, handed: u32, gameId: u16 }, 'gate'),
  /** A player that was shown anew on its way has arrived: its new game has it, or nobody. */
  playerLeft: message(94, 'game', 'gate', { gateId: u16, clientId: id, entityId: id, epoch: u32 }, 'gate'),
  /** Closes the client unless it plays another entity by now, or this one in a later placement. */
  closePlayer: message(
    76,
    'game',
    'gate',
    { gateId: u16, clientId: id, entityId: id, epoch: u32, reason: str },
    'gate',
  ),
  /** Closes the client unless it has been handed on since. */
  closeClient: message(72, 'game', 'gate', { gateId: u16, clientId: id, handed: u32, reason: str }, 'gate'),
  /** Its session goes on by another connection: this one is of no use any more. */
  sessionMoved: message(83, 'game', 'gate', { gateId: u16, clientId: id }, 'gate'),
  /** To `resumePlayer`: no. */
  resumeRefused: message(80, ['game', 'dispatcher'], 'gate', { gateId: u16, clientId: id, reason: str }, 'gate'),
  /** After the `bindPlayer` that answers `resumePlayer`: that was all that the client is to know. */
  playerRestated: message(81, 'game', 'gate', { gateId: u16, clientId: id, missed: bool }, 'gate'),
}

/** A client that is gone from every player, however often it was handed on. */
export const HANDED_MAX = 2 ** 32 - 1

export const AUDIENCE_OWN = 0
export const AUDIENCE_ALL = 1
export const SYNC_WATCHERS = 1
export const SYNC_OWN = 2
/** What became of a request: it was done, it was tried and failed, or it never got to where it was for. */
export const ANSWERED = 0
export const FAILED = 1
export const NOT_DELIVERED = 2

export type Messages = typeof messages
export type MessageName = keyof Messages
export type Values<N extends MessageName> = ValuesOf<Messages[N]['fields']>
/** The messages that a process may send, and those that it must handle. */
export type SentBy<P extends Process> = {
  [N in MessageName]: P extends Messages[N]['from'][number] ? N : never
}[MessageName]
export type ReceivedBy<P extends Process> = {
  [N in MessageName]: P extends Messages[N]['to'][number] ? N : never
}[MessageName]
/** A handler for every message that a process receives: the compiler names the one that is missing. */
export type Handlers<P extends Process, From = void> = {
  [N in ReceivedBy<P>]: (values: Values<N>, from: From) => void
}
