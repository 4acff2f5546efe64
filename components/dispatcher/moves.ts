// Entities on their way from one game to another. The dispatcher alone decides where one lives: what is for it waits
// here until one of the two games has it.
//
//     holdEntity ──> held ──moveEntity──> sent ──placed by `to`──────────────> it lives there
//                     │                    └──refused, or `to` is down──> failed ──placed by `from`──> it is back
//                     └──placed by `from`──> it stays
//
// With `from` it is gone as long as it is held; once sent it lives on, unless it fails: then nobody has it any more. Unless it is
// certain that it never lived with `to`, `from` wants to load it, and what was saved of it last decides.
import type { Values } from '../../engine/wire/messages.ts'
import { type Directory, ENDING, GONE, MOVING, PLACED } from './directory.ts'
import type { Game } from './game.ts'

/** More are told to wait where they are. */
const MOVES_MAX = 65_536

interface Move {
  readonly slot: number
  readonly entityId: string
  /** The placement that it leaves; it arrives in the next. */
  readonly epoch: number
  /** Undefined when it died after it had sent it: another process in its place has nothing to take back. */
  from: Game | undefined
  readonly to: number
  state: 'held' | 'sent' | 'failed'
  /**
   * We have sent it on; else it was a dispatcher before us, whose words are lost. It may have arrived then, and gone on to a game
   * that has yet to report.
   */
  isSentOn: boolean
}

/** With the number of the game that it leaves; 0 when that died. */
export type SavedMove = Omit<Move, 'from'> & { readonly from: number }

export class Moves {
  readonly #directory: Directory
  readonly #games: ReadonlyMap<number, Game>
  readonly #bySlot = new Map<number, Move>()

  constructor(directory: Directory, games: ReadonlyMap<number, Game>) {
    this.#directory = directory
    this.#games = games
  }

  get size(): number {
    return this.#bySlot.size
  }

  hold(game: Game, { entityId, epoch, gameId, no }: Values<'holdEntity'>): void {
    const directory = this.#directory
    const slot = directory.findText(entityId)
    const reason =
      slot < 0 ||
      directory.state(slot) !== PLACED ||
      directory.game(slot) !== game.id ||
      directory.epoch(slot) !== epoch
        ? 'it does not live here'
        : !this.#games.get(gameId)?.reported || gameId === game.id
          ? `there is no game ${gameId} to move to`
          : game.held
            ? // What is for the entity waits there already, and would not find it.
              'its game is being frozen'
            : this.#bySlot.size >= MOVES_MAX
              ? 'too many are on their way'
              : ''
    if (reason !== '') return game.sendNow('entityHeld', { entityId, no, held: false, reason })
    directory.hold(slot, MOVING)
    this.#bySlot.set(slot, { slot, entityId, epoch, from: game, to: gameId, state: 'held', isSentOn: false })
    // Behind all that is for the entity, should some of it still wait.
    game.send('entityHeld', { entityId, no, held: true, reason })
  }

  send(game: Game, { entityId, epoch, gameId, data }: Values<'moveEntity'>): void {
    const move = this.#bySlot.get(this.#directory.findText(entityId))
    if (!move || move.from !== game || move.epoch !== epoch || move.state !== 'held') {
      // What it said of it before was lost with another dispatcher.
      return game.sendNow('entityMoved', { entityId, epoch, moved: false, certain: true, reason: 'it was not held' })
    }
    const to = this.#games.get(gameId)
    move.state = 'sent'
    move.isSentOn = true
    this.#directory.hold(move.slot, MOVING, epoch + 1)
    if (to?.reported) to.send('arriveHere', { entityId, epoch: epoch + 1, data })
    else this.#fail(move, `game ${gameId} went down`, true)
  }

  /** Answers the slots of those that nobody can take back. */
  refuse(game: Game, { entityId, epoch, reason }: Values<'refuseEntity'>): number[] {
    const move = this.#bySlot.get(this.#directory.findText(entityId))
    const isIts = move?.state === 'sent' && move.to === game.id && move.epoch + 1 === epoch
    return isIts ? this.#failAll([move], reason, true) : []
  }

  /** A game that we know little of says that it sent an entity away and never heard how that ended. */
  leaving(game: Game, { entityId, epoch, gameId }: Values<'entityLeaving'>, gathering: boolean): void {
    const directory = this.#directory
    let slot = directory.findText(entityId)
    const known = slot < 0 ? undefined : this.#bySlot.get(slot)
    if (known?.epoch === epoch && (known.from === game || known.from === undefined)) {
      // Who says so has it still, though we took it for dead.
      known.from = game
      if (known.state === 'failed') this.#fail(known, 'it did not arrive')
      if (known.state === 'held') known.state = 'sent'
      return
    }
    const state = slot < 0 ? GONE : directory.state(slot)
    const later = slot >= 0 && directory.epoch(slot) > epoch
    if (later && (state === PLACED || state === MOVING || state === GONE || state === ENDING))
      return game.sendNow('entityMoved', { entityId, epoch, moved: true, certain: true, reason: '' })
    // Who has had it later had it from there: that move was whole.
    if (known) this.#tellMoved(known)
    if (slot < 0) slot = directory.addText(entityId)
    // It may be about to be loaded by somebody, in a later one.
    directory.hold(slot, MOVING, Math.max(epoch + 1, directory.epoch(slot)))
    const move: Move = { slot, entityId, epoch, from: game, to: gameId, state: 'sent', isSentOn: false }
    this.#bySlot.set(slot, move)
    const to = this.#games.get(gameId)
    // All reports are whole: what they have not named nobody has.
    if (!gathering && (!to || to.reported)) this.#fail(move, 'it did not arrive')
  }

