// Tests of `goworld reload`, with real processes: the games of a server are swapped while it runs.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { freePort } from '../../free-port.ts'
import { until } from '../../program.ts'
import { tempFolder } from '../../temp-folder.ts'
import { GameFolder } from './game-folder.ts'

const GAME1 = { role: 'game', id: 1 } as const

/** Makes three entities when it starts anew, and says which edition of its source runs. */
const source = (edition: number) => `
  import { entity, game, space } from 'goworld'
  class Account extends entity({}) {}
  class Nil extends space({}) {
    onGameReady() {
      for (let pieces = 0; pieces < 3; pieces++) this.game.create(Account)
    }
  }
  setTimeout(() => process.stderr.write('edition ${edition}\\n'), 0)
  export default game([Account, Nil], { nilSpace: Nil })`

/** Says that it loads in a file `loading` beside it, and goes on when there is one `go`. */
const waitingSource = (edition: number) => `
  import { existsSync, writeFileSync } from 'node:fs'
  import { setTimeout as sleep } from 'node:timers/promises'
  writeFileSync('loading', '')
  while (!existsSync('go')) await sleep(10)
  ${source(edition)}`

const REPORT =
  /^game(\d) rehearsed: \d+ entities, [\d.]+ MB, in \d+ ms\ngame\1 swapped: away for \d+ ms, (\d+) entities, [\d.]+ MB\ngame\1 +\| waited for promises .*\n/

/** Does something more in a successor, and only there. */
const inSuccessor = (edition: number, where: 'constructor' | 'onRestored', what: string) => `
  import { entity, game, space } from 'goworld'
  const succeeds = process.argv.includes('-succeed')
  class Account extends entity({}) {
    ${where}(...args) {
      ${where === 'constructor' ? 'super(...args)' : ''}
      if (succeeds) ${what}
    }
  }
  class Nil extends space({}) {}
  setTimeout(() => process.stderr.write('edition ${edition}\\n'), 0)
  export default game([Account, Nil], { nilSpace: Nil })`

const pids = (game: GameFolder) => game.run.processes().map(({ role, id, pid }) => `${role}${id} ${pid}`)
/** A folder in the place of the frozen file, so that it cannot be written. */
const blockFreeze = (game: GameFolder, id = 1) => {
  const path = game.run.frozenPath({ role: 'game', id })
  mkdirSync(join(path, 'full'), { recursive: true })
  return () => rmSync(path, { recursive: true })
}

