// Small charts as SVG, for the pages of docs/: lines and dots over time, in colors that go with light and dark pages.

export interface Line {
  readonly name: string
  readonly color: string
  readonly points: readonly (readonly [ms: number, value: number])[]
  /** Dots instead of a line. */
  readonly dots?: boolean
  readonly dashed?: boolean
}

export interface Note {
  readonly at: readonly [ms: number, value: number]
  readonly text: string
  /** Where the text stands from there, in pixels. */
  readonly shift: readonly [x: number, y: number]
  /** An arrow leads from there to another place. */
  readonly to?: readonly [ms: number, value: number]
}

export interface Chart {
  readonly title: string
  readonly unit: string
  readonly lines: readonly Line[]
  readonly notes?: readonly Note[]
}

const WIDTH = 760
const HEIGHT = 300
const LEFT = 44
const RIGHT = 14
const TOP = 54
const BOTTOM = 34
const INK = '#64748b'

export function chartSvg({ title, unit, lines, notes = [] }: Chart): string {
  const all = lines.flatMap(({ points }) => points)
  const fromMs = Math.min(...all.map(([ms]) => ms))
  const toMs = Math.max(...all.map(([ms]) => ms))
  const lowest = Math.min(...all.map(([, value]) => value))
  const highest = Math.max(...all.map(([, value]) => value))
  const room = (highest - lowest) * 0.08
  const x = (ms: number) => round(LEFT + ((ms - fromMs) / (toMs - fromMs)) * (WIDTH - LEFT - RIGHT))
  const y = (value: number) =>
    round(HEIGHT - BOTTOM - ((value - lowest + room) / (highest - lowest + 2 * room)) * (HEIGHT - TOP - BOTTOM))
  const at = ([ms, value]: readonly [number, number]) => `${x(ms)},${y(value)}`
  const stepMs = [50, 100, 250, 500, 1000].find((ms) => (toMs - fromMs) / ms <= 9)!
  const parts: string[] = []

  for (let ms = Math.ceil(fromMs / stepMs) * stepMs; ms <= toMs; ms += stepMs) {
    parts.push(`<path d="M${x(ms)} ${TOP}V${HEIGHT - BOTTOM}" stroke="${INK}" stroke-opacity=".18"/>`)
    parts.push(text(x(ms), HEIGHT - BOTTOM + 16, `${ms} ms`, 'middle'))
  }
  parts.push(text(LEFT - 6, TOP - 6, unit, 'end'))
  parts.push(`<text x="${LEFT}" y="20" font-size="14" font-weight="600" fill="${INK}">${title}</text>`)
  let legendX = LEFT
  for (const line of lines) {
    const { points, color } = line
    if (line.dots)
      for (const point of points) parts.push(`<circle cx="${x(point[0])}" cy="${y(point[1])}" r="3" fill="${color}"/>`)
    else
      parts.push(
        `<polyline points="${points.map(at).join(' ')}" fill="none" stroke="${color}" stroke-width="2" stroke-linejoin="round"${
          line.dashed ? ' stroke-dasharray="5 4"' : ''
        }/>`,
      )
    parts.push(`<circle cx="${legendX + 5}" cy="36" r="4" fill="${color}"/>`)
    parts.push(text(legendX + 14, 40, line.name, 'start'))
    legendX += 34 + line.name.length * 6.2
  }
  for (const note of notes) {
    const [noteX, noteY] = [x(note.at[0]), y(note.at[1])]
    if (note.to)
      parts.push(
        `<path d="M${noteX} ${noteY}L${x(note.to[0])} ${y(note.to[1])}" stroke="${INK}" stroke-width="1.5" marker-end="url(#arrow)"/>`,
      )
    parts.push(`<circle cx="${noteX}" cy="${noteY}" r="4" fill="none" stroke="${INK}" stroke-width="1.5"/>`)
    parts.push(text(noteX + note.shift[0], noteY + note.shift[1], note.text, note.shift[0] < 0 ? 'end' : 'start'))
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui,sans-serif" role="img" aria-label="${title}">`,
    `<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="${INK}"/></marker></defs>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

const text = (x: number, y: number, what: string, anchor: 'start' | 'middle' | 'end') =>
  `<text x="${x}" y="${y}" font-size="11" fill="${INK}" text-anchor="${anchor}">${what}</text>`

const round = (value: number): number => Math.round(value * 10) / 10
