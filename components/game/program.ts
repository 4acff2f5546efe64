// The program of a game (main.ts): its flags, and what they lead to.
import { resolve } from 'node:path'
import { readConfig } from '../../engine/config/config.ts'
import { parseFlags } from '../../engine/config/flags.ts'
import { runProgram } from '../../engine/config/program.ts'
import { tcpTransport } from '../../engine/net/tcp.ts'
import { detach } from '../process/detach.ts'
import { COMMON_FLAGS, configFile, PROCESS_ID_MAX } from '../process/flags.ts'
import { openLog } from '../process/log.ts'
import { type PartTools, runProcess } from '../process/process.ts'
import { RunFolder } from '../process/run-folder.ts'
import { keepWholeStacks } from '../process/stray.ts'
import { loadGame, rehearseGame, restoreBehind, startGame, succeedGame } from './part.ts'
import { isFreezing, untilFrozen } from './told-to-freeze.ts'

const FLAGS = {
  gid: { type: 'int', alias: 'sid', required: true, min: 1, max: PROCESS_ID_MAX, help: 'which game of the deployment' },
  restore: { type: 'bool', help: 'go on from where a frozen game stopped' },
  succeed: { type: 'bool', help: 'take the place of the running game, as `goworld reload` does' },
  rehearse: { type: 'bool', help: 'say whether the running game could go on with this code, and end' },
  drop: {
    type: 'bool',
    help: 'with those two: though it has no place for all that is there, or an onFrozen there throws',
  },
  ...COMMON_FLAGS,
} as const

/** A freeze takes no longer, besides what it waits for authors. */
const FREEZE_LIMIT_MS = 60_000
/** Who is killed in the middle of a swap is gone at once. */
const GONE_WITHIN_MS = 2000

void runProgram('game', async () => {
  const about = 'Runs the spaces and entities of a game.'
  const flags = parseFlags(process.argv.slice(2), FLAGS, { name: 'game', about, positionals: '<module>' })
  const config = readConfig(configFile(flags))
  const settings = config.game(flags.gid)
  const name = { role: 'game', id: settings.id } as const
  const folder = RunFolder.of(config)
  const freezeLimitMs = settings.freezeWaitMs + FREEZE_LIMIT_MS
  if (flags.d) {
    if (flags.restore) await untilFrozen(folder, name, freezeLimitMs)
    return detach(name, config, settings.logFile)
  }
  keepWholeStacks()
  const definition = await loadGame(resolve(flags.positionals[0]!))
  const dispatchers = config.dispatcherIds.map((id) => config.dispatcher(id).advertiseAddr)
  const { restore, drop: drops, succeed } = flags
  const paths = { frozenPath: folder.frozenPath(name), swapPath: folder.swapPath(name) }
  const options = { id: settings.id, config, definition, links: tcpTransport, dispatchers, ...paths }
  if (flags.rehearse) {
    const log = openLog({ name: 'rehearsal', level: flags.log ?? 'warn', file: '', stderr: true })
    process.stdout.write(`${JSON.stringify(await rehearseGame({ ...options, log }, { drops }))}\n`)
    return process.exit()
  }
  const isFrozen = async () => {
    await untilFrozen(folder, name, freezeLimitMs)
    return !folder.find(name)?.alive
  }
  const isBehind = restore && (await isFreezing(folder, name))
  const start = ({ log }: PartTools) => {
    if (succeed)
      return succeedGame({ ...options, log }, () => folder.isGone(name, GONE_WITHIN_MS), { drops, forced: drops })
    if (isBehind) return restoreBehind({ ...options, log, restore }, isFrozen)
    return startGame({ ...options, log, restore })
  }
  await runProcess(name, config, settings, flags, start, { succeeds: succeed || isBehind })
})
