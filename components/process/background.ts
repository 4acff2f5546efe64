// Whether a process runs in the background, which decides what SIGHUP asks for: the end of whoever sits at a terminal
// that was closed, or, as is usual for daemons, the next version of what runs.
import { readFileSync } from 'node:fs'
import { isatty } from 'node:tty'

/**
 * True when no terminal controls this process. To be asked when the process begins: a terminal that is closed controls
 * nobody any more by the time its SIGHUP comes.
 */
export function inBackground(stat = ownStat(), atTerminal = () => [0, 1, 2].some(isatty)): boolean {
  if (stat === '') return !atTerminal()
  // tty_nr is the fifth field behind the program's name, which is in brackets and may hold anything; see proc(5).
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[4] === '0'
}

/** Empty where there is no /proc. */
function ownStat(): string {
  try {
    return readFileSync('/proc/self/stat', 'utf8')
  } catch {
    return ''
  }
}
