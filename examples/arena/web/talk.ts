// The chat: Enter opens it, Enter says the line, Escape leaves it; while it is open, keys are letters.
import type { Controls } from './controls.ts'
import { byId } from './dom.ts'

export class Talk {
  readonly #input = byId<HTMLInputElement>('line')
  readonly #controls: Controls
  /** Whether there is anybody who could speak. */
  isAllowed = false

  constructor(controls: Controls, say: (line: string) => void) {
    this.#controls = controls
    byId<HTMLFormElement>('say').addEventListener('submit', (event) => {
      event.preventDefault()
      const line = this.#input.value.trim()
      if (line !== '') say(line)
      this.close()
    })
    this.#input.addEventListener('focus', () => this.open())
    this.#input.addEventListener('blur', () => this.close())
    byId('talk-toggle').addEventListener('click', () => this.open())
    window.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close()
      if (event.key !== 'Enter' || event.repeat || !this.isAllowed || document.activeElement === this.#input) return
      event.preventDefault()
      this.open()
    })
  }

  open(): void {
    if (!this.isAllowed) return
    document.body.classList.add('talking')
    this.#controls.release()
    this.#controls.isPaused = true
    if (document.activeElement !== this.#input) this.#input.focus()
  }

  close(): void {
    this.#input.value = ''
    this.#controls.isPaused = false
    document.body.classList.remove('talking')
    if (document.activeElement === this.#input) this.#input.blur()
  }
}