  /** Whether the game may say that the entity is gone for good. */
  mayEnd(slot: number, game: Game): boolean {
    const move = this.#bySlot.get(slot)
    return move?.from === game && move.state !== 'sent'
  }

  /** Whether it is in doubt: whoever it has left may want to have it loaded. */
  isFailed(slot: number): boolean {
    return this.#bySlot.get(slot)?.state === 'failed'
  }

  /** Whether the game may have it loaded: it may have lived elsewhere, and been saved there, since it left. */
  isInDoubt(slot: number, game: Game): boolean {
    const move = this.#bySlot.get(slot)
    return move?.from === game && move.state === 'failed'
  }

  /** A game has reported that the entity lives there: the move is over, wherever it was to go. */
  placed(slot: number, game: Game): void {
    const move = this.#bySlot.get(slot)
    if (!move) return
    this.#bySlot.delete(slot)
    if (game !== move.from && move.state !== 'held') this.#tellMoved(move)
  }

  save(): readonly SavedMove[] {
    return [...this.#bySlot.values()].map((move) => ({ ...move, from: move.from?.id ?? 0 }))
  }

  /** The games must be there. */
  restore(saved: readonly SavedMove[]): void {
    for (const move of saved) this.#bySlot.set(move.slot, { ...move, from: this.#games.get(move.from) })
  }

  forget(slot: number): void {
    this.#bySlot.delete(slot)
  }

  /**
   * A game has said all that it has: what was sent to it and is not there will not come. Unless it is held: what we have sent on
   * waits with all else that is for it. As `refuse`.
   */
  reported(game: Game, gathering: boolean): number[] {
    const late = this.#sentTo(game.id, gathering).filter(({ isSentOn }) => !(game.queueing && isSentOn))
    return this.#failAll(late, 'it did not arrive')
  }

  /** Nobody else will report: what nobody has named, and nobody will, fails. As `refuse`. */
  endGathering(): number[] {
    const gone: number[] = []
    for (const move of [...this.#bySlot.values()]) {
      const to = this.#games.get(move.to)
      if (move.state !== 'sent') continue
      if (!to) gone.push(...this.#failAll([move], `game ${move.to} is down`))
      else if (to.reported && !move.isSentOn) gone.push(...this.#failAll([move], 'it did not arrive'))
    }
    return gone
  }

  /** Those whose saves may be in the journal of this game alone, as it has them, or may have had them. */
  *kept(game: Game): IterableIterator<number> {
    for (const { slot, from, to, state } of this.#bySlot.values())
      if ((from === game && state !== 'sent') || (to === game.id && state !== 'held')) yield slot
  }

  /** Answers the slots of those that are gone with the game. */
  gameLost(game: Game, gathering: boolean): number[] {
    const gone: number[] = []
    for (const move of this.#bySlot.values()) {
      if (move.from === game && move.state !== 'sent') gone.push(this.#neverArrived(move))
      else if (move.from === game) move.from = undefined
    }
    return [...gone, ...this.#failAll(this.#sentTo(game.id, gathering), `game ${game.id} went down`)]
  }

  /** What is on its way there, but for what may live with a game that has yet to report. */
  #sentTo(gameId: number, gathering: boolean): Move[] {
    const isSentThere = ({ to, state, isSentOn }: Move) => to === gameId && state === 'sent' && (isSentOn || !gathering)
    return [...this.#bySlot.values()].filter(isSentThere)
  }

  #failAll(moves: readonly Move[], reason: string, certain = false): number[] {
    return moves.filter((move) => !this.#fail(move, reason, certain)).map((move) => this.#neverArrived(move))
  }

  /** As far as is known it never lived elsewhere: who is back, and was only thought dead, may have it again. */
  #neverArrived({ slot, epoch }: Move): number {
    this.#directory.hold(slot, MOVING, epoch)
    return slot
  }

  /** False when there is nobody who could take it back. Certain: where it was to go it has never been. */
  #fail(move: Move, reason: string, certain = false): boolean {
    const { entityId, epoch, from } = move
    move.state = 'failed'
    from?.sendNow('entityMoved', { entityId, epoch, moved: false, certain, reason })
    return from !== undefined
  }

  #tellMoved({ entityId, epoch, from }: Move): void {
    from?.sendNow('entityMoved', { entityId, epoch, moved: true, certain: true, reason: '' })
  }
}
