// A plot of some lines as SVG, both axes from 0.

interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Plot {
  readonly title: string
  /** What stands at the axes. */
  readonly x: string
  readonly y: string
  readonly lines: readonly Line[]
}

const WIDTH = 640
const HEIGHT = 400
const LEFT = 64
const BOTTOM = 48
const TOP = 40
const RIGHT = 24
const COLORS = ['#1f6feb', '#999999', '#d1242f', '#1a7f37']
const TICKS = 5

export function plot({ title, x, y, lines }: Plot): string {
  const all = lines.flatMap(({ points }) => points)
  const maxX = roundUp(Math.max(...all.map(([one]) => one)))
  const maxY = roundUp(Math.max(...all.map(([, one]) => one)))
  const atX = (value: number) => LEFT + (value / maxX) * (WIDTH - LEFT - RIGHT)
  const atY = (value: number) => HEIGHT - BOTTOM - (value / maxY) * (HEIGHT - BOTTOM - TOP)
  const parts: string[] = []
  const text = (left: number, top: number, anchor: string, what: string, more = '') =>
    parts.push(`<text x="${round(left)}" y="${round(top)}" text-anchor="${anchor}"${more}>${what}</text>`)
  for (let tick = 0; tick <= TICKS; tick++) {
    const [atTickX, atTickY] = [atX((maxX * tick) / TICKS), atY((maxY * tick) / TICKS)]
    parts.push(`<path d="M${LEFT} ${round(atTickY)}H${WIDTH - RIGHT}" stroke="#dddddd"/>`)
    text(atTickX, HEIGHT - BOTTOM + 18, 'middle', String(round((maxX * tick) / TICKS)))
    text(LEFT - 8, atTickY + 4, 'end', String(round((maxY * tick) / TICKS)))
  }
  for (const [at, { name, points }] of lines.entries()) {
    const color = COLORS[at % COLORS.length]!
    const path = points.map(([px, py]) => `${round(atX(px))},${round(atY(py))}`).join(' ')
    parts.push(`<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`)
    for (const [px, py] of points)
      parts.push(`<circle cx="${round(atX(px))}" cy="${round(atY(py))}" r="3" fill="${color}"/>`)
    text(LEFT + 12, TOP + 16 + 16 * at, 'start', name, ` fill="${color}"`)
  }
  text(WIDTH / 2, 20, 'middle', title, ' font-weight="bold"')
  text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 'middle', x)
  text(16, (TOP + HEIGHT - BOTTOM) / 2, 'middle', y, ` transform="rotate(-90 16 ${(TOP + HEIGHT - BOTTOM) / 2})"`)
  const size = `width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}"`
  const head = `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">`
  return `${head}\n<rect width="100%" height="100%" fill="white"/>\n${parts.join('\n')}\n</svg>\n`
}

const round = (value: number) => Math.round(value * 100) / 100

/** The next of 1, 2, 5, 10, 20, … */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value
}
