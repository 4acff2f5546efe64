// What tests of sessions at the gate share: a door whose connections begin with a hello, and players behind it.
import { SESSION_SUBPROTOCOL } from '../../../engine/wire/client-wire.ts'
import { SessionClient } from '../session-client.ts'
import { bodyOf, CLIENTS_AT, createBody, idOf, Stage, type StageOptions } from './stage.ts'

export const ANN = idOf('ann')
export const BOB = idOf('bob')
export const KIB = 1024
const DOOR = { kind: 'unix', path: '/sessions' } as const
/** Where all of them come from. */
const REMOTE = '192.0.2.7:50000'

export interface SessionPlayer {
  readonly one: SessionClient
  /** Its name at the gate. */
  readonly id: string
}

export class SessionStage {
  readonly stage: Stage

  private constructor(stage: Stage) {
    this.stage = stage
  }

  static async start(options: StageOptions = {}): Promise<SessionStage> {
    const stage = await Stage.start(options)
    await stage.internet.transport.listen(DOOR, (connection) => {
      Object.defineProperties(connection, { protocol: { value: SESSION_SUBPROTOCOL }, remote: { value: REMOTE } })
      stage.gate.accept(connection)
    })
    return new SessionStage(stage)
  }

  /** One that has yet to connect: as WebSockets with the subprotocol do, or else as any stream. */
  client({ isPlain = false } = {}): SessionClient {
    const { clock, internet } = this.stage
    return new SessionClient(clock, () => internet.transport.connect(isPlain ? CLIENTS_AT : DOOR))
  }

  /** One that plays an entity. */
  async player(entityId: string, gameId = 1): Promise<SessionPlayer> {
    const one = await this.client().connect()
    await this.stage.settle()
    const { clientId: id, entityId: bootId } = this.stage.asked('bootEntity').at(-1)!
    this.bind(id, bootId, gameId)
    this.bind(id, entityId, gameId)
    await one.hears('createEntity', 2)
    await this.stage.settle()
    one.heard = []
    return { one, id }
  }

  bind(clientId: string, entityId: string, gameId = 1): void {
    const body = createBody(entityId, 'Avatar', true)
    this.stage.games.tell('bindPlayer', { clientId, handed: 0, entityId, epoch: 1, gameId, syncing: true, body })
  }

  call({ id }: SessionPlayer, method: string, ...args: unknown[]): void {
    const body = bodyOf('callOnClient', { entityId: ANN, method, args: args as never })
    this.stage.games.tell('callClient', { clientId: id, body })
  }

  /** What its dispatchers were asked to pass on to players, as calls. */
  get called(): string[] {
    return this.stage.asked('callFromClient').map(({ method }) => method)
  }

  get sessions() {
    return this.stage.gate.status().sessions
  }
}

export const methodsOf = (one: SessionClient): string[] => one.of('callOnClient').map(({ method }) => method)
export const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, n) => `${from + n}`)
