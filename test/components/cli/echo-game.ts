// A game whose players hear again what they say, for tests of what lies between them and their clients.
export const ECHO = `
  import { entity, game, integer, space } from 'goworld'
  class Account extends entity({ ownClient: { say: [integer] }, client: { said(n) {} } }) {
    say(n) {
      this.client.said(n)
    }
    onClientDisconnected() {
      this.destroy()
    }
  }
  export default game([Account, class Nil extends space({}) {}])`
