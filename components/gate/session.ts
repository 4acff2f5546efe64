// What the gate keeps of a client with a session, besides what it keeps of any client.
//
//     asked (its player's game has yet to say) ──bindPlayer──> agreed ──connection lost──> lost ──hello──> agreed
//                                          hello, new ────────^                             └── grace over: gone
import type { Scheduled } from '../../engine/base/clock.ts'
import type { Kept } from './kept.ts'
import { HEARD } from './own-places.ts'

export class Session {
  /** By which it is known when it comes again; nobody else knows it but the games that it plays on. */
  readonly token: string
  /** Of FEATURES, those that it has. */
  readonly features: number
  /** What was said to it and is not acknowledged. */
  readonly kept: Kept
  /** Whether the client has had its welcome, or would have. */
  isAgreed = false
  /** It has no connection, until `patience` is over. */
  isLost = false
  /** Too much was said to it without one: it is to hear everything anew. */
  isVoid = false
  /** It was lost once: games may have heard so. */
  wasLost = false
  /** Its first entity may have been made before its hello came: who plays it has to be told of the session. */
  isLate = false
  /** It hears everything anew, and has yet to hear that this was all. */
  isRestating = false
  /** It was told to go on elsewhere. */
  movesOn = false
  /** What ends it when nothing comes: of its player's game, or of the client itself. */
  patience: Scheduled | undefined

  /** Where in its stream it was told last where a game has put its player; see `own-places.ts`. */
  placeToldAt = HEARD

  // For `session-talk.ts`.
  /** How much it was told that has come of it. */
  toldBytes = 0
  /** It is to be told how much has come. */
  owes = false
  /** How many of the frames that have just come were but acknowledgements. */
  acks = 0

  constructor(token: string, features: number, kept: Kept) {
    this.token = token
    this.features = features
    this.kept = kept
  }
}
