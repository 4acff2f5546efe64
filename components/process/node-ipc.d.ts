// What we use of node-ipc, which comes without types: a local socket with named JSON events.

declare module 'node-ipc' {
  import type { Socket } from 'node:net'

  interface Config {
    silent: boolean
    parser: 'fast' | 'guarded'
    socketRoot: string
    maxConnections: number
    maxRetries: number
    stopRetrying: boolean
    messageTimeout: number
  }

  interface Server {
    on(event: 'error', handler: (error: Error) => void): Server
    on(event: string, handler: (data: unknown, socket: Socket) => void): Server
    emit(socket: Socket, event: string, data: unknown): boolean
    start(): void
    stop(): void
  }

  interface Client {
    on(event: 'error', handler: (error: Error) => void): Client
    on(event: string, handler: (data: unknown) => void): Client
    emit(event: string, data: unknown): boolean
  }

  export class IPCModule {
    readonly config: Config
    readonly server: Server
    readonly of: Record<string, Client>
    serve(path: string, started: () => void): void
    connectTo(id: string, path: string): void
    disconnect(id: string): void
  }
}
