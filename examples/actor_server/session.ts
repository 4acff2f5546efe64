// A session: the actor behind one connection. What its client says comes to it one by one; what others say, by a call.
import { randomBytes } from 'node:crypto'
import { attr, entity } from 'goworld'
import { type Login, login, type PlayerState, playerState, printed, type SessionState } from './state.ts'

export class Session extends entity({
  attrs: { clientID: attr(0 as number | bigint), username: attr('') },
  ownClient: { Login: [login], PlayerState: [playerState] },
  client: { state(_state: SessionState) {} },
}) {
  readonly sid = newSid()

  override onCreated() {
    console.log('new client trying to connect')
  }

  override onClientConnected() {
    console.log(`client with sid ${this.sid} and pid local/server/session_${this.sid} just connected`)
  }

  override onClientDisconnected() {
    this.destroy()
  }

  Login({ clientID, username }: Login): void {
    console.log('recieved login msg')
    this.attrs.clientID = clientID
    this.attrs.username = username
  }

  PlayerState({ hp, ...where }: PlayerState): void {
    const { x, y } = 'postition' in where ? where.postition : where.position
    const state: SessionState = { hp, postition: { x, y }, SessionID: this.sid }
    for (const other of this.game.entitiesOf(Session)) {
      if (other !== this) this.call(other.id).hearState(state)
    }
  }

  /** What the player of another session is doing. */
  hearState(state: SessionState): void {
    if (!this.hasClient) return
    console.log(`sending this state &${printed(state)}`)
    this.client.state(state)
  }
}

/** By chance, with 63 bits, and none that a double could hold. */
function newSid(): bigint {
  for (;;) {
    const sid = BigInt.asUintN(63, randomBytes(8).readBigUInt64LE())
    if (sid > 2n ** 53n) return sid
  }
}
