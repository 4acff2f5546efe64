// One bot: sees what a page would be shown, and presses what a player would press. It roams from spot to spot, hunts who it
// sees, keeps its distance, runs for a heart when it is hurt, and aims no better than people do.
import { type ByteStream, connect, type Game } from 'goworld/client'
import { motion } from 'goworld/client/motion'
import type * as server from './arena.ts'
import { type ArenaMap, mapOf, type Spot } from './shared/maps.ts'
import { HEART } from './shared/pickups.ts'
import { predictPlayer } from './shared/prediction.ts'
import { DASH, FIRE, PLAYER_RADIUS } from './shared/step.ts'
import { isClear } from './shared/walls.ts'
import { weaponOf } from './shared/weapons.ts'

/** Thinks each so many ticks, and looks where it is going in between. */
const THINK_TICKS = 5
const SIGHT = 22
/** A thought is an eighth of a second. */
const SURPRISE_THOUGHTS = 3
const BURST_THOUGHTS = 11
const HURT_HP = 38
const NEAR = 1.1
/** Who has not come so far in so long is stuck. */
const STUCK_UNITS = 1
const STUCK_MS = 900
const PORTAL_CHANCE = 0.04
const WORDS = ['gg', 'nice one', 'mine!', 'ha!', 'next', 'who is in the wilds?', 'so close', 'again', 'watch the brute']

interface Controls {
  moveX: number
  moveZ: number
  aim: number
  buttons: number
}

interface Prey {
  readonly id: string
  readonly x: number
  readonly z: number
  readonly distance: number
}

export class Bot {
  readonly game: Game<typeof server>
  readonly #own: ReturnType<typeof predictPlayer>
  readonly #controls: Controls = { moveX: 0, moveZ: 0, aim: 0, buttons: 0 }
  /** How far off it aims, in degrees, and how bold it is, from 0 to 1. */
  readonly #clumsiness = 5 + Math.random() * 10
  readonly #nerve = Math.random()
  #ticks = Math.floor(Math.random() * THINK_TICKS)
  #way: Spot | undefined
  #side = 1
  #error = 0
  #stuckAt = { x: 0, z: 0, ms: 0 }
  #preyId = ''
  /** How often it has thought of shooting at that one. */
  #thoughts = 0

