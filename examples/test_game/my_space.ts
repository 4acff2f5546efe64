// The space of the test game: ten monsters, and an end when nobody has been there for five minutes. The nil spaces are of
// this class too; nothing of that is for them.
import { type Entity, type EntityClass, space, type Timer } from 'goworld'
import { Avatar } from './avatar.ts'
import { Monster } from './monster.ts'
import { SpaceService } from './space_service.ts'

const MONSTERS = 10
const EMPTY_MS = 5 * 60_000

export class MySpace extends space({ kept: ['destroyCheck'] }) {
  destroyCheck: Timer | undefined

  override onCreated() {
    if (this.isNil) return
    this.TellService()
    for (let made = 0; made < MONSTERS; made++) this.game.create(Monster).enterSpace(this)
    // Who it was made for may never come.
    this.destroyCheck = this.every(EMPTY_MS, this.CheckForDestroy)
  }

  override onGameReady() {
    this.game.log.info('the test game is ready')
  }

  /** The service that knew this space has died with its game; the new one knows nothing. */
  override onServicePlaced(service: EntityClass) {
    if (service === SpaceService) this.TellService()
  }

  override onEntityEntered(entity: Entity) {
    if (!(entity instanceof Avatar)) return
    this.game.service(SpaceService).NotifyAvatarEntered(this.kind, this.id, entity.id)
    if (this.destroyCheck) this.cancel(this.destroyCheck)
    this.destroyCheck = undefined
  }

  override onEntityLeft(entity: Entity) {
    if (!(entity instanceof Avatar)) return
    this.game.service(SpaceService).NotifyAvatarLeft(this.kind, this.id, entity.id)
    if (this.count(Avatar) === 0) this.destroyCheck ??= this.every(EMPTY_MS, this.CheckForDestroy)
  }

  override onDestroyed() {
    this.game.service(SpaceService).NotifySpaceDestroyed(this.kind, this.id)
  }

  /** Says that it is there, and who is in it. */
  TellService() {
    if (this.isNil) return
    const present = [...this.entities].filter((entity) => entity instanceof Avatar).map(({ id }) => id)
    this.game.service(SpaceService).NotifySpaceLoaded(this.kind, this.id, present)
  }

  CheckForDestroy() {
    if (this.count(Avatar) === 0) this.game.service(SpaceService).RequestDestroy(this.kind, this.id)
  }

  ConfirmRequestDestroy(ok: boolean) {
    if (!ok || this.count(Avatar) > 0) return
    for (const entity of [...this.entities]) if (entity instanceof Monster) entity.destroy()
    this.destroy()
  }
}
