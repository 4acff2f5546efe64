// Somebody who plays: walks by the inputs of its client, shoots, is hurt, dies and comes back. The server has the last word
// on all of it; what the page shows before it knows is in web/.
import { attr, type EntityId, entity, integer, string } from 'goworld'
import { ArenaSpace, arenaId } from './arena_space.ts'
import { Lobby, type ScoreEntry } from './lobby.ts'
import type { Monster } from './monster.ts'
import type { Pickup } from './pickup.ts'
import { mapOf, PORTAL_RADIUS, SIGHT } from './shared/maps.ts'
import { HEART, HEART_HP, HP_MAX, PICKUP_REACH } from './shared/pickups.ts'
import { isDashing, type PlayerState, STEPS_PER_SECOND, step } from './shared/step.ts'
import { pull } from './shared/trigger.ts'
import { weaponOf } from './shared/weapons.ts'
import { fire } from './shooting.ts'
import { cleanLine } from './words.ts'

const RESPAWN_MS = 3000
const SAFE_MS = 2000
const HEAL_MS = 1000
const HEAL_HP = 4
/** How many beats of healing are left out after a wound. */
const WOUND_BEATS = 4
const KILL_POINTS = 10
const LOOK_AGAIN_MS = 500
/** So many lines may be said at once, and one more each so often. */
const LINES_AT_ONCE = 4
const LINE_MS = 2000

/** One for all: what a step works on. */
const state: PlayerState = { x: 0, z: 0, yaw: 0, dash: 0, isAlive: true }

