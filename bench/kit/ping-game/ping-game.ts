// Two games whose entities call each other for ever: each call to the other game is answered by a call back.
import { type EntityId, entity, game, integer, space } from 'goworld'

let here: Pinger | undefined
let answered = 0

export class Pinger extends entity({}) {
  /** Keeps so many calls under way. */
  begin(outstanding: number) {
    const other = this.game.registry.get(`pinger/${3 - this.game.id}`) as EntityId<Pinger>
    for (let n = 0; n < outstanding; n++) this.call(other).ping(this.id)
  }
  ping(from: EntityId<Pinger>) {
    this.call(from).pong(this.id)
  }
  pong(from: EntityId<Pinger>) {
    answered++
    this.call(from).ping(this.id)
  }
}

class Nil extends space({}) {
  override onGameReady() {
    here = this.game.create(Pinger)
    this.game.registry.register(`pinger/${this.game.id}`, here.id)
  }
}

/** Whom the benchmark asks. */
export class Account extends entity({
  ownClient: { begin: [integer], tell: [] },
  client: { answered(_count: number) {} },
}) {
  begin(outstanding: number) {
    here?.begin(outstanding)
  }
  tell() {
    this.client.answered(answered)
  }
}

export default game([Account, Pinger, Nil], { nilSpace: Nil })