  constructor(target: () => ByteStream, name: string, color: number, arena: number) {
    this.game = connect<typeof server>(target, { motion })
    this.#own = predictPlayer(this.game)
    this.game.on('Account', {
      created() {
        if (this.isOwn) this.server.join(name, color, arena, true)
      },
    })
    const bot = this
    this.game.on('Player', {
      hit(_amount, _x, _z, isDead) {
        if (isDead && Math.random() < 0.03) this.server.say(WORDS[Math.floor(Math.random() * WORDS.length)]!)
      },
      hurt() {
        if (Math.random() < 0.3 * bot.#nerve) bot.#controls.buttons |= DASH
        bot.#side = Math.random() < 0.5 ? -1 : 1
      },
    })
  }

  /** To be called about forty times a second. */
  tick(nowMs: number): void {
    if (this.game.player?.type !== 'Player') return
    this.game.frame(nowMs)
    if (this.#ticks++ % THINK_TICKS === 0) this.#think(nowMs)
    if (this.#own.update(this.#controls, nowMs) > 0) this.#controls.buttons &= ~DASH
  }

  #think(nowMs: number): void {
    const { player, space } = this.game
    const state = this.#own.state
    if (player?.type !== 'Player' || !space || !state) return
    const controls = this.#controls
    controls.buttons &= DASH
    if (player.attrs.hp <= 0) {
      this.#way = undefined
      return
    }
    const map = mapOf(space.kind)
    const prey = this.#findPrey(map, state)
    if (prey && (player.attrs.hp > HURT_HP || this.#nerve > 0.8))
      this.#fight(prey, state, weaponOf(player.attrs.weapon).range)
    else this.#roam(map, state, player.attrs.hp, prey, nowMs)
  }

  /** The nearest that it can hit; who it was after before has a start on the others. */
  #findPrey(map: ArenaMap, { x, z }: Spot): Prey | undefined {
    let best: Prey | undefined
    let bestDistance = SIGHT
    for (const one of this.game.entities.values()) {
      if (one.isOwn || !(one.type === 'Player' || one.type === 'Monster') || one.attrs.hp <= 0) continue
      if (one.type === 'Player' && one.attrs.isSafe) continue
      const { shown } = one
      const distance = Math.hypot(shown.x - x, shown.z - z)
      const felt = one.id === this.#preyId ? distance - 4 : distance
      if (felt >= bestDistance || !isClear(map, x, z, shown.x, shown.z)) continue
      bestDistance = felt
      best = { id: one.id, x: shown.x, z: shown.z, distance }
    }
    if (best?.id !== this.#preyId) this.#thoughts = 0
    this.#preyId = best?.id ?? ''
    return best
  }

  /** Round about who it fights, at the distance that its weapon likes. */
  #fight(prey: Prey, { x, z }: Spot, range: number): void {
    const toX = (prey.x - x) / prey.distance
    const toZ = (prey.z - z) / prey.distance
    if (Math.random() < 0.05) this.#side = -this.#side
    const wanted = range * (0.3 + 0.25 * this.#nerve)
    const closer = Math.max(-1, Math.min(1, (prey.distance - wanted) / 3))
    this.#go(toX * closer - toZ * this.#side * 0.8, toZ * closer + toX * this.#side * 0.8)
    this.#aimAt(toX, toZ)
    if (prey.distance < range * 0.95) this.#shoot()
  }

  #roam(map: ArenaMap, state: Spot, hp: number, prey: Prey | undefined, nowMs: number): void {
    if (hp <= HURT_HP) this.#way = this.#findHeart(map, state) ?? this.#way
    if (!this.#way || this.#isStuck(state, nowMs) || Math.hypot(this.#way.x - state.x, this.#way.z - state.z) < NEAR) {
      this.#way = chooseWay(map, state)
    }
    const way = this.#way
    const length = Math.max(0.01, Math.hypot(way.x - state.x, way.z - state.z))
    this.#go((way.x - state.x) / length, (way.z - state.z) / length)
    if (prey) {
      // It runs, and shoots back.
      this.#aimAt((prey.x - state.x) / prey.distance, (prey.z - state.z) / prey.distance)
      this.#shoot()
    } else this.#aimAt(way.x - state.x, way.z - state.z)
  }

  /** In bursts, and not before it has seen whom it shoots at. */
  #shoot(): void {
    const burst = this.#thoughts++ % BURST_THOUGHTS
    if (this.#thoughts > SURPRISE_THOUGHTS && burst < BURST_THOUGHTS * 0.6) this.#controls.buttons |= FIRE
  }

  #findHeart(map: ArenaMap, { x, z }: Spot): Spot | undefined {
    for (const one of this.game.entities.values()) {
      if (one.type !== 'Pickup' || !one.attrs.isThere || one.attrs.kind !== HEART) continue
      if (isClear(map, x, z, one.position.x, one.position.z, PLAYER_RADIUS)) return one.position
    }
    return undefined
  }

  #isStuck({ x, z }: Spot, nowMs: number): boolean {
    const at = this.#stuckAt
    const hasMoved = Math.hypot(x - at.x, z - at.z) > STUCK_UNITS
    const isStuck = !hasMoved && nowMs - at.ms > STUCK_MS
    if (hasMoved || isStuck) this.#stuckAt = { x, z, ms: nowMs }
    return isStuck
  }

  #go(x: number, z: number): void {
    const over = Math.max(1, Math.hypot(x, z))
    this.#controls.moveX = Math.round((x / over) * 100)
    this.#controls.moveZ = Math.round((z / over) * 100)
  }

  /** With an error that wanders, as a hand does. */
  #aimAt(x: number, z: number): void {
    this.#error = this.#error * 0.8 + (Math.random() - 0.5) * this.#clumsiness
    const degrees = (Math.atan2(z, x) * 180) / Math.PI + this.#error
    this.#controls.aim = (Math.round(degrees * 10) + 7200) % 3600
  }
}

/** Some spot that it can walk to in a straight line, a far one rather than a near one; now and then a portal. */
function chooseWay(map: ArenaMap, { x, z }: Spot): Spot {
  const spots = [...map.pads, ...map.starts, ...map.nests, ...(Math.random() < PORTAL_CHANCE ? map.portals : [])]
  let best: Spot | undefined
  let bestWorth = 0
  for (const one of spots) {
    const distance = Math.hypot(one.x - x, one.z - z)
    const worth = Math.random() * Math.min(distance, 24)
    if (distance < 2 || worth <= bestWorth || !isClear(map, x, z, one.x, one.z, PLAYER_RADIUS)) continue
    best = one
    bestWorth = worth
  }
  // Nothing in sight: a few steps anywhere.
  return best ?? { x: x + (Math.random() - 0.5) * 12, z: z + (Math.random() - 0.5) * 12 }
}
