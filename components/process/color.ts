// Colours for people at a terminal, and for nobody else. https://no-color.org and FORCE_COLOR decide for others.

export function wantsColor(stream: { readonly isTTY?: boolean }): boolean {
  if (process.env.NO_COLOR) return false
  return Boolean(process.env.FORCE_COLOR ?? stream.isTTY)
}

const CODES = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, gray: 90, bold: 1 } as const

export type Color = keyof typeof CODES

export const colored = (text: string, color: Color, on: boolean): string =>
  on ? `\x1b[${CODES[color]}m${text}\x1b[0m` : text
