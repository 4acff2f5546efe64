// The title: who one is, in which colour, and where to begin. Behind it the fight goes on.
import type { HallEntry } from '../lobby.ts'
import { MAPS } from '../shared/maps.ts'
import { byId, make, setText } from './dom.ts'
import { drawPlan } from './minimap.ts'
import { PLAYER_COLORS } from './palette.ts'

const KEPT = 'goworld.arena.player'
const PLAN_PIXELS = 128

export interface Choice {
  readonly name: string
  readonly color: number
  readonly arena: number
}

export class Title {
  readonly #name = byId<HTMLInputElement>('name')
  readonly #form = byId<HTMLFormElement>('join')

  constructor(play: (choice: Choice) => void) {
    const last = remembered()
    this.#name.value = last.name
    PLAYER_COLORS.forEach((color, number) => {
      const choice = radio('color', number, number === last.color, `colour ${number + 1}`)
      choice.style.setProperty('--color', color)
      byId('colors').append(choice)
    })
    for (const map of MAPS) {
      const choice = radio('arena', map.kind, map.kind === last.arena, map.name)
      const plan = document.createElement('canvas')
      plan.width = plan.height = PLAN_PIXELS
      drawPlan(
        plan.getContext('2d')!,
        map,
        PLAN_PIXELS,
        (PLAN_PIXELS - 10) / (2 * Math.max(map.halfWidth, map.halfDepth)),
      )
      choice.append(plan, make('span', '', map.name))
      byId('arenas').append(choice)
    }
    this.#focus()
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      const fields = new FormData(this.#form)
      const choice = { name: this.#name.value, color: Number(fields.get('color')), arena: Number(fields.get('arena')) }
      remember(choice)
      this.#name.blur()
      play(choice)
    })
  }

  /** A name and Enter, and one plays. Not on a phone, whose keyboard would cover the title. */
  #focus(): void {
    if (matchMedia('(pointer: coarse)').matches) return
    this.#name.focus()
    this.#name.select()
  }

  hall(entries: readonly HallEntry[]): void {
    const list = byId('hall')
    list.replaceChildren(
      ...entries.slice(0, 5).map(([name, score]) => {
        const row = make('li')
        row.append(make('span', '', name), make('b', '', String(score)))
        return row
      }),
    )
    list.parentElement!.hidden = entries.length === 0
  }

  crowd(players: number): void {
    setText(byId('crowd'), players === 0 ? 'You.' : players === 1 ? '1 plays now.' : `${players} play now.`)
  }
}

function radio(name: string, value: number, isChecked: boolean, label: string): HTMLElement {
  const choice = make('label')
  const input = document.createElement('input')
  input.type = 'radio'
  input.name = name
  input.value = String(value)
  input.checked = isChecked
  input.setAttribute('aria-label', label)
  choice.append(input)
  return choice
}

function remembered(): Choice {
  const fresh = { name: '', color: Math.floor(Math.random() * PLAYER_COLORS.length), arena: MAPS[0]!.kind }
  try {
    return { ...fresh, ...JSON.parse(localStorage.getItem(KEPT) ?? '{}') }
  } catch {
    // Storage that is closed or spoiled costs a name that is typed again.
    return fresh
  }
}

function remember(choice: Choice): void {
  try {
    localStorage.setItem(KEPT, JSON.stringify(choice))
  } catch {
    // Some browsers keep nothing of a page in a private window.
  }
}
