// A line of the log for people, from the JSON that pino makes of it.
import { type Color, colored } from './color.ts'

const LEVEL_COLORS: Readonly<Record<string, Color>> = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' }

export interface LineStyle {
  readonly color: boolean
  /** For a reader who sees the day and the name elsewhere. */
  readonly short: boolean
}

/** `time level name message key=value …`, and the stack of an error in lines of its own. */
export function formatLogLine(json: string, { color, short }: LineStyle): string {
  const { level, time, name, msg, ...fields } = JSON.parse(json) as Record<string, unknown>
  const stamp = new Date(Number(time)).toISOString()
  const words = [
    colored(short ? stamp.slice(11, 23) : stamp, 'gray', color),
    colored(String(level).toUpperCase().padEnd(5), LEVEL_COLORS[String(level)] ?? 'gray', color),
    ...(short ? [] : [printable(String(name))]),
    printable(String(msg ?? '')),
  ]
  let stacks = ''
  for (const [key, value] of Object.entries(fields)) {
    if (isError(value)) stacks += `\n    ${printable(value.stack)}`
    else words.push(`${colored(`${printable(key)}=`, 'gray', color)}${fieldText(value)}`)
  }
  return `${words.join(' ')}${stacks}\n`
}

const isError = (value: unknown): value is { stack: string } =>
  typeof value === 'object' && value !== null && typeof (value as { stack?: unknown }).stack === 'string'

function fieldText(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/<>@+-]+$/.test(value)) return value
  return printable(JSON.stringify(value))
}

/**
 * What clients sent may be in a line: no control character reaches the terminal, and no line but ours begins at the
 * margin.
 */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (character) => {
    if (character === '\n') return '\n    '
    return character === '\t' ? ' ' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}
