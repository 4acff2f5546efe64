// What bench/echo.ts plays: an account that answers.
import { entity, game, number } from 'goworld'

export class Account extends entity({
  ownClient: { Echo: [number] },
  client: { OnEcho(_what: number) {} },
}) {
  Echo(what: number) {
    this.client.OnEcho(what)
  }

  override onClientDisconnected() {
    this.destroy()
  }
}

export default game([Account])