export class Player extends entity({
  aoi: SIGHT,
  attrs: {
    name: attr('', 'allClients'),
    color: attr(0, 'allClients'),
    isBot: attr(false, 'allClients'),
    hp: attr(HP_MAX, 'allClients'),
    score: attr(0, 'allClients'),
    weapon: attr(0, 'allClients'),
    /** Just begun, or not connected: neither hurts nor is hurt. */
    isSafe: attr(true, 'allClients'),
    shots: attr(0, 'client'),
    /** Part of what a step works on, so the page must know it as the server does. */
    dash: attr(0, 'client'),
  },
  kept: ['kind', 'pause', 'wound', 'lines'],
  inputs: { steer: STEPS_PER_SECOND * 1.1 },
  ownClient: { steer: [integer, integer, integer, integer], say: [string] },
  client: {
    shot(_weapon: number, _aim: number, _lengths: readonly number[]) {},
    hit(_amount: number, _x: number, _z: number, _isDead: boolean) {},
    hurt(_amount: number, _fromX: number, _fromZ: number) {},
    died(_killer: string, _backMs: number) {},
    took(_kind: number) {},
    said(_name: string, _color: number, _line: string) {},
    scores(_best: readonly ScoreEntry[], _players: number) {},
  },
}) {
  /** The kind of the arena that it is in, or on its way to. */
  kind = 0
  /** Steps until it may shoot again: see `pull`. */
  pause = 0
  wound = 0
  lines = 0

  get isAlive(): boolean {
    return this.attrs.hp > 0
  }

  get isDashing(): boolean {
    return isDashing(this.attrs)
  }

  // --- where it is -----------------------------------------------------------------------------------------------------
  /** Goes to the arena of a kind, wherever that is, as soon as it is there. */
  async goTo(kind: number) {
    if (this.isGone) return
    this.kind = kind
    const arena = arenaId(this.game, kind)
    try {
      if (arena) return await this.enterSpace(arena, this.#startIn(arena))
    } catch {
      // It has gone with its game: the lobby makes another.
    }
    if (!this.isGone && this.kind === kind) this.after(LOOK_AGAIN_MS, this.goTo, kind)
  }

  override onEnteredSpace() {
    const arena = this.space
    if (!(arena instanceof ArenaSpace)) return
    arena.allClients.came(this.attrs.name, this.attrs.color)
    this.#begin()
  }

  /** Where there is room, as far as that is known here: the arena may be on another game. */
  #startIn(arenaId: EntityId<ArenaSpace>) {
    const arena = this.game.space(arenaId)
    const { starts } = mapOf(this.kind)
    const { x, z } = arena instanceof ArenaSpace ? arena.start() : starts[Math.floor(Math.random() * starts.length)]!
    return { x, y: 0, z }
  }

  override onCreated() {
    this.every(HEAL_MS, this.heal)
  }

  respawn() {
    const arena = this.space
    // Who died on the way to another arena is whole again since it came there.
    if (!(arena instanceof ArenaSpace) || this.isAlive) return
    this.position = this.#startIn(arena.id)
    this.#begin()
  }

  /** Whole again, and safe for a while. */
  #begin() {
    this.attrs.hp = HP_MAX
    this.attrs.dash = 0
    this.attrs.isSafe = true
    this.after(SAFE_MS, this.beSafeNoLonger)
    this.#tellScore()
  }

  beSafeNoLonger() {
    if (!this.isClientLost) this.attrs.isSafe = false
  }

  /** An input of its client: one step. */
  steer(moveX: number, moveZ: number, aim: number, buttons: number) {
    const arena = this.space
    if (!(arena instanceof ArenaSpace)) return
    const { x, z } = this.position
    state.x = x
    state.z = z
    state.yaw = this.yaw
    state.dash = this.attrs.dash
    state.isAlive = this.isAlive
    const input = { moveX, moveZ, aim, buttons }
    step(state, input, arena.map)
    this.attrs.dash = state.dash
    const isShot = pull(this, input)
    if (!state.isAlive) return
    if (state.x !== x || state.z !== z) {
      this.position = { x: state.x, y: 0, z: state.z }
      this.#touch(arena)
    }
    if (this.yaw !== state.yaw) this.yaw = state.yaw
    if (isShot) this.#shoot(aim)
  }

  /** Takes what it stands on. */
  #touch(arena: ArenaSpace) {
    const { x, z } = this.position
    for (const other of arena.pickups) {
      if (other.attrs.isThere && this.distanceTo(other) < PICKUP_REACH) this.#take(other)
    }
    for (const portal of arena.map.portals) {
      if (portal.to !== this.kind && Math.hypot(portal.x - x, portal.z - z) < PORTAL_RADIUS)
        this.#leave(arena, portal.to)
    }
  }

  #leave(arena: ArenaSpace, kind: number) {
    arena.allClients.went(this.attrs.name, this.attrs.color)
    void this.goTo(kind)
  }

  // --- fighting --------------------------------------------------------------------------------------------------------
  #shoot(aim: number) {
    const { attrs } = this
    const weapon = weaponOf(attrs.weapon)
    this.pause = weapon.pauseSteps
    attrs.isSafe = false
    this.allClients.shot(attrs.weapon, aim, fire(this, weapon, aim))
    if (weapon.shots > 0 && --attrs.shots <= 0) attrs.weapon = 0
  }

  #take(pickup: Pickup) {
    const { attrs } = this
    const isWhole = attrs.hp === HP_MAX
    if (pickup.attrs.kind === HEART && isWhole) return
    const kind = pickup.take()
    if (kind === HEART) attrs.hp = Math.min(HP_MAX, attrs.hp + HEART_HP)
    else {
      attrs.weapon = kind
      attrs.shots = weaponOf(kind).shots
    }
    this.client.took(kind)
  }

  /** A wound. Answers whether it was one. */
  harm(amount: number, by: Player | Monster): boolean {
    if (!this.isAlive || this.attrs.isSafe || this.isDashing) return false
    this.attrs.hp = Math.max(0, this.attrs.hp - amount)
    this.wound = WOUND_BEATS
    const { x, z } = by.position
    this.client.hurt(amount, x, z)
    if (!this.isAlive) this.#die(by)
    return true
  }

  #die(by: Player | Monster) {
    const { name, color } = this.attrs
    const killer = by.title
    this.attrs.weapon = 0
    if (by instanceof Player) by.earn(KILL_POINTS)
    if (this.space instanceof ArenaSpace) {
      const killerColor = by instanceof Player ? by.attrs.color : -1
      this.space.allClients.killed(killer, killerColor, name, color, by instanceof Player ? by.weaponName : '')
    }
    this.client.died(killer, RESPAWN_MS)
    this.after(RESPAWN_MS, this.respawn)
  }

  get title(): string {
    return this.attrs.name
  }

  get weaponName(): string {
    return weaponOf(this.attrs.weapon).name
  }

  earn(points: number) {
    this.attrs.score += points
    this.#tellScore()
  }

  heal() {
    if (this.wound > 0) this.wound--
    else if (this.isAlive && this.attrs.hp < HP_MAX) this.attrs.hp = Math.min(HP_MAX, this.attrs.hp + HEAL_HP)
  }

  // --- the others ------------------------------------------------------------------------------------------------------
  /** To everybody in all arenas. */
  say(text: string) {
    const line = cleanLine(text)
    if (line === '' || this.lines >= LINES_AT_ONCE) return
    this.lines++
    this.after(LINE_MS * this.lines, this.forgetLine)
    this.clientsWhere('').said(this.attrs.name, this.attrs.color, line)
  }

  forgetLine() {
    this.lines--
  }

  #tellScore() {
    const { name, color, score, isBot } = this.attrs
    this.game.service(Lobby).scored(this.id, name, color, score, this.kind, isBot)
  }

  /** Whoever falls into a tunnel is not shot at there. */
  override onClientLost() {
    this.attrs.isSafe = true
  }

  override onClientReconnected() {
    this.after(SAFE_MS, this.beSafeNoLonger)
  }

  override onClientDisconnected() {
    this.destroy()
  }

  override onDestroyed() {
    this.game.service(Lobby).left(this.id)
  }
}
