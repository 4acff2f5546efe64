// `goworld reload`: new code for a server while people play, one process after another; what is for the one that is being
// swapped waits, and the others go on.
//
//     game1: the new code restores a copy of it ─> a successor is loaded and stands by ─> game1 freezes, it restores ─> ready
//              └ fails: nothing has happened           └ fails, whenever: the old process goes on     (succession.ts)
//
//     a game that is frozen already: started with -restore ─> ready
//                                         └ fails: its frozen file stays for another try
//
//     dispatcher1: a successor is loaded and stands by ─> it takes over address, links and all that dispatcher1 knows
//     gate1: a successor joins the cluster ─> it takes over where clients connect; gate1 ends when its clients are gone
import { PROCESS_ID_MAX } from '../process/flags.ts'
import { nameOf, type ProcessId, RunFolder } from '../process/run-folder.ts'
import { command } from './command.ts'
import { Interrupts } from './interrupts.ts'
import { isSame, readProcess } from './names.ts'
import { say, sayFrozen } from './screen.ts'
import { gameFolder, SERVER_FLAGS } from './server.ts'
import { saySilent, silentOf } from './silence.ts'
import { swapOne } from './succession.ts'
import { plan, SWAP_ROLES, type SwapRole } from './swaps.ts'

const one = (role: SwapRole) =>
  ({ type: 'int', min: 1, max: PROCESS_ID_MAX, help: `the id of a ${role}: only this one` }) as const

export const reload = command({
  name: 'reload',
  about: 'Swaps the code of a running server, one process after another, while people play.',
  positionals: '<game folder> [names...]',
  flags: {
    all: { type: 'bool', help: 'dispatchers and gates too: these first, then the games' },
    drop: {
      type: 'bool',
      help: 'though the new code has no place for all that is there, or an onFrozen throws: it goes on without',
    },
    dispatcher: one('dispatcher'),
    gate: one('gate'),
    game: one('game'),
    configfile: { type: 'string', help: `${SERVER_FLAGS.configfile.help}; unless given, that of the running process` },
  },
  async run({ all, drop, configfile, ...ids }, [folder, ...words]) {
    const flagged = SWAP_ROLES.flatMap((role): ProcessId[] =>
      ids[role] === undefined ? [] : [{ role, id: ids[role] }],
    )
    const names = [...flagged, ...words.map((word) => readProcess(word, SWAP_ROLES))]
    const run = new RunFolder(gameFolder(folder!))
    const roles = all ? SWAP_ROLES : names.length > 0 ? [] : (['game'] as const)
    const planned = await plan(folder!, run, { roles, names }, configfile)
    const missing = names.find((name) => !planned.some((swap) => isSame(swap.name, name)))
    if (missing || planned.length === 0) {
      process.exitCode = 1
      return say(missing ? `${nameOf(missing)} does not run in ${run.path}` : `no game runs in ${run.path}`)
    }
    // Who answers nobody cannot be swapped, whatever the new code is; the others can.
    const silent = await silentOf(
      run,
      planned.flatMap(({ running }) => running ?? []),
    )
    for (const one of silent) saySilent(folder!, one)
    if (silent.length > 0) process.exitCode = 1
    const swaps = planned.filter(({ name }) => !silent.some((one) => isSame(one.name, name)))
    const interrupts = new Interrupts(() => say('stopping after this one; once more stops at once'))
    interrupts.second.addEventListener('abort', () => {
      sayFrozen(run)
      process.exit(130)
    })
    for (const [at, swap] of swaps.entries()) {
      const rest = swaps.slice(at + 1).map(({ name }) => nameOf(name))
      const failed = !(await swapOne(run, swap, drop))
      if (failed) process.exitCode = 1
      else if (interrupts.count > 0 && rest.length > 0) process.exitCode = 130
      else continue
      if (rest.length > 0) say(`not reloaded: ${rest.join(', ')}`)
      return
    }
  },
})
