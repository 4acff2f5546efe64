// The numbers in the corner of a page, on a page that is played by the test.
import { afterEach, expect, test } from 'vitest'
import { connect, type MotionFigures } from '../../../engine/client/client.ts'
import { showOverlay } from '../../../engine/client/overlay.ts'
import { GateSide } from './gate-side.ts'

class FakeElement {
  readonly children: FakeElement[] = []
  readonly style = { cssText: '' }
  readonly attributes = new Map<string, string>()
  readonly bars: number[] = []
  textContent: string | null = null
  parent: FakeElement | undefined
  clicked = () => {}
  append(...children: FakeElement[]): void {
    for (const child of children) child.parent = this
    this.children.push(...children)
  }
  remove(): void {
    this.parent?.children.splice(this.parent.children.indexOf(this), 1)
  }
  addEventListener(_type: string, listener: () => void): void {
    this.clicked = listener
  }
  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value)
  }
  getContext() {
    return {
      fillStyle: '',
      clearRect: () => void this.bars.splice(0),
      fillRect: (_x: number, _y: number, _width: number, height: number) => void this.bars.push(height),
    }
  }
  get text(): string {
    return [this.textContent ?? '', ...this.children.map(({ text }) => text)].filter(Boolean).join(' ')
  }
}

const page = globalThis as { document?: unknown; requestAnimationFrame?: unknown }
afterEach(() => {
  delete page.document
  delete page.requestAnimationFrame
})

const figures: MotionFigures = {
  rttMs: Number.NaN,
  jitterMs: 12.4,
  delayMs: 149.6,
  allowanceMs: 40,
  intervalMs: 100,
  correction: 0.0123,
  correctionNow: 0,
  correctionMax: 2,
  corrections: 3,
  waitingInputs: 7,
  isStalled: false,
  expected: 0,
}

test('shows what the game says, a few times a second, until it is clicked away', () => {
  const body = new FakeElement()
  let frames: ((nowMs: number) => void)[] = []
  page.document = { body, createElement: () => new FakeElement() }
  page.requestAnimationFrame = (frame: (nowMs: number) => void) => frames.push(frame)
  const draw = (nowMs: number) => {
    const due = frames
    frames = []
    for (const frame of due) frame(nowMs)
  }
  let motion = figures
  const game = {
    get motion() {
      return motion
    },
    ping: 88,
  }
  const overlay = showOverlay(game, { corner: 'bottom left' })
  const [box] = body.children
  expect(box!.style.cssText).toContain('bottom:8px;left:8px')
  draw(0)
  expect(box!.text).toBe('round trip 88 ms jitter 12 ms drawn behind 150 ms correction 0.012 max 2.0 inputs waiting 7')
  motion = { ...figures, rttMs: 203, isStalled: true, correction: 0 }
  draw(50)
  expect(box!.text).toContain('88 ms')
  draw(100)
  expect(box!.text).toContain('round trip 203 ms')
  expect(box!.text).toContain('correction 0 max')
  expect(box!.text).toContain('7 stalled')
  const line = box!.children[0]!.children[1]!
  expect(line.bars.filter((height) => height > 0)).toEqual([expect.closeTo((14 * 88) / 203, 4), 14])
  box!.clicked()
  expect(body.children).toEqual([])
  draw(200)
  expect(frames).toEqual([])
  overlay.close()
})

test('is for games with a motion', () => {
  const body = new FakeElement()
  page.document = { body, createElement: () => new FakeElement() }
  page.requestAnimationFrame = () => 0
  expect(() => showOverlay(connect(new GateSide(), { heartbeatMs: 0 }))).toThrow('goworld/client/motion')
  expect(body.children).toEqual([])
})

test('goes where it is put', () => {
  const parent = new FakeElement()
  page.document = { body: new FakeElement(), createElement: () => new FakeElement() }
  page.requestAnimationFrame = () => 0
  showOverlay({ motion: figures }, { parent })
  expect(parent.children).toHaveLength(1)
})
