// The middle of the page: what has been said in each room, and the line where one says something.
import { byId, drawFace, hueOf, make } from './elements.ts'

/** Of one room. */
const LINES_MAX = 300
/** What one person says within so long stands together. */
const TOGETHER_MS = 120_000
/** A list counts as read to its end so near to it. */
const END_PIXELS = 60

interface Line {
  readonly element: HTMLElement
  /** Who said it; empty for what happened. */
  readonly name: string
  readonly atMs: number
}

const lines = byId('lines')
const newest = byId('newest')
const text = byId<HTMLInputElement>('text')

export class Talk {
  /** Who the reader is. */
  me = ''
  readonly #rooms = new Map<string, Line[]>()
  #shown: Line[] = []
  /** Whether the reader wants to see what comes, rather than what was. */
  #follows = true
  /** What the server has not said back yet, oldest first. */
  #waiting: { readonly what: string; readonly element: HTMLElement }[] = []
  /** What the reader has said, and how far back it is looked at. */
  readonly #said: string[] = []
  #back = 0

  constructor(say: (text: string) => void) {
    byId('say').onsubmit = (event) => {
      event.preventDefault()
      const what = text.value.trim()
      text.value = ''
      this.#back = 0
      if (what === '') return
      this.#said.push(what)
      if (!what.startsWith('/')) this.#wait(what)
      say(what)
    }
    // As in a shell.
    text.onkeydown = (event) => {
      const step = event.key === 'ArrowUp' ? 1 : event.key === 'ArrowDown' ? -1 : 0
      if (step === 0 || event.altKey || event.isComposing) return
      event.preventDefault()
      this.#back = Math.max(0, Math.min(this.#said.length, this.#back + step))
      text.value = this.#back === 0 ? '' : this.#said.at(-this.#back)!
    }
    lines.onscroll = () => {
      this.#follows = lines.scrollHeight - lines.scrollTop - lines.clientHeight < END_PIXELS
      if (this.#follows) newest.hidden = true
    }
    newest.onclick = () => this.#toEnd()
    // A banner or a phone's keyboard takes some of its room.
    new ResizeObserver(() => this.#follows && this.#toEnd()).observe(lines)
  }

  enterRoom(room: string): void {
    const kept = this.#rooms.get(room) ?? []
    this.#rooms.set(room, kept)
    this.#shown = kept
    this.#waiting = []
    lines.replaceChildren(...kept.map(({ element }) => element))
    newest.hidden = true
    this.#toEnd()
    this.focus()
  }

  /** Not on a phone, whose keyboard would cover what there is to read. */
  focus(): void {
    if (!matchMedia('(pointer: coarse)').matches) text.focus()
  }

  said(name: string, what: string): void {
    const atMs = Date.now()
    const before = this.#shown.at(-1)
    const own = name === this.me
    const more = before?.name === name && atMs - before.atMs < TOGETHER_MS
    if (own && this.#waiting[0]?.what === what) this.#waiting.shift()!.element.remove()
    const time = new Date(atMs).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
    const by = make('div', 'by', make('b', '', name), make('time', '', time))
    const face = drawFace(make('span', 'face'), name)
    const element = make('li', `said${own ? ' own' : ''}${more ? ' more' : ''}`, face, by, make('p', '', what))
    element.style.setProperty('--hue', hueOf(name))
    this.#add({ element, name, atMs }, own)
  }

  happened(what: string, bad = false): void {
    this.#add({ element: make('li', `event${bad ? ' bad' : ''}`, what), name: '', atMs: Date.now() }, false)
  }

  /** Shows what is on its way to the server: below all that came from there. */
  #wait(what: string): void {
    const element = make('li', 'said own waiting', make('p', '', what))
    this.#waiting.push({ what, element })
    lines.append(element)
    this.#toEnd()
  }

  #add(line: Line, own: boolean): void {
    this.#shown.push(line)
    const [next] = this.#waiting
    if (next) next.element.before(line.element)
    else lines.append(line.element)
    if (this.#shown.length > LINES_MAX) this.#shown.shift()!.element.remove()
    if (this.#follows || own) this.#toEnd()
    else newest.hidden = false
  }

  #toEnd(): void {
    this.#follows = true
    lines.scrollTop = lines.scrollHeight
  }
}
