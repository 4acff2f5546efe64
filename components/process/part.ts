// What a process is made of, as all that is around it sees it: a dispatcher, a game, a gate, or all of them at once.

import type { RequestListener } from 'node:http'

export interface Part {
  /** All that the deployment wants is there. */
  readonly ready: boolean
  /** Where it can be reached, by kind: `{ tcp: 'tcp://127.0.0.1:14000' }`. */
  readonly addresses: Readonly<Record<string, string>>
  /** The path on the process's HTTP address where WebSocket clients come in. */
  readonly webSocketPath?: string | undefined
  /** Answers what else is asked there, where the game has pages. */
  readonly web?: RequestListener | undefined
  /** What is served there over TCP, WebSockets too, is encrypted. */
  readonly isEncrypted?: boolean | undefined
  /** Figures, as JSON. */
  status(): Record<string, unknown>
  stop(): Promise<void>
  /** Resolves when others do not wait for it any more: what answers the operator takes its time to load. */
  calm?(): Promise<void>
  /**
   * Writes all that it is to its frozen file and leaves the cluster, to be restored; rejects, and goes on as before, when
   * that fails.
   */
  freeze?(): Promise<void>
  /** Takes an error that nobody awaited, of an author's promise; without it such an error ends the process. */
  strayRejection?(error: unknown): void
  /** Takes an exception that nobody has caught, of an author's callback; without it, or when it answers false, such an error ends the process. */
  strayException?(error: unknown): boolean
}
