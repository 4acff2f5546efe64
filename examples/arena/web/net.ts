// The page's connection: who is there, and what the server says happens to them.
import { connect, type Game, type Mirror } from 'goworld/client'
import { motion } from 'goworld/client/motion'
import type * as server from '../arena.ts'
import type { HallEntry, ScoreEntry } from '../lobby.ts'
import {
  type BeastMirror,
  type BeastView,
  type PlayerMirror,
  type PlayerView,
  type ThingMirror,
  type ThingView,
  View,
} from './views.ts'

/** What the page does about it. */
export interface NetEvents {
  hall(entries: readonly HallEntry[]): void
  /** The player is in an arena: its first, or another. */
  arrived(kind: number): void
  shot(view: PlayerView, weapon: number, aim: number, lengths: readonly number[]): void
  hit(amount: number, x: number, z: number, isDead: boolean): void
  hurt(amount: number, fromX: number, fromZ: number): void
  died(killer: string, backMs: number): void
  took(kind: number): void
  said(name: string, color: number, line: string): void
  scores(best: readonly ScoreEntry[], players: number): void
  killed(killer: string, killerColor: number, victim: string, victimColor: number, how: string): void
  came(name: string, color: number): void
  went(name: string, color: number): void
  /** Somebody's life has changed. */
  life(view: PlayerView | BeastView, before: number): void
}

type AccountMirror = Mirror<typeof server.Account, 'Account'>

export class Net {
  readonly game: Game<typeof server>
  readonly players = new Map<string, PlayerView>()
  readonly beasts = new Map<string, BeastView>()
  readonly things = new Map<string, ThingView>()
  own: PlayerView | undefined
  /** As whom the visitor plays, or will as soon as the server is there, or there again. */
  #wish: Parameters<AccountMirror['server']['join']> | undefined

  constructor(url: string, events: NetEvents) {
    this.game = connect<typeof server>(url, { motion })
    this.#hearPlayers(events)
    this.#hearOthers(events)
    this.#hearSpace(events)
  }

  get player(): PlayerMirror | undefined {
    return this.own?.mirror
  }

  join(name: string, color: number, arena: number): void {
    this.#wish = [name, color, arena, false]
    const { player } = this.game
    if (player?.type === 'Account') this.#ask(player)
  }

  #ask({ server }: AccountMirror): void {
    if (this.#wish) server.join(...this.#wish)
  }

  say(line: string): void {
    this.player?.server.say(line)
  }

  #hearPlayers(events: NetEvents): void {
    const net = this
    const viewOf = (mirror: PlayerMirror) => net.players.get(mirror.id)
    this.game.on('Player', {
      created() {
        const view = new View<PlayerMirror>(this)
        view.hp = this.attrs.hp
        net.players.set(this.id, view)
        if (this.isOwn) net.own = view
      },
      destroyed() {
        net.players.delete(this.id)
        if (this.isOwn) net.own = undefined
      },
      changed: {
        hp(hp) {
          const view = viewOf(this as unknown as PlayerMirror)
          if (!view) return
          events.life(view, view.lastHp)
          view.lastHp = hp
        },
      },
      shot(weapon, aim, lengths) {
        const view = viewOf(this)
        if (view) events.shot(view, weapon, aim, lengths)
      },
      hit: (amount, x, z, isDead) => events.hit(amount, x, z, isDead),
      hurt: (amount, fromX, fromZ) => events.hurt(amount, fromX, fromZ),
      died: (killer, backMs) => events.died(killer, backMs),
      took: (kind) => events.took(kind),
      said: (name, color, line) => events.said(name, color, line),
      scores: (best, players) => events.scores(best, players),
    })
    this.game.on('Account', {
      created() {
        if (this.isOwn) net.#ask(this)
      },
      hall: (entries) => events.hall(entries),
      scores: (best, players) => events.scores(best, players),
    })
  }

  #hearOthers(events: NetEvents): void {
    const { beasts, things } = this
    this.game.on('Monster', {
      created() {
        const view = new View<BeastMirror>(this)
        view.lastHp = this.attrs.hp
        beasts.set(this.id, view)
      },
      destroyed() {
        beasts.delete(this.id)
      },
      changed: {
        hp(hp) {
          const view = beasts.get((this as unknown as BeastMirror).id)
          if (!view) return
          events.life(view, view.lastHp)
          view.lastHp = hp
        },
        mood() {
          const view = beasts.get((this as unknown as BeastMirror).id)
          if (view) view.moodMs = 0
        },
      },
    })
    this.game.on('Pickup', {
      created() {
        things.set(this.id, new View<ThingMirror>(this))
      },
      destroyed() {
        things.delete(this.id)
      },
    })
  }

  #hearSpace(events: NetEvents): void {
    this.game.on('__space__', {
      created() {
        events.arrived(this.kind)
      },
      killed: (killer: string, killerColor: number, victim: string, victimColor: number, how: string) =>
        events.killed(killer, killerColor, victim, victimColor, how),
      came: (name: string, color: number) => events.came(name, color),
      went: (name: string, color: number) => events.went(name, color),
    })
  }
}
