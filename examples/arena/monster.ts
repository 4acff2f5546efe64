// A monster: hunts the nearest player that it sees, shows when it is about to strike, strikes, and rests from it.
//
//     roams ── sees a player ──> hunts ── near enough ──> winds up ──> strikes ──> rests ──> hunts …
//       ^── sees nobody ──────────┘
import { attr, entity } from 'goworld'
import { ArenaSpace } from './arena_space.ts'
import { Player } from './player.ts'
import { MOOD, monsterKindOf } from './shared/monsters.ts'
import { PLAYER_RADIUS } from './shared/step.ts'
import { isClear, pushOut } from './shared/walls.ts'

const THINK_MS = 50
/** It looks round each so many thoughts. */
const LOOK_THOUGHTS = 5
const ROAM_UNITS_PER_SECOND = 1.8
/** It sets out in another direction each so many thoughts. */
const ROAM_THOUGHTS = 90
const GONE_MS = 400
const SIGHT = 15

export class Monster extends entity({
  aoi: SIGHT,
  attrs: { kind: attr(0, 'allClients'), hp: attr(1, 'allClients'), mood: attr(MOOD.roams as number, 'allClients') },
  kept: ['thoughts', 'wayX', 'wayZ', 'moodMs'],
}) {
  thoughts = 0
  /** Where it goes, as a direction. */
  wayX = 0
  wayZ = 0
  /** How long it has been in its mood. */
  moodMs = 0
  #prey: Player | undefined
  #others: Monster[] = []

  get kind() {
    return monsterKindOf(this.attrs.kind)
  }

  get isAlive(): boolean {
    return this.attrs.hp > 0
  }

  get title(): string {
    return `a ${this.kind.name}`
  }

  override onCreated() {
    this.attrs.hp = this.kind.hp
    this.thoughts = Math.floor(Math.random() * LOOK_THOUGHTS)
  }

  override onEnteredSpace() {
    if (this.space instanceof ArenaSpace) this.every(THINK_MS, this.think)
  }

  think() {
    if (!this.isAlive) return
    this.moodMs += THINK_MS
    if (this.thoughts++ % LOOK_THOUGHTS === 0) this.#look()
    const { kind } = this
    switch (this.attrs.mood) {
      case MOOD.roams:
        return this.#roam()
      case MOOD.hunts:
        return this.#hunt()
      case MOOD.windsUp:
        if (this.moodMs >= kind.windUpMs) this.#feel(MOOD.strikes)
        return
      case MOOD.strikes:
        return this.#strike()
      default:
        if (this.moodMs >= kind.restMs) this.#feel(this.#prey ? MOOD.hunts : MOOD.roams)
    }
  }

  #feel(mood: number) {
    this.attrs.mood = mood
    this.moodMs = 0
  }

  /** Finds the nearest player that it can go to in a straight line, and who is in its way. */
  #look() {
    const { x, z } = this.position
    const { map } = this.space as ArenaSpace
    this.#others = []
    let prey: Player | undefined
    let nearest = SIGHT
    for (const other of this.seen()) {
      if (other instanceof Monster) this.#others.push(other)
      if (!(other instanceof Player) || !other.isAlive || other.attrs.isSafe) continue
      const distance = this.distanceTo(other)
      const { position } = other
      if (distance >= nearest || !isClear(map, x, z, position.x, position.z, this.kind.radius * 0.9)) continue
      prey = other
      nearest = distance
    }
    this.#prey = prey
    if (this.attrs.mood === MOOD.roams && prey) this.#feel(MOOD.hunts)
    else if (this.attrs.mood === MOOD.hunts && !prey) this.#feel(MOOD.roams)
  }

  /** Strolls and stands, by turns; walls turn it away. */
  #roam() {
    if (this.thoughts % ROAM_THOUGHTS === 1) {
      const angle = Math.random() * 2 * Math.PI
      this.wayX = Math.cos(angle)
      this.wayZ = Math.sin(angle)
    }
    if (this.thoughts % ROAM_THOUGHTS < ROAM_THOUGHTS * 0.7) this.#go(this.wayX, this.wayZ, ROAM_UNITS_PER_SECOND)
  }

  #hunt() {
    const prey = this.#prey
    if (!prey || prey.isGone || prey.space !== this.space) return this.#feel(MOOD.roams)
    const { x, z } = this.position
    const distance = Math.max(0.01, this.distanceTo(prey))
    this.wayX = (prey.position.x - x) / distance
    this.wayZ = (prey.position.z - z) / distance
    const { kind } = this
    const reach = kind.reach + kind.radius + PLAYER_RADIUS
    if (distance <= reach) this.#feel(MOOD.windsUp)
    if (distance > kind.radius + PLAYER_RADIUS) this.#go(this.wayX, this.wayZ, kind.speed)
  }

  /** Hurts whoever it touches, once: all around it when it stands, the first when it leaps. */
  #strike() {
    const { kind } = this
    if (kind.leap > 0) this.#go(this.wayX, this.wayZ, kind.leap)
    const reach = (kind.leap > 0 ? 0.4 : kind.reach) + kind.radius + PLAYER_RADIUS
    const touched = this.seen().filter(
      (other) => other instanceof Player && this.distanceTo(other) <= reach,
    ) as Player[]
    let hurt = 0
    for (const player of touched) if (player.harm(kind.damage, this)) hurt++
    if (hurt > 0 || this.moodMs >= kind.strikeMs) this.#feel(MOOD.rests)
  }

  #go(wayX: number, wayZ: number, unitsPerSecond: number) {
    const { x, z } = this.position
    const units = unitsPerSecond * (THINK_MS / 1000)
    const place = { x: x + wayX * units, z: z + wayZ * units }
    const { radius } = this.kind
    for (const other of this.#others) {
      if (other.isGone) continue
      const dx = place.x - other.position.x
      const dz = place.z - other.position.z
      const over = radius + other.kind.radius - Math.hypot(dx, dz)
      if (over <= 0 || over > radius) continue
      place.x += (dx || 0.1) * over * 0.3
      place.z += (dz || 0.1) * over * 0.3
    }
    pushOut((this.space as ArenaSpace).map, place, radius)
    this.position = { x: place.x, y: 0, z: place.z }
    this.yaw = (Math.atan2(wayZ, wayX) * 180) / Math.PI
  }

  harm(amount: number, by: Player): boolean {
    if (!this.isAlive) return false
    this.attrs.hp = Math.max(0, this.attrs.hp - amount)
    if (this.isAlive) {
      // Who is shot at knows from where.
      if (this.attrs.mood === MOOD.roams) this.#feel(MOOD.hunts)
      this.#prey ??= by
      return true
    }
    by.earn(this.kind.points)
    // It stays a moment, so that all see how it ends.
    this.after(GONE_MS, this.vanish)
    return true
  }

  vanish() {
    this.destroy()
  }
}
