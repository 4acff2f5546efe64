// The smallest game that runs: who connects gets an Account, which does nothing.
import { entity, game } from 'goworld'

export class Account extends entity({}) {
  override onClientDisconnected() {
    this.destroy()
  }
}

export default game([Account])
