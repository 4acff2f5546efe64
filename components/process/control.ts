// The control channel: each process answers the `goworld` command on a local socket that only its user can open.
// node-ipc carries it; nothing of the game goes this way.
//
//     goworld ──{ type: 'status' | 'stop' | 'freeze' }──> process
//             <──────────{ type: 'answer', data }────────
import type { IPCModule } from 'node-ipc'
import { realClock } from '../../engine/base/clock.ts'

export interface ControlHandlers {
  /** Must be JSON. */
  status(): Record<string, unknown>
  /** Begins an orderly stop; the answer does not wait for its end. */
  stop(): void
  /** Begins a freeze, without waiting for its end; answers why it cannot be, if so. */
  freeze?(): string | undefined
}

export type Question = 'status' | 'stop' | 'freeze'

/** Commands are few and come one by one; more than this at a time is a mistake. */
const CONNECTIONS_MAX = 16
const ANSWER_TIMEOUT_MS = 2000

/** Serves on a socket at `path`, in the folder `folder`, which is made private to the user. */
export async function serveControl(
  path: string,
  folder: string,
  handlers: ControlHandlers,
): Promise<{ close(): void }> {
  const ipc = await quiet()
  ipc.config.socketRoot = folder
  ipc.config.maxConnections = CONNECTIONS_MAX
  return new Promise((resolve, reject) => {
    ipc.serve(path, () => resolve({ close: () => ipc.server.stop() }))
    // After the start only connections fail, which is no matter of ours: the promise is settled by then.
    ipc.server.on('error', reject)
    ipc.server.on('status', (_, socket) => void ipc.server.emit(socket, 'answer', handlers.status()))
    ipc.server.on('stop', (_, socket) => {
      ipc.server.emit(socket, 'answer', {})
      handlers.stop()
    })
    ipc.server.on('freeze', (_, socket) => {
      const error = handlers.freeze ? handlers.freeze() : 'it cannot be frozen'
      ipc.server.emit(socket, 'answer', error === undefined ? {} : { error })
    })
    ipc.server.start()
  })
}

/** Somebody has the socket, and does not get to it. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

/** Asks the process behind a socket; rejects when there is none, and with NoAnswer when it does not answer in time. */
export async function askControl(
  path: string,
  question: Question,
  timeoutMs = ANSWER_TIMEOUT_MS,
): Promise<Record<string, unknown>> {
  const ipc = await quiet()
  ipc.config.maxRetries = 0
  ipc.config.stopRetrying = true
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>()
  const timeout = realClock.after(timeoutMs, () => reject(new NoAnswer(`no answer in ${timeoutMs} ms`)))
  ipc.connectTo('process', path)
  const process = ipc.of.process!
  process.on('connect', () => void process.emit(question, {}))
  process.on('answer', (data) => resolve(data as Record<string, unknown>))
  process.on('error', reject)
  process.on('disconnect', () => reject(new Error('the connection was closed')))
  return promise.finally(() => {
    timeout.cancel()
    ipc.disconnect('process')
  })
}

/** It is loaded when it is needed: others wait for a game that is restored, and nobody for what it answers commands by. */
export const loadControl = () => import('node-ipc')

async function quiet(): Promise<IPCModule> {
  const { IPCModule } = await loadControl()
  const ipc = new IPCModule()
  ipc.config.silent = true
  ipc.config.parser = 'guarded'
  return ipc
}
