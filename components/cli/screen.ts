// What `goworld` writes: its own lines, those of the processes with their names before them, and tables.
import type { Status } from '../process/child.ts'
import { type Color, colored, wantsColor } from '../process/color.ts'
import { nameOf, type ProcessId, type Role, type RunFolder } from '../process/run-folder.ts'
import { restoring } from './server.ts'

const COLORS: Readonly<Record<Role, Color>> = {
  dispatcher: 'magenta',
  game: 'cyan',
  gate: 'blue',
  drain: 'gray',
  next: 'gray',
  dev: 'cyan',
  bots: 'gray',
}
/** `dispatcher1`, so that the usual names stand in one column. */
const NAME_WIDTH = 11

const color = wantsColor(process.stdout)

export const say = (line: string): void => void process.stdout.write(`${line}\n`)

export const bold = (text: string): string => colored(text, 'bold', color)

/** A line of one of the processes. */
export function sayFor(process: ProcessId, line: string): void {
  say(`${colored(`${nameOf(process).padEnd(NAME_WIDTH)} |`, COLORS[process.role], color)} ${line}`)
}

/** Columns as wide as their widest cell; numbers to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)))
  const lines = rows.map((row, line) =>
    row
      .map((cell, at) => {
        const right = at > 0 && rows.slice(1).every((other) => /^[\d.,%-]/.test(other[at]!) || other[at] === '')
        return right ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)
      })
      .join('  ')
      .trimEnd()
      .replace(/^.*$/, (text) => (line === 0 ? bold(text) : text)),
  )
  return `${lines.join('\n')}\n`
}

/** Where each process can be reached from outside, and before all where to play. */
export function sayAddresses(statuses: readonly Status[]): void {
  const addressesOf = ({ addresses }: Status) => (addresses ?? {}) as Record<string, string>
  const page = statuses.map((status) => addressesOf(status)['page']).find((url) => url !== undefined)
  if (page !== undefined) say(`  play:        ${bold(page)}`)
  for (const status of statuses) {
    const { role, id } = status
    const { page: _, ...others } = addressesOf(status)
    const urls = Object.values(others).filter((url) => !url.startsWith('unix:'))
    say(`  ${nameOf({ role, id } as ProcessId).padEnd(12)} ${urls.join('  ')}`)
  }
}

/** Frozen games outlast the server. */
export function sayFrozen(run: RunFolder): void {
  for (const name of run.frozen()) {
    say(`${nameOf(name)} stays frozen in ${run.frozenPath(name)}; ${restoring(run)} goes on from there`)
  }
}
