// Tests of `goworld start`, `stop`, `kill` and `status`, with real processes.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { until } from '../../program.ts'
import { GameFolder } from './game-folder.ts'

interface StatusAnswer {
  readonly ready: boolean
  readonly processes: readonly Readonly<Record<string, unknown>>[]
}
/** The second game has more entities the first time that it starts. */
const COUNTING = `
  import { entity, game, space } from 'goworld'
  class Account extends entity({}) {}
  class Nil extends space({}) {
    onGameReady() {
      if (this.game.id === 2) for (let pieces = 0; pieces < 3; pieces++) this.game.create(Account)
    }
  }
  export default game([Account, Nil], { nilSpace: Nil })`

const statusOf = async (game: GameFolder): Promise<StatusAnswer> =>
  JSON.parse((await game.command('status', '-json')).out) as StatusAnswer

describe('goworld start', () => {
  test('starts all in order, says where they are, and stops them backwards on Ctrl-C', async () => {
    const game = new GameFolder()
    const server = game.begin('start', '-games', '2')
    await server.said('stop: ')
    expect(game.running).toEqual(['dispatcher1', 'game1', 'game2', 'gate1'])
    expect(server.out).toMatch(/gate1 +tcp:\/\/127\.0\.0\.1:\d+ .*http:\/\/127\.0\.0\.1:\d+\/healthz/)
    const url = /dispatcher1 +.*(http:\S+healthz)/.exec(server.out)![1]!
    expect((await fetch(url)).status).toBe(200)
    server.kill('SIGINT')
    expect((await server.ended).code).toBe(0)
    expect(game.running).toEqual([])
    const order = [...server.out.matchAll(/^stopping \w+(?:, \w+)*$/gm)].map(([line]) => line)
    expect(order).toEqual(['stopping gate1', 'stopping game1, game2', 'stopping dispatcher1'])
  })

  test('serves the pages in the game’s folder, and says before all where they are', async () => {
    const game = new GameFolder({ files: { 'web/index.html': 'a page', 'shared/rules.ts': 'let rules: 1' } })
    const server = game.begin('start', '-gates', '2')
    await server.said('stop: ')
    const [, url] = /^.* is up after .*\n {2}play: +(http:\/\/127\.0\.0\.1:\d+\/)\n {2}dispatcher1 /m.exec(server.out)!
    expect(await (await fetch(url!)).text()).toBe('a page')
    expect(await (await fetch(`${url}shared/rules.ts`)).text()).toBe('let rules   ')
    expect((await fetch(`${url}goworld.ini`)).status).toBe(404)
  })

  test('leaves the pages where goworld.ini says that they are', async () => {
    const files = { 'web/index.html': 'a page', 'pages/index.html': 'another page' }
    const game = new GameFolder({ files, ini: 'web_root=pages\n' })
    const server = game.begin('start')
    await server.said('stop: ')
    const [, url] = /^ {2}play: +(\S+)$/m.exec(server.out)!
    expect(await (await fetch(url!)).text()).toBe('another page')
  })

  test('shows what the processes say, with their names before it', async () => {
    const game = new GameFolder()
    const server = game.begin('start')
    await server.said('stop: ')
    await server.said(/^game1 {7}\| \d\d:\d\d:\d\d\.\d+ INFO {2}up pid=/m)
    expect(server.out).not.toContain('\x1b[')
  })

  test('goes on when an author’s promise fails that nobody awaits, and says where it was made', async () => {
    const source = `
      import { entity, game, space } from 'goworld'
      class Account extends entity({}) {}
      class Nil extends space({}) {
        onGameReady() {
          setTimeout(function forgetful() { void Promise.reject(new Error('lost in the mail')) }, 0)
        }
      }
      export default game([Account, Nil], { nilSpace: Nil })`
    const game = new GameFolder({ source })
    const server = game.begin('start')
    await server.said('stop: ')
    await server.said(/ERROR a promise that nobody awaits threw: lost in the mail/)
    await server.said('forgetful')
    expect((await statusOf(game)).processes[1]).toMatchObject({ state: 'ready', authorErrors: 1 })
  })

  test('goes on when a callback of an author throws that the engine has never seen', async () => {
    const source = `
      import { entity, game, space } from 'goworld'
      class Account extends entity({}) {}
      class Nil extends space({}) {
        onGameReady() {
          setTimeout(() => { throw new Error('out of nowhere') }, 10)
          setTimeout(() => process.stderr.write('and on it goes\\n'), 200)
        }
      }
      export default game([Account, Nil], { nilSpace: Nil })`
    const game = new GameFolder({ source })
    const server = game.begin('start')
    await server.said(/ERROR a callback threw: out of nowhere/)
    await server.said(/and on it goes/)
    const [game1] = game.run.processes().filter(({ role }) => role === 'game')
    expect(game1!.alive).toBe(true)
    server.kill('SIGINT')
    expect((await server.ended).code).toBe(0)
  })

  test('saves what it can when code that the engine did not call throws', async () => {
    const source = `
      import { attr, entity, game, space } from 'goworld'
      class Account extends entity({}) {}
      class Hoard extends entity({ attrs: { gold: attr(0, 'persistent') } }) {}
      class Nil extends space({}) {
        onGameReady() {
          const hoard = this.game.create(Hoard)
          setTimeout(() => { hoard.attrs.gold = 7; throw 'out of nowhere' }, 100)
        }
      }
      export default game([Account, Hoard, Nil], { nilSpace: Nil })`
    const game = new GameFolder({ source })
    const server = game.begin('start')
    await server.said(/ERROR uncaught exception: out of nowhere/)
    await server.said(/game1 exited with code 1/)
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(join(game.path, 'goworld.db'), { readOnly: true })
    const tables = database.prepare("select name from sqlite_master where type = 'table'").all()
    const text = tables.map(({ name }) => JSON.stringify(database.prepare(`select * from "${name}"`).all())).join()
    database.close()
    expect(text).toMatch(/gold\\":7/)
  })

  test('leaves all in the background with -d, for status and stop', async () => {
    const game = new GameFolder()
    expect(await game.command('start', '-d')).toMatchObject({ code: 0, err: '' })
    const { ready, processes } = await statusOf(game)
    expect(ready).toBe(true)
    expect(processes.map(({ role, id, state }) => `${role}${id} ${state}`)).toEqual([
      'dispatcher1 ready',
      'game1 ready',
      'gate1 ready',
    ])
    expect(processes[1]).toMatchObject({
      pid: game.pidOf('game'),
      ready: true,
      entities: 1,
      uptimeSeconds: expect.any(Number),
      cpuPercent: expect.any(Number),
      rssBytes: expect.any(Number),
    })
    const stopped = await game.command('stop')
    expect(stopped).toMatchObject({ code: 0, out: 'stopping gate1\nstopping game1\nstopping dispatcher1\nstopped\n' })
    expect(game.run.processes()).toEqual([])
  })

  test('is refused while the server runs', async () => {
    const game = new GameFolder()
    await game.command('start', '-d')
    const pid = game.pidOf('game')
    const { code, err } = await game.command('start')
    expect(code).toBe(2)
    expect(err).toMatch(/^goworld: .* runs already: dispatcher1 \(pid \d+\), game1 \(pid \d+\), .*\n$/)
    expect((await game.command('dev')).err).toContain('runs already')
    expect(game.pidOf('game')).toBe(pid)
  })

  test.each(['-d', '-d=false'])('stops the rest when one fails to start (%s)', async (flag) => {
    const game = new GameFolder({ source: "throw new Error('no such opening')\n" })
    const { code, out } = await game.command('start', flag)
    expect(code).toBe(1)
    expect(out).toContain('game1 exited with code 1 before the server was up')
    expect(out).toMatch(/^game1 +\| .*no such opening/m)
    expect(out).toContain('stopping dispatcher1')
    expect(game.running).toEqual([])
  })

  test('ends with the code of who failed: 2 for what the operator has to mend', async () => {
    const game = new GameFolder({ source: 'export default 5\n' })
    const { code, out } = await game.command('start')
    expect(code).toBe(2)
    expect(out).toContain(`${game.module} exports no game`)
  })

  test('makes a configuration for the number of processes that is asked for', async () => {
    const game = new GameFolder()
    await game.command('start', '-d', '-games=2', '--gates', '2')
    expect(game.running).toEqual(['dispatcher1', 'game1', 'game2', 'gate1', 'gate2'])
    await game.command('kill')
  })

  test('lets the bots of the game play, if it brings its own', async () => {
    const bots = `
      import { connect } from 'goworld/client'
      process.stdout.write('own bots: ' + typeof connect + ' ' + process.argv.slice(2).join(' ') + '\\n')
      const waiting = setInterval(() => {}, 1000)
      process.once('SIGTERM', () => clearInterval(waiting))`
    const game = new GameFolder({ files: { 'bots.ts': bots } })
    const server = game.begin('start', '--bots', '3')
    await server.said(/^bots1 +\| own bots: function -N 3 -quiet -configfile \S+goworld\.ini$/m)
    server.kill('SIGINT')
    expect((await server.ended).code).toBe(0)
    expect(game.run.processes()).toEqual([])
  })

  test('lets bots play beside the server, and stops them first', async () => {
    const game = new GameFolder({ ini: '[gate1]\nlisten_addr=unix:gate1.link\n' })
    const server = game.begin('start', '--bots', '2')
    await server.said('stop: ')
    await until(() => game.running.includes('bots1'), 'the bots play')
    await until(async () => (await statusOf(game)).processes[2]?.clients === 2, 'the bots are clients')
    expect((await statusOf(game)).processes[3]).toMatchObject({ role: 'bots', state: 'running' })
    server.kill('SIGINT')
    expect((await server.ended).code).toBe(0)
    expect(server.out).toMatch(/stopping bots1\n.*bots1 +\|.*stopping gate1\n/s)
    expect(game.run.processes()).toEqual([])
  })

  test('can be interrupted while it starts', async () => {
    const game = new GameFolder({ source: 'await new Promise((resolve) => setTimeout(resolve, 1e6))\n' })
    const server = game.begin('start')
    await until(() => game.running.length === 1, 'the dispatcher is up')
    await server.said('dispatcher1 ')
    server.kill('SIGTERM')
    expect((await server.ended).code).toBe(130)
    expect(game.running).toEqual([])
  })

  test('tells of one that dies, and lets the others go on', async () => {
    const game = new GameFolder()
    const server = game.begin('start', '-games', '2')
    await server.said('stop: ')
    process.kill(game.pidOf('game', 2), 'SIGKILL')
    await server.said('game2 was ended by SIGKILL; the others go on')
    expect(game.running).toEqual(['dispatcher1', 'game1', 'gate1'])
    server.kill('SIGINT')
    expect((await server.ended).code).toBe(1)
  })

  test('starts what has died of a server, beside what runs, in front of whoever watches it', async () => {
    const game = new GameFolder()
    const server = game.begin('start', '-games', '2')
    await server.said('stop: ')
    const before = [game.pidOf('dispatcher'), game.pidOf('game', 1)]
    for (const pid of [game.pidOf('game', 2), game.pidOf('gate')]) process.kill(pid, 'SIGKILL')
    await server.said('game2 was ended by SIGKILL; the others go on')
    await server.said('gate1 was ended by SIGKILL; the others go on')
    const missing = await game.command('start', '-missing')
    expect(missing).toMatchObject({ code: 0, out: expect.stringMatching(/^game2, gate1 is up after /m) })
    expect(game.running).toEqual(['dispatcher1', 'game1', 'game2', 'gate1'])
    expect([game.pidOf('dispatcher'), game.pidOf('game', 1)]).toEqual(before)
    expect((await game.command('status')).code).toBe(0)
    const again = await game.command('start', '-missing')
    expect(again).toMatchObject({ code: 0, out: 'nothing is missing: dispatcher1, game1, game2, gate1 run\n' })
    expect(await game.command('start', '-missing', '-games', '3')).toMatchObject({
      code: 2,
      err: 'goworld: flag -missing: how many of each there are is settled while a server runs\n',
    })
    server.kill('SIGINT')
    await server.ended
    expect(game.running).toEqual([])
  })

  test('starts no bots with what has died, beside those that may run', async () => {
    const game = new GameFolder({ files: { 'bots.ts': 'setInterval(() => {}, 1000)' } })
    expect(await game.command('start', '-d', '-bots', '1')).toMatchObject({ code: 0 })
    process.kill(game.pidOf('gate'), 'SIGKILL')
    await until(() => !game.running.includes('gate1'), 'the gate is dead')
    expect(await game.command('start', '-missing', '-bots', '1')).toMatchObject({
      code: 2,
      err: 'goworld: flags -missing and -bots exclude each other\n',
    })
    expect(game.running).toEqual(['dispatcher1', 'game1', 'bots1'])
    expect(await game.command('start', '-missing')).toMatchObject({ code: 0 })
    expect(game.running).toEqual(['dispatcher1', 'game1', 'gate1', 'bots1'])
  })

  test('starts what has died of a server, which is all of it', async () => {
    const game = new GameFolder()
    expect(await game.command('start', '-missing')).toMatchObject({ code: 0 })
    expect(game.running).toEqual(['dispatcher1', 'game1', 'gate1'])
  })

  test('starts what has died and not what is frozen, unless it is told to', async () => {
    const game = new GameFolder({ source: COUNTING })
    await game.command('start', '-d')
    process.kill(game.pidOf('game'), 'SIGUSR1')
    await until(() => game.run.frozen().length === 1, 'the game is frozen')
    const hint = 'goworld start -missing -restore goes on from there'
    expect((await game.command('start', '-missing')).err).toContain(hint)
    expect((await game.command('start', '-restore')).err).toContain(
      'goworld start -missing -restore starts what has died of it and goes on with what is frozen',
    )
    expect((await game.command('stop', 'gate1')).out).toContain(hint)
    expect(game.running).toEqual(['dispatcher1'])
    expect(await game.command('start', '-missing', '-restore')).toMatchObject({ code: 0 })
    expect([game.running, game.run.frozen()]).toEqual([['dispatcher1', 'game1', 'gate1'], []])
  })

  test('ends when the server is stopped from elsewhere', async () => {
    const game = new GameFolder()
    const server = game.begin('start')
    await server.said('stop: ')
    await game.command('stop')
    expect((await server.ended).code).toBe(0)
  })

  test('keeps the server up while a game is frozen, and stops the one that was restored', async () => {
    const game = new GameFolder()
    const server = game.begin('start')
    await server.said('stop: ')
    process.kill(game.pidOf('game'), 'SIGUSR1')
    await server.said(/^game1 is frozen$/m)
    expect(game.running).toEqual(['dispatcher1', 'gate1'])
    expect(await game.command('reload')).toMatchObject({ code: 0 })
    await server.said(/^game1 is back$/m)
    server.kill('SIGINT')
    expect(await server.ended).toMatchObject({ code: 0, err: '' })
    const order = [...server.out.matchAll(/^stopping (\w+)$/gm)].map(([, name]) => name)
    expect(order).toEqual(['gate1', 'game1', 'dispatcher1'])
    expect(game.running).toEqual([])
  })

  test('ends when the rest is stopped around a frozen game, and says where that is', async () => {
    const game = new GameFolder()
    const server = game.begin('start')
    await server.said('stop: ')
    process.kill(game.pidOf('game'), 'SIGUSR1')
    await server.said(/^game1 is frozen$/m)
    await game.command('stop')
    expect((await server.ended).code).toBe(0)
    expect(server.out).toMatch(/game1 stays frozen in .*game1\.frozen; goworld start -restore goes on from there\n$/)
  })

  test('goes on with what is frozen when it is told to, and is refused else', async () => {
    const game = new GameFolder({ source: COUNTING })
    await game.command('start', '-d', '-games', '2')
    process.kill(game.pidOf('game', 2), 'SIGUSR1')
    await until(() => game.run.frozen().length === 1, 'the game is frozen')
    const path = game.run.frozenPath({ role: 'game', id: 2 })
    const frozen = `game2 stays frozen in ${path}; goworld start -restore goes on from there\n`
    const stopped = await game.command('stop')
    expect(stopped.out).toBe(`stopping gate1\nstopping game1\nstopping dispatcher1\nstopped\n${frozen}`)
    expect(await game.command('stop')).toMatchObject({ code: 0, out: `nothing runs in ${game.run.path}\n${frozen}` })
    const status = await statusOf(game)
    expect(status).toMatchObject({ ready: false, processes: [{ role: 'game', id: 2, state: 'frozen' }] })
    const refused = await game.command('start', '-games', '2')
    expect({ code: refused.code, err: refused.err }).toEqual({
      code: 2,
      err: `goworld: game2 frozen in ${path}: goworld start -restore goes on from there, or remove the file\n`,
    })
    expect((await game.command('start', '-restore')).err).toContain('the deployment has no game2')
    const { code, out, err } = await game.command('start', '-d', '-restore', '-games', '2')
    expect({ code, err }, out).toEqual({ code: 0, err: '' })
    const { processes } = await statusOf(game)
    const games = processes.filter(({ role }) => role === 'game')
    expect(games).toMatchObject([
      { state: 'ready', entities: 1 },
      { state: 'ready', entities: 4 },
    ])
    expect(game.run.frozen()).toEqual([])
  })

  test('leaves processes that can be found and stopped when it is killed itself', async () => {
    const game = new GameFolder()
    const server = game.begin('start')
    await server.said('stop: ')
    server.kill('SIGKILL')
    await server.ended
    expect((await statusOf(game)).ready).toBe(true)
    expect((await game.command('stop')).code).toBe(0)
    expect(game.running).toEqual([])
  })
})

describe('goworld stop', () => {
  test('has nothing to do where nothing runs', async () => {
    const game = new GameFolder()
    expect(await game.command('stop')).toMatchObject({ code: 0, out: `nothing runs in ${game.run.path}\n` })
    expect(await game.command('kill')).toMatchObject({ code: 0, out: `nothing runs in ${game.run.path}\n` })
  })

  test('stops what is left, and clears away what a killed process left', async () => {
    const game = new GameFolder()
    await game.command('start', '-d')
    process.kill(game.pidOf('game'), 'SIGKILL')
    await until(() => !game.running.includes('game1'), 'the game is dead')
    expect((await game.command('stop')).out).toBe('stopping gate1\nstopping dispatcher1\nstopped\n')
    expect(game.run.processes()).toEqual([])
  })

  test('does nothing to a program that has the pid of a dead process', async () => {
    const game = new GameFolder()
    game.run.create()
    writeFileSync(join(game.run.path, 'game1.pid'), `${process.pid}\n1\n`)
    expect((await statusOf(game)).processes).toMatchObject([{ role: 'game', pid: process.pid, state: 'dead' }])
    expect((await game.command('kill')).out).toContain('nothing runs')
  })

  test('falls back to a signal where the control channel does not answer', async () => {
    const game = new GameFolder()
    await game.command('start', '-d')
    rmSync(game.run.socketPath({ role: 'gate', id: 1 }))
    expect((await statusOf(game)).processes[2]).toMatchObject({ state: 'silent' })
    expect((await game.command('stop')).code).toBe(0)
    expect(game.running).toEqual([])
  })
})

describe('goworld kill', () => {
  test('ends all at once and leaves nothing', async () => {
    const game = new GameFolder()
    await game.command('start', '-d')
    expect(await game.command('kill')).toMatchObject({ code: 0, out: 'killed dispatcher1, game1, gate1\n' })
    expect(game.run.processes()).toEqual([])
  })
})

describe('goworld status', () => {
  test('is a table for people, and its exit code says whether all is well', async () => {
    const game = new GameFolder()
    expect(await game.command('status')).toMatchObject({ code: 1, out: `nothing runs in ${game.run.path}\n` })
    await game.command('start', '-d')
    const { code, out } = await game.command('status')
    expect(code).toBe(0)
    const lines = out.split('\n')
    expect(lines[0]).toMatch(/^process +pid +state +uptime +cpu +memory +entities +clients$/)
    expect(lines[2]).toMatch(/^game1 +\d+ +ready +\d+s +\d+% +\d+ MB +1$/)
    expect(lines[3]).toMatch(/^gate1 +\d+ +ready +\d+s +\d+% +\d+ MB +0$/)
    process.kill(game.pidOf('game'), 'SIGKILL')
    await until(() => !game.running.includes('game1'), 'the game is dead')
    expect(await game.command('status')).toMatchObject({ code: 1, out: expect.stringMatching(/^game1 +\d+ +dead$/m) })
  })
})
