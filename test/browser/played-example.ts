// A copy of an example with its page, run by `goworld start` on free ports for as long as the test.
import { GameFolder, type GameFolderOptions } from '../components/cli/game-folder.ts'
import type { Program } from '../program.ts'

export interface PlayedExample {
  /** Its files can be changed: they are copies. */
  readonly game: GameFolder
  readonly server: Program
  /** Where its page is. */
  readonly url: string
}

/** Resolves when everything is up; rejects with what it said when it does not come about. */
export async function playExample(
  example: string,
  { args = [], command = 'start', ...options }: { args?: readonly string[]; command?: string } & GameFolderOptions = {},
): Promise<PlayedExample> {
  const game = new GameFolder({ example, ...options })
  const server = game.begin(command, ...args)
  await server.said(/ is up.*\n(.+\n)+\n/)
  const [, url] = /^ +play: +(http:\S+)$/m.exec(server.out) ?? []
  if (url === undefined) throw new Error(`${example} has no page:\n${server.text}`)
  return { game, server, url }
}
