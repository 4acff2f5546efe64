// A program that is watched over and then stands still: `watchdog-fixture.ts <how> <log file>`.
import { pbkdf2Sync } from 'node:crypto'
import { openLog } from '../../../components/process/log.ts'
import { Watchdog } from '../../../components/process/watchdog.ts'

const [how, file = ''] = process.argv.slice(2)
const LOOK_MS = 50
const settings = { name: 'game1', level: 'info', file, stderr: true } as const
const watchdog = new Watchdog({ settings, log: openLog(settings), lookMs: LOOK_MS })
const beats = setInterval(() => watchdog.beat(), LOOK_MS)
// Nothing but the thread of the watchdog is left at the end.
if (how === 'ends') beats.unref()
watchdog.begin()

const core = Symbol('core')

/** As an entity looks from outside (engine/entity/core.ts). */
class Avatar {
  readonly [core] = { toString: () => 'Avatar<ann>' }

  say(): void {
    process.stderr.write('now\n')
    if (how === 'loops') for (;;);
    if (how === 'takes long') {
      for (const end = Date.now() + 2000; Date.now() < end; ) Avatar.think()
    }
    // No JavaScript runs meanwhile.
    if (how === 'computes') pbkdf2Sync('a', 'b', 8_000_000, 64, 'sha512')
  }

  static think(): void {
    JSON.parse('[]')
  }
}

setTimeout(() => {
  new Avatar().say()
  // In turns of its own: it is not halted there.
  setTimeout(() => process.stderr.write('and does its work\n'), 4 * LOOK_MS)
}, 1000)
