// A game in which everybody goes from game to game for ever: how much a migration costs.
import { attr, type EntityId, entity, game, integer, list, map, space, string } from 'goworld'

class Field extends space({}) {
  override onGameReady() {
    this.game.registry.register(`field/${this.game.id}`, this.game.createSpace(Field, this.game.id).id)
  }
}

/** What a player has: some attributes, a bag, a timer, filters, an area of interest. */
export class Account extends entity({
  aoi: 50,
  kept: ['steps'],
  attrs: {
    name: attr('wanderer', 'allClients'),
    level: attr(7, 'allClients'),
    hp: attr(100, 'allClients'),
    gold: attr(1000, 'client'),
    exp: attr(123_456, 'client'),
    skills: list(integer, 'client'),
    bag: map(string, 'client'),
  },
  ownClient: { wander: [] },
}) {
  steps = 0

  override onCreated() {
    for (let n = 0; n < 10; n++) {
      this.attrs.skills.push(n)
      this.attrs.bag.set(`slot${n}`, `item ${n}`)
    }
    this.setClientFilter('level', 7)
    this.every(60_000, this.rest)
  }
  override onEnteredSpace() {
    this.steps++
    this.wander()
  }
  override onClientDisconnected() {
    this.destroy()
  }
  rest() {}

  /** On, to the other game. */
  wander() {
    const other = this.game.registry.get(`field/${3 - this.game.id}`)
    const at = () => Math.random() * 1000
    if (other) this.enterSpace(other as EntityId<Field>, { x: at(), y: 0, z: at() })
  }
}

export default game([Account, Field], { nilSpace: Field })
