// The panel of the network: how far away the server is, how it would be with a worse line, and what the page does about it.
import type { Game } from 'goworld/client'
import { byId, make, setText } from './dom.ts'
import type { OwnPlayer } from './own-player.ts'

const EVERY_MS = 250
const SLOW_MS = 150

/** What the panel switches. */
export interface Switches {
  latency(ms: number): void
  predict(on: boolean): void
  smooth(on: boolean): void
  ghosts(on: boolean): void
  figures(on: boolean): void
}

export class NetworkPanel {
  readonly #panel = byId('net')
  readonly #numbers = byId('net-numbers')
  readonly #light = byId('net-light')
  readonly #ping = byId('net-ping')
  #shownMs = 0

  constructor(switches: Switches) {
    const toggle = byId('net-toggle')
    toggle.addEventListener('click', () => {
      this.#panel.hidden = !this.#panel.hidden
      toggle.setAttribute('aria-expanded', String(!this.#panel.hidden))
      // Space is for shooting, not for pressing the button again.
      toggle.blur()
    })
    byId('net-latency').addEventListener('change', (event) => {
      switches.latency(Number((event.target as HTMLInputElement).value))
    })
    for (const name of ['predict', 'smooth', 'ghosts', 'figures'] as const) {
      const box = byId<HTMLInputElement>(`net-${name}`)
      box.addEventListener('change', () => {
        switches[name](box.checked)
        box.blur()
      })
    }
  }

  update({ connection, ping, jitter, motion }: Watched, own: OwnPlayer, nowMs: number): void {
    if (nowMs - this.#shownMs < EVERY_MS) return
    this.#shownMs = nowMs
    const isLost = connection !== 'open'
    this.#light.className = isLost ? 'lost' : ping > SLOW_MS ? 'slow' : ''
    setText(this.#ping, isLost ? connection : ms(ping))
    if (this.#panel.hidden) return
    const figures = {
      'there and back': `${ms(ping)} ± ${Number.isFinite(jitter) ? Math.round(jitter) : '–'}`,
      'others are behind': ms(motion.delayMs),
      'inputs under way': String(motion.waitingInputs),
      corrections: String(motion.corrections),
      'the largest': `${own.correctionMax.toFixed(2)} units`,
      'shots foretold': `${own.shotsRight} of ${own.shotsRight + own.shotsWrong}`,
    }
    const rows = Object.entries(figures).flatMap(([name, figure]) => [make('dt', '', name), make('dd', '', figure)])
    this.#numbers.replaceChildren(...rows)
  }
}

type Watched = Pick<Game, 'connection' | 'ping' | 'jitter' | 'motion'>

const ms = (value: number): string => (Number.isFinite(value) ? `${Math.round(value)} ms` : '–')
