// Lies on a pad until somebody takes it, and is back some time later as something else.
import { attr, entity } from 'goworld'
import { PICKUP_KINDS } from './shared/pickups.ts'

const BACK_MS = 11_000

export class Pickup extends entity({
  aoi: 0,
  attrs: { kind: attr(0, 'allClients'), isThere: attr(true, 'allClients') },
}) {
  take(): number {
    this.attrs.isThere = false
    this.after(BACK_MS, this.comeBack)
    return this.attrs.kind
  }

  comeBack() {
    this.attrs.kind = PICKUP_KINDS[Math.floor(Math.random() * PICKUP_KINDS.length)]!
    this.attrs.isThere = true
  }
}
