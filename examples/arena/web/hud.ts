// What is written over the arena: life and weapon, scores, who did what to whom, what is said, and what the player has to know.
import type { ScoreEntry } from '../lobby.ts'
import { HP_MAX } from '../shared/pickups.ts'
import { DASH_PAUSE_STEPS } from '../shared/step.ts'
import { weaponOf } from '../shared/weapons.ts'
import { byId, make, setText } from './dom.ts'
import { colorOf, themeOf } from './palette.ts'
import type { PlayerMirror } from './views.ts'

const FEED_MS = 6000
const FEED_MAX = 5
const LINES_MAX = 40
const LINE_SHOWN_MS = 9000

export class Hud {
  readonly #hpText = byId('hp-text')
  readonly #hpBar = byId('hp-bar')
  readonly #weapon = byId('weapon')
  readonly #shots = byId('shots')
  readonly #dashBar = byId('dash-bar')
  readonly #scores = byId('scores')
  readonly #feed = byId('feed')
  readonly #lines = byId('lines')
  readonly #death = byId('death')
  readonly #banner = byId('banner')
  #backAtMs = 0
  #shownHp = -1

  /** Once a frame. */
  update(player: PlayerMirror, dash: number, nowMs: number): void {
    const { hp, weapon, shots } = player.attrs
    if (hp !== this.#shownHp) {
      this.#shownHp = hp
      setText(this.#hpText, String(Math.ceil(hp)))
      this.#hpBar.style.transform = `scaleX(${Math.max(0, hp / HP_MAX)})`
      this.#hpBar.parentElement!.classList.toggle('low', hp < HP_MAX * 0.3)
    }
    setText(this.#weapon, weaponOf(weapon).name)
    setText(this.#shots, weapon === 0 ? '∞' : String(shots))
    const ready = 1 - Math.min(1, dash / DASH_PAUSE_STEPS)
    this.#dashBar.style.transform = `scaleX(${ready.toFixed(2)})`
    this.#dashBar.classList.toggle('ready', dash === 0)
    if (!this.#death.hidden)
      setText(byId('death-seconds'), String(Math.max(1, Math.ceil((this.#backAtMs - nowMs) / 1000))))
    if (!this.#death.hidden && hp > 0) this.#death.hidden = true
  }

  died(killer: string, backMs: number, nowMs: number): void {
    this.#backAtMs = nowMs + backMs
    setText(byId('death-by'), `${killer} got you`)
    setText(byId('death-seconds'), String(Math.ceil(backMs / 1000)))
    this.#death.hidden = false
  }

  /** The best, and at their end the player where it is none of them. */
  scores(best: readonly ScoreEntry[], own: PlayerMirror | undefined): void {
    const rows = best.map((entry) => scoreRow(entry, entry[0] === own?.id))
    if (own && !best.some(([id]) => id === own.id)) {
      const { name, color, score } = own.attrs
      rows.push(scoreRow([own.id, name, color, score, own.space?.kind ?? 0, false], true))
    }
    this.#scores.replaceChildren(...rows)
  }

  killed(killer: string, killerColor: number, victim: string, victimColor: number, how: string): void {
    const row = make('li')
    const by = make('b', '', killer)
    by.style.color = killerColor < 0 ? '#ff5d7d' : colorOf(killerColor)
    const who = make('b', '', victim)
    who.style.color = colorOf(victimColor)
    row.append(by, make('span', `how ${how}`, how || 'got'), who)
    this.#tell(row)
  }

  came(name: string, color: number, what: string): void {
    const row = make('li', 'quiet')
    const who = make('b', '', name)
    who.style.color = colorOf(color)
    row.append(who, make('span', '', what))
    this.#tell(row)
  }

  #tell(row: HTMLElement): void {
    this.#feed.prepend(row)
    while (this.#feed.children.length > FEED_MAX) this.#feed.lastElementChild!.remove()
    window.setTimeout(() => row.classList.add('going'), FEED_MS)
    window.setTimeout(() => row.remove(), FEED_MS + 500)
  }

  said(name: string, color: number, line: string): void {
    const row = make('li')
    const who = make('b', '', name)
    who.style.color = colorOf(color)
    row.append(who, make('span', '', line))
    this.#lines.append(row)
    while (this.#lines.children.length > LINES_MAX) this.#lines.firstElementChild!.remove()
    this.#lines.scrollTop = this.#lines.scrollHeight
    window.setTimeout(() => row.classList.add('old'), LINE_SHOWN_MS)
  }

  /** What is wrong with the connection; nothing when all is well. */
  banner(text: string): void {
    this.#banner.hidden = text === ''
    setText(this.#banner, text)
  }

  arrived(name: string, accent: string): void {
    setText(byId('place'), name)
    document.body.style.setProperty('--accent', accent)
    const arrival = byId('arrival')
    arrival.textContent = name
    // The animation begins anew.
    arrival.classList.remove('shown')
    void arrival.offsetWidth
    arrival.classList.add('shown')
  }
}

function scoreRow([, name, color, score, arena, isBot]: ScoreEntry, isOwn: boolean): HTMLElement {
  const row = make('li', isOwn ? 'own' : '')
  const mark = make('i', isBot ? 'bot' : '')
  mark.style.setProperty('--color', colorOf(color))
  const place = make('em')
  place.style.setProperty('--color', themeOf(arena).accent)
  row.append(mark, make('span', 'who', name), place, make('b', '', String(score)))
  return row
}