describe('goworld reload', () => {
  test('swaps the code of one game after another, and nothing else', async () => {
    const game = new GameFolder({ source: source(1) })
    await game.command('start', '-d', '-games', '2')
    const [dispatcher, game1, game2, gate] = pids(game)
    writeFileSync(game.module, source(2))
    const { code, out, err } = await game.command('reload')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const [first, id1, entities1] = REPORT.exec(out)!
    const [second, id2, entities2] = REPORT.exec(out.slice(first.length))!
    expect([id1, entities1, id2, entities2]).toEqual(['1', '4', '2', '4'])
    expect(first + second).toBe(out)
    expect(pids(game)).toEqual([dispatcher, expect.not.stringMatching(game1!), expect.not.stringMatching(game2!), gate])
    for (const id of [1, 2]) expect(readFileSync(game.run.outPath({ role: 'game', id }), 'utf8')).toContain('edition 2')
    expect(await game.command('status')).toMatchObject({ code: 0 })
    expect(await game.command('stop')).toMatchObject({ code: 0 })
  })

  test('swaps one game alone, and again and again', async () => {
    const game = new GameFolder({ source: source(1) })
    await game.command('start', '-d', '-games', '2')
    const game1 = game.pidOf('game', 1)
    for (let times = 0; times < 5; times++) {
      const game2 = game.pidOf('game', 2)
      expect(await game.command('reload', '-game', '2')).toMatchObject({ code: 0, out: expect.stringMatching(REPORT) })
      expect(game.pidOf('game', 1)).toBe(game1)
      expect(game.pidOf('game', 2)).not.toBe(game2)
    }
    // Of the rehearsals nothing is left.
    expect(readdirSync(game.run.path).filter((name) => name.includes('.copy'))).toEqual([])
  })

  test('swaps processes whose HTTP addresses stay the same, again and again', async () => {
    const ports = [await freePort(), await freePort(), await freePort()]
    const [game1, dispatcher1, gate1] = ports.map((port) => `http_addr=127.0.0.1:${port}\n`)
    const ini = `[game1]\n${game1}[dispatcher1]\n${dispatcher1}[gate1]\n${gate1}`
    const game = new GameFolder({ source: source(1), ini })
    await game.command('start', '-d')
    for (let times = 0; times < 6; times++) {
      const all = times % 3 === 2 ? ['-all'] : []
      expect(await game.command('reload', ...all)).toMatchObject({ code: 0, err: '' })
      for (const port of ports) expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
    }
    expect(await game.command('stop')).toMatchObject({ code: 0 })
  }, 60_000)

  test('takes the configuration that the game reads, or the one that is named', async () => {
    const game = new GameFolder()
    const elsewhere = join(tempFolder(), 'server.ini')
    copyFileSync(join(game.path, 'goworld.ini'), elsewhere)
    rmSync(join(game.path, 'goworld.ini'))
    expect(await game.command('start', '-d', '-configfile', elsewhere)).toMatchObject({ code: 0, err: '' })
    const reads = async () => {
      const { processes } = JSON.parse((await game.command('status', '-json')).out)
      return processes.find(({ role }: { role: string }) => role === 'game').configfile
    }
    expect(await reads()).toBe(game.run.configPath)
    expect(await game.command('reload')).toMatchObject({ code: 0 })
    expect(await reads()).toBe(game.run.configPath)
    writeFileSync(elsewhere, `${readFileSync(elsewhere, 'utf8')}[game1]\nsave_interval=7\n`)
    expect(await game.command('reload', '-configfile', elsewhere)).toMatchObject({ code: 0 })
    expect(readFileSync(game.run.configPath, 'utf8')).toContain('save_interval=7')
  })

  test('has nothing to do where no game runs', async () => {
    const game = new GameFolder()
    expect(await game.command('reload')).toMatchObject({ code: 1, out: `no game runs in ${game.run.path}\n` })
    await game.command('start', '-d')
    const other = await game.command('reload', '-game', '5')
    expect(other).toMatchObject({ code: 1, out: `game5 does not run in ${game.run.path}\n` })
  })

  test('falls back to a signal where the control channel does not answer', async () => {
    const game = new GameFolder()
    await game.command('start', '-d')
    rmSync(game.run.socketPath(GAME1))
    expect(await game.command('reload')).toMatchObject({ code: 0, out: expect.stringMatching(REPORT) })
  })

  test('leaves all as it is when a game cannot be frozen, and says why', async () => {
    const game = new GameFolder({ source: source(1) })
    await game.command('start', '-d', '-games', '2')
    const before = pids(game)
    const unblock = blockFreeze(game)
    const { code, out } = await game.command('reload')
    expect(code).toBe(1)
    expect(out).toMatch(/^game1 is not swapped: its successor exited with code 2$/m)
    expect(out).toMatch(/^game1 +\| .*game1\.frozen could not be written/m)
    expect(out).toMatch(/^game1 goes on as it was\n/m)
    expect(out).toMatch(/^not reloaded: game2\n$/m)
    expect(pids(game)).toEqual(before)
    expect(await game.command('status')).toMatchObject({ code: 0 })
    unblock()
    expect(await game.command('reload')).toMatchObject({ code: 0 })
  })

  test('touches nothing when the new code does not run', async () => {
    const game = new GameFolder({ source: source(1) })
    await game.command('start', '-d', '-games', '2')
    const before = pids(game)
    writeFileSync(game.module, 'this is (no TypeScript')
    const { code, out } = await game.command('reload')
    expect(code).toBe(1)
    expect(out).toMatch(/^game1 is not swapped, and goes on as it was: the new code cannot go on from what is there$/m)
    expect(out).toMatch(/^game1 +\| .*this is \(no TypeScript/m)
    expect(out).toMatch(/^not reloaded: game2\n$/m)
    expect(pids(game)).toEqual(before)
    writeFileSync(game.module, source(2))
    expect(await game.command('reload')).toMatchObject({ code: 0 })
  })

  test('drops nothing in silence: what has no place in the new code stops it, unless it may be dropped', async () => {
    const account = (attrs: string, contract = '', body = '') => `
      import { attr, entity, game, list, map, space, value } from 'goworld'
      class Account extends entity({ attrs: {${attrs}}, ${contract} }) {${body}}
      class Nil extends space({}) {
        onGameReady() {
          this.game.create(Account, { bag: { sword: 1 } })
        }
      }
      export default game([Account, Nil], { nilSpace: Nil })`
    const attrs = "mood: attr('fine', 'client'), gold: attr(5, 'persistent'), bag: map(value)"
    const body = `
      parties = new Map([['one', 1]])
      onCreated() {
        this.every(3_600_000, this.onHour)
      }
      onHour() {}`
    const game = new GameFolder({ source: account(attrs, "kept: ['parties']", body) })
    await game.command('start', '-d')
    const before = pids(game)
    const renamed = body.replaceAll('parties', 'groups').replaceAll('onHour', 'onTurn')
    const newAttrs = "feeling: attr('fine', 'client'), coins: attr(5, 'persistent'), bag: list(value)"
    writeFileSync(game.module, account(newAttrs, "kept: ['groups']", renamed))
    const { code, out } = await game.command('reload')
    expect(code).toBe(1)
    expect(out).toMatch(/^game1 +\| .*the new code has no place for what is there: /m)
    expect(out).toContain(
      'Account.gold was saved, but is no attribute any more (name it in `drops`, or raise `version`, with a migration that takes it)',
    )
    for (const what of [
      'Account.mood was saved, but is no attribute any more (name it in `drops`',
      'Account.bag was saved as a map, and is another by now (raise `version`, with a migration that turns it into a list)',
      'Account.parties was kept, but is not in `kept` any more (keep it as long as it is needed, or name it in `drops`)',
      'a timer of Account.onHour() was saved, but there is no such method any more (keep the method, or name it in `drops`)',
      'Or reload with -drop, which goes on without',
    ])
      expect(out).toContain(what)
    expect(pids(game)).toEqual(before)
    // What it says helps.
    const contract = `
      kept: ['groups'],
      drops: ['mood', 'parties', 'onHour'],
      version: 2,
      migrations: { 2: ({ gold, bag, ...rest }) => ({ ...rest, coins: gold, bag: Object.keys(bag) }) }`
    writeFileSync(game.module, account(newAttrs, contract, renamed))
    expect(await game.command('reload')).toMatchObject({ code: 0, out: expect.stringMatching(REPORT) })
    writeFileSync(game.module, account('', 'version: 2, migrations: { 2: () => {} }'))
    expect(await game.command('reload')).toMatchObject({ code: 1, out: expect.stringContaining('Account.coins was') })
    expect(await game.command('reload', '-drop')).toMatchObject({ code: 0, out: expect.stringMatching(REPORT) })
    // What stays in storage has been named once.
    expect(await game.command('reload')).toMatchObject({ code: 0, out: expect.stringMatching(REPORT) })
  })

  test('mends an onFrozen that throws when it may go on without, and says which it was', async () => {
    const guild = (onFrozen: string, others = '') => `
      import { entity, game, space } from 'goworld'
      class Account extends entity({}) {
        async onFrozen() { ${onFrozen} }
        ${others}
      }
      class Nil extends space({}) {
        onGameReady() {
          for (let pieces = 0; pieces < 7; pieces++) this.game.create(Account)
        }
      }
      export default game([Account, Nil], { nilSpace: Nil })`
    const game = new GameFolder({ source: guild("throw new Error('no disk')") })
    await game.command('start', '-d')
    const before = pids(game)
    writeFileSync(game.module, guild(''))
    const { code, out } = await game.command('reload')
    expect(code).toBe(1)
    expect(out).toMatch(
      /an onFrozen threw \(Account<.*>: no disk\): goworld reload -drop goes on without what it would/,
    )
    expect(pids(game)).toEqual(before)
    const dropping = await game.command('reload', '-drop')
    expect(dropping).toMatchObject({ code: 0, out: expect.stringMatching(REPORT) })
    expect(dropping.out).toMatch(/^game1 +\| it went on without an onFrozen: Account<.*>: no disk$/m)
    expect(dropping.out).toMatch(/^game1 +\| it went on without an onFrozen: and 2 more$/m)
    expect((await game.command('reload')).out).not.toContain('went on without')
    writeFileSync(game.module, guild('', "async onRestored() { throw new Error('no hat') }"))
    const thrown = await game.command('reload')
    expect(thrown).toMatchObject({ code: 0, out: expect.stringMatching(REPORT) })
    expect(thrown.out).toMatch(/^game1 +\| 7 onInit or onRestored threw, the first: Account<.*>\.onRestored: no hat$/m)
    writeFileSync(game.module, guild('', "onInit() { throw new Error('no boots') }"))
    const init = await game.command('reload')
    expect(init.out).toMatch(/^game1 +\| 7 onInit or onRestored threw, the first: Account<.*>\.onInit: no boots$/m)
  })

  test.each([
    ['cannot restore what it is handed', 'constructor', "throw new Error('not in my house')", /not in my house/],
    ['ends when the game has left already', 'onRestored', 'process.exit(7)', /exited with code 7/],
    ['is killed then', 'onRestored', "process.kill(process.pid, 'SIGKILL')", /was ended by SIGKILL/],
  ] as const)('goes on with the old code when the successor %s', async (_what, where, action, says) => {
    const game = new GameFolder({ source: source(1) })
    await game.command('start', '-d')
    const before = pids(game)
    writeFileSync(game.module, inSuccessor(2, where, action))
    const { code, out } = await game.command('reload')
    expect(code).toBe(1)
    expect(out).toMatch(says)
    expect(out).toMatch(/^game1 goes on as it was$/m)
    expect(pids(game)).toEqual(before)
    const { processes } = JSON.parse((await game.command('status', '-json')).out)
    expect(processes.find(({ role }: { role: string }) => role === 'game')).toMatchObject({ ready: true, entities: 4 })
    expect(game.run.frozen()).toEqual([])
    writeFileSync(game.module, source(3))
    expect(await game.command('reload')).toMatchObject({ code: 0, out: expect.stringMatching(REPORT) })
    expect(readFileSync(game.run.outPath(GAME1), 'utf8')).toContain('edition 3')
  })

  test('of two at once is one', async () => {
    const game = new GameFolder({ source: source(1) })
    await game.command('start', '-d')
    const outcomes = await Promise.all([game.command('reload'), game.command('reload')])
    expect(outcomes.filter(({ code }) => code === 0).length).toBeGreaterThanOrEqual(1)
    expect(await game.command('status')).toMatchObject({ code: 0 })
    const { processes } = JSON.parse((await game.command('status', '-json')).out)
    expect(processes.filter(({ role }: { role: string }) => role === 'game')).toMatchObject([{ entities: 4 }])
  })

  test('brings back a game that is frozen already, and keeps it when the new code does not run', async () => {
    const game = new GameFolder({ source: source(1) })
    await game.command('start', '-d', '-games', '2')
    const game2 = game.pidOf('game', 2)
    process.kill(game.pidOf('game', 1), 'SIGUSR1')
    await until(() => game.run.frozen().length === 1, 'game 1 to be frozen')
    writeFileSync(game.module, 'this is (no TypeScript')
    const { code, out } = await game.command('reload')
    expect(code).toBe(1)
    const [, again] = /^game1 stays frozen in .*; to try again: (.*)$/m.exec(out)!
    expect(again).toMatch(/goworld reload .*chess -game 1$/)
    expect(out).toMatch(/^not reloaded: game2\n$/m)
    expect(existsSync(game.run.frozenPath(GAME1))).toBe(true)
    expect(game.pidOf('game', 2)).toBe(game2)
    expect((await game.command('status')).out).toMatch(/^game1 +frozen$/m)
    writeFileSync(game.module, source(2))
    const retried = await game.command('reload', '-game', '1')
    expect(retried).toMatchObject({ code: 0, out: expect.stringMatching(/^game1 restored after .* s, 4 entities\n$/) })
    expect(existsSync(game.run.frozenPath(GAME1))).toBe(false)
  })

  test('finishes the game that it is at when it is interrupted, and is done where that was the last', async () => {
    const game = new GameFolder({ source: source(1) })
    await game.command('start', '-d')
    writeFileSync(game.module, waitingSource(2))
    const reload = game.begin('reload')
    await until(() => existsSync(join(game.path, 'loading')), 'the new code to be loaded')
    reload.kill('SIGTERM')
    await reload.said('stopping after this one')
    writeFileSync(join(game.path, 'go'), '')
    expect((await reload.ended).code).toBe(0)
    expect(game.running).toEqual(['dispatcher1', 'game1', 'gate1'])
  })

  test('restores nothing where there is no server to come back to', async () => {
    const game = new GameFolder()
    game.run.create()
    writeFileSync(game.run.frozenPath(GAME1), '')
    const { code, err } = await game.command('reload')
    expect(code).toBe(2)
    expect(err).toBe(
      `goworld: only frozen games in ${game.run.path}: goworld start -restore ${game.path} starts them\n`,
    )
  })

  test('stops between two games when it is interrupted, and loses none', async () => {
    const game = new GameFolder({ source: source(1) })
    await game.command('start', '-d', '-games', '2')
    const game2 = game.pidOf('game', 2)
    writeFileSync(game.module, waitingSource(2))
    const reload = game.begin('reload')
    await until(() => existsSync(join(game.path, 'loading')), 'the new code to be loaded')
    reload.kill('SIGINT')
    await reload.said('stopping after this one')
    writeFileSync(join(game.path, 'go'), '')
    expect((await reload.ended).code).toBe(130)
    expect(reload.out).toMatch(
      /stopping after this one.*\ngame1 rehearsed: .*\ngame1 swapped: .*\ngame1 .*\nnot reloaded: game2\n$/,
    )
    expect(game.pidOf('game', 2)).toBe(game2)
    expect(game.running).toEqual(['dispatcher1', 'game1', 'game2', 'gate1'])
  })

  test('lets the bots play on', async () => {
    const ini = '[gate1]\nlisten_addr=unix:gate1.link\n'
    const game = new GameFolder({ ini })
    const server = game.begin('start', '--bots', '2')
    await server.said('stop: ')
    const clients = async () => {
      const { processes } = JSON.parse((await game.command('status', '-json')).out)
      return processes.map(({ role, entities, clients }: Record<string, unknown>) =>
        role === 'game' ? entities : role === 'gate' ? clients : undefined,
      )
    }
    await until(async () => (await clients()).join() === ',3,2,', 'the bots have come')
    expect(await game.command('reload')).toMatchObject({ code: 0, out: expect.stringContaining(' ms, 3 entities') })
    expect((await clients()).join()).toBe(',3,2,')
    expect(server.out).not.toMatch(/bots1 .*(closed|lost|error)/i)
    server.kill('SIGINT')
    expect((await server.ended).code).toBe(0)
    expect(game.run.processes()).toEqual([])
  })
})
