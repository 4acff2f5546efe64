// Numbers of a game in a corner of its page, for those who develop it: how long an answer takes and how that varies, how far
// others are drawn behind, how the own player is corrected, what waits. Click it away; it comes back with `showOverlay`.
import type { Game } from './game.ts'

/** What it needs of a page: an element that can hold others, and frames. */
interface Element {
  style: { cssText: string }
  textContent: string | null
  width?: number
  height?: number
  append(...children: Element[]): void
  remove(): void
  addEventListener(type: 'click', listener: () => void): void
  setAttribute(name: string, value: string): void
  getContext?(kind: '2d'): Canvas | null
}
interface Canvas {
  fillStyle: string
  clearRect(x: number, y: number, width: number, height: number): void
  fillRect(x: number, y: number, width: number, height: number): void
}
interface Page {
  readonly document: { readonly body: Element; createElement(name: string): Element }
  requestAnimationFrame(frame: (nowMs: number) => void): number
}

export interface OverlayOptions {
  readonly corner?: 'top left' | 'top right' | 'bottom left' | 'bottom right'
  /** What it is put into; the page unless told. */
  readonly parent?: object
}

type AnyGame = Pick<Game, 'motion'> & Partial<Pick<Game, 'ping' | 'jitter'>>

/** A row: what it says, and the number that its line shows. */
interface Row {
  readonly name: string
  readonly color: string
  value(game: AnyGame): number
  text(game: AnyGame): string
}

const ms = (value: number | undefined): string => (Number.isFinite(value) ? `${Math.round(value!)} ms` : '–')
const way = (value: number): string => (value === 0 ? '0' : value.toPrecision(2))

const ROWS: readonly Row[] = [
  {
    name: 'round trip',
    color: '#7dd3fc',
    value: ({ motion, ping }) => motion.rttMs || ping || 0,
    text: ({ motion, ping }) => (Number.isNaN(motion.rttMs) ? ms(ping) : ms(motion.rttMs)),
  },
  {
    name: 'jitter',
    color: '#a5b4fc',
    value: ({ motion }) => motion.jitterMs,
    text: ({ motion }) => ms(motion.jitterMs),
  },
  {
    name: 'drawn behind',
    color: '#c4b5fd',
    value: ({ motion }) => motion.delayMs,
    text: ({ motion }) => ms(motion.delayMs),
  },
  {
    name: 'correction',
    color: '#fda4af',
    value: ({ motion }) => motion.correctionNow,
    text: ({ motion }) => `${way(motion.correction)} max ${way(motion.correctionMax)}`,
  },
  {
    name: 'inputs waiting',
    color: '#86efac',
    value: ({ motion }) => motion.waitingInputs,
    text: ({ motion }) => (motion.isStalled ? `${motion.waitingInputs} stalled` : String(motion.waitingInputs)),
  },
]

const SAMPLES = 90
const SAMPLE_MS = 100
const LINE_WIDTH = 90
const LINE_HEIGHT = 14

/** Shows it until it is closed, or clicked. */
export function showOverlay(game: AnyGame, { corner = 'top right', parent }: OverlayOptions = {}): { close(): void } {
  // Throws here, and not in each frame, when the game has no motion.
  void game.motion
  const page = globalThis as unknown as Page
  const [vertical, horizontal] = corner.split(' ') as ['top' | 'bottom', 'left' | 'right']
  const box = page.document.createElement('div')
  box.style.cssText =
    `position:fixed;${vertical}:8px;${horizontal}:8px;z-index:1000;padding:6px 8px;border-radius:6px;cursor:pointer;` +
    'background:rgba(10,14,22,.72);color:#dbe4f0;font:11px/15px ui-monospace,monospace;font-variant-numeric:tabular-nums'
  box.setAttribute('role', 'status')
  box.setAttribute('aria-label', 'network figures')
  const rows = ROWS.map((row) => new RowView(page, row))
  box.append(...rows.map(({ element }) => element))
  ;((parent as Element | undefined) ?? page.document.body).append(box)

  let isOpen = true
  let sampledMs = Number.NEGATIVE_INFINITY
  const frame = (nowMs: number) => {
    if (!isOpen) return
    page.requestAnimationFrame(frame)
    if (nowMs - sampledMs < SAMPLE_MS) return
    sampledMs = nowMs
    for (const row of rows) row.sample(game)
  }
  const close = () => {
    isOpen = false
    box.remove()
  }
  box.addEventListener('click', close)
  page.requestAnimationFrame(frame)
  return { close }
}

class RowView {
  readonly element: Element
  readonly #row: Row
  readonly #text: Element
  readonly #canvas: Canvas | null
  readonly #samples = new Float32Array(SAMPLES)
  #count = 0

  constructor({ document }: Page, row: Row) {
    this.#row = row
    this.element = document.createElement('div')
    this.element.style.cssText = 'display:flex;gap:8px;align-items:center;justify-content:space-between'
    const name = document.createElement('span')
    name.textContent = row.name
    name.style.cssText = 'opacity:.7;min-width:92px'
    const line = document.createElement('canvas')
    line.width = LINE_WIDTH
    line.height = LINE_HEIGHT
    this.#text = document.createElement('span')
    this.#text.style.cssText = 'min-width:104px;text-align:right;white-space:nowrap'
    this.element.append(name, line, this.#text)
    this.#canvas = line.getContext?.('2d') ?? null
  }

  sample(game: AnyGame): void {
    this.#samples[this.#count++ % SAMPLES] = this.#row.value(game)
    this.#text.textContent = this.#row.text(game)
    const canvas = this.#canvas
    if (!canvas) return
    let highest = 1e-6
    for (const value of this.#samples) highest = Math.max(highest, value)
    canvas.clearRect(0, 0, LINE_WIDTH, LINE_HEIGHT)
    canvas.fillStyle = this.#row.color
    for (let n = 0; n < SAMPLES; n++) {
      const value = this.#samples[(this.#count + n) % SAMPLES]!
      const height = value > 0 ? Math.max(1, (value / highest) * LINE_HEIGHT) : 0
      canvas.fillRect(n, LINE_HEIGHT - height, 1, height)
    }
  }
}
