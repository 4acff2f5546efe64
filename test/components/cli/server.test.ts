// Tests of components/cli/server.ts: from a game's folder to its module, its configuration and its processes.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  commandsOf,
  findServer,
  frozenGames,
  gameFolder,
  gameModule,
  shellWord,
  writeConfig,
} from '../../../components/cli/server.ts'
import { tempFolder } from '../../temp-folder.ts'

function newGame(name = 'chess'): string {
  const folder = join(tempFolder(), name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'goworld.ini'), '[deployment]\ndesired_games=2\n')
  return folder
}

describe('the module of a game', () => {
  test('has the name of its folder, or is game.ts', () => {
    const folder = newGame()
    expect(() => gameModule(folder)).toThrow('has no game: neither chess.ts nor game.ts')
    writeFileSync(join(folder, 'game.ts'), '')
    expect(gameModule(folder)).toBe(join(folder, 'game.ts'))
    writeFileSync(join(folder, 'chess.ts'), '')
    expect(gameModule(folder)).toBe(join(folder, 'chess.ts'))
  })

  test('is found through a link and with a slash behind its folder', () => {
    const folder = newGame()
    symlinkSync(folder, join(folder, '../link'))
    expect(gameFolder(join(folder, '../link'))).toBe(folder)
    expect(gameFolder(`${folder}/`)).toBe(folder)
  })

  test('cannot be in what is no folder', () => {
    const folder = newGame()
    expect(() => gameFolder(join(folder, 'nothing'))).toThrow('no such folder')
    expect(() => gameFolder(join(folder, 'goworld.ini'))).toThrow('is not a folder')
  })
})

describe('the configuration of a server', () => {
  test('is the file of the game, as it is', () => {
    const folder = newGame()
    const server = findServer(folder, {})
    expect(server.configPath).toBe(join(folder, 'goworld.ini'))
    expect(writeConfig(server)).toBe(join(folder, 'goworld.ini'))
    expect(server.config.gameIds).toEqual([1, 2])
  })

  test('is made when flags ask for another number of processes', () => {
    const folder = newGame()
    const server = findServer(folder, { games: 3, gates: 2 })
    expect(server.config.gameIds).toEqual([1, 2, 3])
    const path = writeConfig(server)
    expect(path).toBe(join(folder, '.goworld/goworld.ini'))
    expect(readFileSync(path, 'utf8')).toContain('desired_games=3')
    expect(findServer(folder, { games: 2 }).configPath).toBe(join(folder, 'goworld.ini'))
  })

  test('is copied to the game’s run folder when it lies elsewhere, where its processes look for each other', () => {
    const folder = newGame()
    const elsewhere = join(tempFolder(), 'server.ini')
    writeFileSync(elsewhere, '[deployment]\ndesired_games=4\n[game_common]\nlog_file=game.log\n')
    const server = findServer(folder, { configfile: elsewhere })
    expect(server.config.gameIds).toEqual([1, 2, 3, 4])
    const path = writeConfig(server)
    expect(path).toBe(join(folder, '.goworld/goworld.ini'))
    const again = findServer(folder, { configfile: path })
    expect(writeConfig(again)).toBe(path)
    expect(again.config.game(1).logFile).toBe(join(elsewhere, '../game.log'))
  })

  test('names the file that was asked for and is not there', () => {
    expect(() => findServer(newGame(), { configfile: 'other.ini' })).toThrow('other.ini: no such file')
  })
})

describe('a frozen game', () => {
  /** A server of two games with these of them frozen. */
  function withFrozen(...ids: number[]) {
    const server = findServer(newGame(), {})
    server.run.create()
    for (const id of ids) writeFileSync(server.run.frozenPath({ role: 'game', id }), '')
    return server
  }

  test('is not forgotten by a start', () => {
    expect(frozenGames(withFrozen(), false)).toEqual([])
    const server = withFrozen(2)
    const path = server.run.frozenPath({ role: 'game', id: 2 })
    expect(() => frozenGames(server, false)).toThrow(
      `game2 frozen in ${path}: goworld start -restore goes on from there, or remove the file`,
    )
    expect(frozenGames(server, true)).toEqual([{ role: 'game', id: 2 }])
  })

  test('has its place in the deployment', () => {
    expect(() => frozenGames(withFrozen(1, 3), true)).toThrow(
      /game3.frozen: the deployment has no game3; start it with/,
    )
  })
})

test('a word of a command line is quoted where the shell would take it apart', () => {
  expect(['chess', '../a-b/c.d', "it's", 'a b', ''].map(shellWord)).toEqual([
    'chess',
    '../a-b/c.d',
    "'it'\\''s'",
    "'a b'",
    "''",
  ])
})

test('a server is started from the dispatchers up', () => {
  const server = findServer(newGame(), { dispatchers: 2, gates: 1 })
  const commands = commandsOf(server, '/g/chess.ts', '/g/goworld.ini')
  expect(commands.map(({ name }) => `${name.role}${name.id}`)).toEqual([
    'dispatcher1',
    'dispatcher2',
    'game1',
    'game2',
    'gate1',
  ])
  expect(commands[3]!.command.slice(1)).toEqual(['/g/chess.ts', '-gid', '2', '-configfile', '/g/goworld.ini'])
})
