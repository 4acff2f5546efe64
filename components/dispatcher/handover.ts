// A dispatcher as one document: all that it knows, for the process that takes its place. It is never on a disk: whoever
// loses both processes has lost a dispatcher, which games and gates survive.
//
//     part by part ─ save ─> plain data ─> bytes ─> the successor ─ restore ─> the same parts, in the same order
//
// Times are written as how long ago they were, or how far ahead they are: the two processes have clocks of their own.
import { deserialize, serialize } from 'node:v8'
import { type Address, formatAddress } from '../../engine/base/address.ts'
import type { Clock } from '../../engine/base/clock.ts'
import { OperatorError } from '../../engine/base/errors.ts'
import type { Link } from '../../engine/cluster/link.ts'
import { ENGINE_VERSION } from '../process/engine-version.ts'
import type { Game, SavedGame } from './game.ts'
import type { Peer } from './peer.ts'
import type { Router } from './routes.ts'

/** A part of a dispatcher that keeps something. What it saves is plain: numbers, texts, bytes, maps and sets of these. */
export interface Carried<S> {
  save(nowMs: number): S
  /** Into a part that knows nothing yet. `nowMs` is when it was saved, by the clock of now. */
  restore(saved: S, nowMs: number): void
}

/** By name, in the order in which they are restored; each gets what it has saved. */
export type CarriedParts = Readonly<
  Record<string, { save(nowMs: number): unknown; restore(saved: never, nowMs: number): void }>
>

/** Grows whenever what a part saves changes. */
const FORMAT = 2

interface Document {
  readonly format: number
  readonly engine: string
  readonly id: number
  readonly address: string
  /** Milliseconds since 1970. */
  readonly savedAtMs: number
  readonly parts: Readonly<Record<string, unknown>>
}

export interface Whose {
  readonly id: number
  /** Where it listens. */
  readonly address: Address
  readonly clock: Clock
}

export function saveParts(parts: CarriedParts, { id, address, clock }: Whose): Uint8Array {
  const nowMs = clock.now()
  const saved = Object.entries(parts).map(([name, part]) => [name, part.save(nowMs)] as const)
  const document: Document = {
    format: FORMAT,
    engine: ENGINE_VERSION,
    id,
    address: formatAddress(address),
    savedAtMs: clock.wallMs(),
    parts: Object.fromEntries(saved),
  }
  return serialize(document)
}

/**
 * Throws OperatorError for what is not the document of the same dispatcher in this format. Answers when it was saved, in
 * milliseconds since 1970.
 */
export function restoreParts(parts: CarriedParts, bytes: Uint8Array, { id, address, clock }: Whose): number {
  const document = deserialize(bytes) as Document
  if (document.format !== FORMAT) {
    const was = `it is of format ${document.format} (engine ${document.engine}), and this engine reads ${FORMAT}`
    throw new OperatorError(`what the dispatcher has handed over cannot be read: ${was}`)
  }
  if (document.id !== id) throw new OperatorError(`dispatcher ${document.id} cannot go on as dispatcher ${id}`)
  if (document.address !== formatAddress(address)) {
    const where = `it listens on ${document.address}, and by its configuration on ${formatAddress(address)}`
    throw new OperatorError(`dispatcher${id}: ${where}: another address takes a restart`)
  }
  const sinceMs = Math.max(0, clock.wallMs() - document.savedAtMs)
  const nowMs = clock.now() - sinceMs
  for (const [name, part] of Object.entries(parts)) part.restore(document.parts[name] as never, nowMs)
  return document.savedAtMs
}

// --- who is connected ----------------------------------------------------------------------------------------------------

/** What is known of each session besides what its link knows; the sessions are there already. */
export const carriedPeers = (peers: ReadonlyMap<string, Peer>): Carried<Map<string, ReturnType<Peer['save']>>> => ({
  save: () => new Map([...peers].map(([name, peer]) => [name, peer.save()])),
  restore: (saved) => {
    for (const [name, peer] of saved) peers.get(name)?.restore(peer)
  },
})

interface GameKeeper {
  add(id: number): Game
  /** It was held for too long. */
  overdue(game: Game): void
}

export const carriedGames = (
  games: ReadonlyMap<number, Game>,
  peers: ReadonlyMap<string, Peer>,
  router: Router,
  { add, overdue }: GameKeeper,
): Carried<SavedGame[]> => ({
  save: (nowMs) => [...games.values()].map((game) => game.save(nowMs)),
  restore: (saved, nowMs) => {
    for (const one of saved) {
      const game = add(one.id)
      const peer = one.attached ? peers.get(`game ${one.id}`) : undefined
      game.restore(one, peer?.link, nowMs, () => overdue(game))
      router.games.setSlow(one.id, peer?.backlog === 'large')
    }
  },
})

export const carriedGates = (
  gates: Map<number, Link>,
  peers: ReadonlyMap<string, Peer>,
  router: Router,
): Carried<number[]> => ({
  save: () => [...gates.keys()],
  restore: (saved) => {
    for (const id of saved) {
      const { link, backlog } = peers.get(`gate ${id}`)!
      gates.set(id, link)
      router.gates.set(id, link)
      router.gates.setSlow(id, backlog === 'large')
    }
  },
})
