// `goworld dev`: a whole server in one process, run anew whenever a file of the game is saved.
//
//     watch ──saved──> (100 ms of quiet) ──> stop the server, which saves ──> start it anew
//                                                                             └ fails: told, and tried at the next save
import { join, relative } from 'node:path'
import { Child } from '../process/child.ts'
import { REPOSITORY } from '../process/flags.ts'
import { command } from './command.ts'
import { endAll } from './ending.ts'
import { Interrupts } from './interrupts.ts'
import { Saves } from './saves.ts'
import { bold, say, sayAddresses } from './screen.ts'
import { findServer, gameModule, refuseSecond, type Server, writeConfig } from './server.ts'

const NAME = { role: 'dev', id: 1 } as const
const DEPLOYMENT = { dispatchers: 1, games: 1, gates: 1 }
const START_LIMIT_MS = 30_000

export const dev = command({
  name: 'dev',
  about: 'Runs a game in one process, and anew whenever one of its files is saved.',
  positionals: '<game folder>',
  flags: { configfile: { type: 'string', help: 'the configuration; without it that of goworld start' } },
  async run(flags, [folder]) {
    const server = findServer(folder!, flags, DEPLOYMENT)
    const module = gameModule(server.folder)
    refuseSecond(server)
    const configPath = writeConfig(server)
    const interrupts = new Interrupts(() => say('stopping; once more kills'))
    const saves = new Saves(server.folder)
    const command = [join(REPOSITORY, 'components/cli/dev-server.ts'), module, '-configfile', configPath]
    while (interrupts.count === 0) {
      const child = new Child(NAME, server.run, { command, cwd: server.folder, onLine: say, tied: true })
      const saved = saves.next()
      const over = new AbortController()
      void Promise.race([saved, interrupts.first]).then(() => over.abort())
      if (await child.until(({ ready }) => ready === true, START_LIMIT_MS, over.signal)) await sayUp(server, child)
      await Promise.race([child.ended, saved, interrupts.first])
      if (!child.alive()) say(`${bold(`the game ${child.end}`)}; save a file to try again`)
      const file = await Promise.race([saved, interrupts.first])
      await endAll(server.run, () => (child.alive() ? [child] : []), { tell: () => {}, hurry: interrupts.second })
      if (file !== undefined) say(bold(`${relative(server.folder, file)} was saved: starting anew`))
    }
    saves.close()
  },
})

async function sayUp({ folder }: Server, child: Child): Promise<void> {
  const status = await child.status()
  if (!status) return
  say(`\n${bold(`${folder} is up`)}; saving a .ts file there starts it anew`)
  sayAddresses([status])
  say('')
}
