// What the clients of kit/crowd.ts play: an account that answers, and that walks in a field among others.
//
//     CROWD_AOI  how far each sees          CROWD_HYSTERESIS  how much farther what it sees already
//     CROWD_SIDE  of the field              CROWD_OTHERS  entities that stand in it
import { attr, entity, game, number, space } from 'goworld'

const AOI = Number(process.env['CROWD_AOI'] ?? 50)
const HYSTERESIS = Number(process.env['CROWD_HYSTERESIS'] ?? 0)
const SIDE = Number(process.env['CROWD_SIDE'] ?? 1000)
const OTHERS = Number(process.env['CROWD_OTHERS'] ?? 0)

/** Each game has one; its players stay in it. */
let field: Field | undefined

class Field extends space({}) {
  override onGameReady() {
    field = this.game.createSpace(Field, 1)
    for (let n = 0; n < OTHERS; n++) {
      const other = this.game.create(Other)
      void other.enterSpace(field, { x: Math.random() * SIDE, y: 0, z: Math.random() * SIDE })
    }
  }
}

export class Account extends entity({
  aoi: AOI,
  ownClient: { echo: [number], work: [number, number], walk: [], login: [] },
  client: { echoed(_what: number) {}, walks(_x: number, _z: number) {} },
}) {
  echo(what: number) {
    this.client.echoed(what)
  }
  /** As `echo`, with something to do. */
  work(what: number, ms: number) {
    for (const end = performance.now() + ms; performance.now() < end; );
    this.client.echoed(what)
  }
  walk() {
    const [x, z] = [Math.random() * SIDE, Math.random() * SIDE]
    this.setClientSyncing(true)
    if (field) void this.enterSpace(field, { x, y: 0, z })
    this.client.walks(x, z)
  }
  login() {
    this.giveClientTo(this.game.create(Avatar).id)
  }
  override onClientDisconnected() {
    this.destroy()
  }
}

/** Whom a player plays once it has logged in. */
class Avatar extends entity({
  aoi: AOI,
  attrs: { name: attr('somebody', 'allClients', 'persistent'), level: attr(1, 'allClients', 'persistent') },
}) {
  override onClientDisconnected() {
    this.destroy()
  }
}

class Other extends entity({ aoi: AOI, attrs: { name: attr('other', 'allClients'), hp: attr(100, 'allClients') } }) {}

export default game([Account, Avatar, Other, Field], { nilSpace: Field, aoiHysteresis: HYSTERESIS })
