// Tests of `goworld reload` where something else goes wrong, or goes on, at the same time; with real processes.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Program, ROOT, run, until } from '../../program.ts'
import { GameFolder } from './game-folder.ts'

/** A game of three entities, in which something more happens in a successor that restores them. */
const source = (inSuccessor = '') => `
  import { existsSync, readFileSync, writeFileSync } from 'node:fs'
  import { entity, game, space } from 'goworld'
  const succeeds = process.argv.includes('-succeed')
  class Account extends entity({}) {
    onInit() {
      if (succeeds) { ${inSuccessor} }
    }
  }
  class Nil extends space({}) {
    onGameReady() {
      for (let pieces = 0; pieces < 3; pieces++) this.game.create(Account)
    }
  }
  export default game([Account, Nil], { nilSpace: Nil })`

/** Holds the successor up while it restores, without an end to wait for: whoever takes too long is asked no more. */
const HOLDS = `
  writeFileSync('restoring', '')
  for (const end = Date.now() + 15000; !existsSync('go') && Date.now() < end; );`

const statuses = async (game: GameFolder) =>
  (JSON.parse((await game.command('status', '-json')).out) as { processes: Record<string, unknown>[] }).processes
const begun = (game: GameFolder) => until(() => existsSync(join(game.path, 'restoring')), 'the successor to restore')
const goOn = (game: GameFolder) => game.write('go', '')

async function inSwap(): Promise<{ game: GameFolder; reload: Program }> {
  const game = new GameFolder({ source: source() })
  await game.command('start', '-d')
  writeFileSync(game.module, source(HOLDS))
  const reload = game.begin('reload')
  await begun(game)
  return { game, reload }
}

test('a successor is seen while it stands by', async () => {
  const { game, reload } = await inSwap()
  const { role, state } = (await statuses(game)).find(({ role }) => role === 'next')!
  expect({ role, state }).toEqual({ role: 'next', state: 'standby' })
  goOn(game)
  expect((await reload.ended).code).toBe(0)
  expect(game.running).toEqual(['dispatcher1', 'game1', 'gate1'])
})

test('goworld stop waits for a swap that is under way, and leaves nobody behind', async () => {
  const { game } = await inSwap()
  const stop = game.begin('stop')
  await stop.said('waiting for the swap that is under way')
  goOn(game)
  expect((await stop.ended).code).toBe(0)
  expect(stop.out).toMatch(/^stopping gate1\nstopping game1\nstopping dispatcher1\nstopped\n/m)
  expect(game.running).toEqual([])
  expect(game.run.frozen()).toEqual([])
})

test('goworld kill in the middle of a swap leaves nobody behind', async () => {
  const { game, reload } = await inSwap()
  expect(await game.command('kill')).toMatchObject({ code: 0, out: expect.stringMatching(/next\d+/) })
  expect(game.running).toEqual([])
  expect((await reload.ended).code).toBe(1)
  expect(game.running).toEqual([])
})

test('Ctrl-C of a server in the foreground in the middle of a swap leaves nobody behind', async () => {
  const game = new GameFolder({ source: source() })
  const server = game.begin('start')
  await server.said('stop: ')
  writeFileSync(game.module, source(HOLDS))
  game.begin('reload')
  await begun(game)
  server.kill('SIGINT')
  await server.said('waiting for the swap that is under way')
  goOn(game)
  expect((await server.ended).code).toBe(0)
  expect(game.running).toEqual([])
})

test('a server in the foreground shows what successors write, to the end', async () => {
  const game = new GameFolder({ source: source() })
  game.run.create()
  writeFileSync(game.run.outPath({ role: 'game', id: 1 }), 'of another day\n')
  const server = game.begin('start')
  await server.said('stop: ')
  expect(await game.command('reload', '-all')).toMatchObject({ code: 0 })
  for (const name of ['dispatcher1', 'gate1', 'game1'])
    await until(
      () => new RegExp(`^${name} +\\| .* INFO  ${name} up pid=\\d+`, 'm').test(server.out),
      `the log of ${name}`,
    )
  server.kill('SIGINT')
  expect((await server.ended).code).toBe(0)
  for (const name of ['dispatcher1', 'gate1', 'game1'])
    expect(server.out).toMatch(new RegExp(`^${name} +\\| .* INFO  ${name} stopped$`, 'm'))
  expect(server.out).not.toContain('of another day')
})

test('a successor goes on when the game is killed in the middle of the swap', async () => {
  const { game, reload } = await inSwap()
  process.kill(game.pidOf('game'), 'SIGKILL')
  goOn(game)
  expect(await reload.ended).toMatchObject({ code: 0 })
  expect((await statuses(game)).find(({ role }) => role === 'game')).toMatchObject({ ready: true, entities: 4 })
  expect(await game.command('status')).toMatchObject({ code: 0 })
  writeFileSync(game.module, source())
  expect(await game.command('reload')).toMatchObject({ code: 0 })
})

test('a reload whose command is killed comes to its end', async () => {
  const { game, reload } = await inSwap()
  const before = game.pidOf('game')
  reload.kill('SIGKILL')
  await reload.ended
  goOn(game)
  await until(() => game.running.includes('game1') && game.pidOf('game') !== before, 'the successor to have its place')
  await until(async () => (await game.command('status')).code === 0, 'all to be well')
  expect((await statuses(game)).find(({ role }) => role === 'game')).toMatchObject({ entities: 4 })
})

test('a game of a deployment that is not whole is swapped all the same', async () => {
  const game = new GameFolder({ source: source() })
  const config = join(game.path, 'goworld.ini')
  await run(join(ROOT, 'components/dispatcher/dispatcher'), ['-d', '-configfile', config])
  const main = [join(ROOT, 'components/game/main.ts'), game.module, '-gid', '1', '-d', '-configfile', config]
  expect(await run(process.execPath, main)).toMatchObject({ code: 0 })
  const before = game.pidOf('game')
  expect(await game.command('reload')).toMatchObject({ code: 0, out: expect.stringMatching(/^game1 swapped/m) })
  expect(game.pidOf('game')).not.toBe(before)
})

test('a game without its dispatcher is not swapped, and nobody waits for it to be well', async () => {
  const game = new GameFolder({ source: source() })
  await game.command('start', '-d')
  const before = game.pidOf('game')
  process.kill(game.pidOf('dispatcher'), 'SIGKILL')
  await until(
    async () => (await statuses(game)).some(({ role, state }) => role === 'game' && state === 'starting'),
    'it to know',
  )
  const { code, out } = await game.command('reload')
  expect({ code, out }).toMatchObject({ code: 1, out: expect.stringMatching(/a gate has yet|a dispatcher does/) })
  // One line of why, and nothing of earlier days.
  expect(out).not.toMatch(/ {4}at |is ready: the whole deployment/)
  expect(out).toMatch(/^game1 goes on as it was: not ready, before and now$/m)
  expect(game.pidOf('game')).toBe(before)
})

test.each(['dispatcher', 'game'] as const)('a %s whose new http_addr is in use goes on as it was', async (role) => {
  const game = new GameFolder({ source: source() })
  await game.command('start', '-d')
  const before = game.pidOf(role)
  const taken = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  appendFileSync(join(game.path, 'goworld.ini'), `[${role}1]\nhttp_addr=127.0.0.1:${port}\n`)
  const { code, out } = await game.command('reload', `${role}1`)
  expect({ code, out }).toMatchObject({ code: 1, out: expect.stringMatching(/http_addr.*the address is in use/) })
  expect(out).toMatch(new RegExp(`^${role}1 goes on as it was$`, 'm'))
  expect(game.pidOf(role)).toBe(before)
})

test('names what is to be reloaded as the table of processes does', async () => {
  const game = new GameFolder({ source: source() })
  await game.command('start', '-d', '-games', '2')
  const [game1, game2, gate1] = [game.pidOf('game'), game.pidOf('game', 2), game.pidOf('gate')]
  expect(await game.command('reload', 'game2', 'gate1')).toMatchObject({ code: 0 })
  expect(game.pidOf('game')).toBe(game1)
  expect(game.pidOf('game', 2)).not.toBe(game2)
  expect(game.pidOf('gate')).not.toBe(gate1)
  for (const name of ['bots1', 'game', 'game01', 'game1x', 'game0'])
    expect(await game.command('reload', name)).toMatchObject({
      code: 2,
      err: `goworld: "${name}" is no process: name it as in game1, gate1 or dispatcher1\n`,
    })
  expect(await game.command('reload', 'game7')).toMatchObject({
    code: 1,
    out: expect.stringMatching(/^game7 does not run/),
  })
})

test('the copy for a rehearsal that was killed is gone with the next', async () => {
  const game = new GameFolder({ source: source() })
  await game.command('start', '-d')
  writeFileSync(`${game.run.frozenPath({ role: 'game', id: 1 })}.copy-999999999`, '')
  expect(await game.command('reload')).toMatchObject({ code: 0 })
  expect(readdirSync(game.run.path).filter((name) => name.includes('.copy-'))).toEqual([])
})

/** Only root may mount. */
const canMount = process.platform === 'linux' && process.getuid?.() === 0 && mounts()

function mounts(): boolean {
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test.runIf(canMount)('nothing is lost on a full disk: who can be swapped is, all others go on', async () => {
  const game = new GameFolder({ source: source() })
  game.run.create()
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', game.run.path])
  onTestFinished(() => {
    for (const { pid, alive } of game.run.processes()) if (alive) process.kill(pid, 'SIGKILL')
    execFileSync('umount', ['-l', game.run.path])
  })
  await game.command('start', '-d')
  const full = join(game.run.path, 'full')
  const fill = () => {
    try {
      for (;;) appendFileSync(full, Buffer.alloc(512))
    } catch {}
  }
  fill()
  for (const name of ['dispatcher1', 'gate1', 'game1']) {
    const { code, out } = await game.command('reload', name)
    expect({ name, code, out }).toMatchObject({ code: 1, out: expect.stringMatching(/goes on as it was|as it was:/) })
    expect(game.running).toEqual(['dispatcher1', 'game1', 'gate1'])
    expect(await game.command('status')).toMatchObject({ code: 0 })
  }
  rmSync(full)
  expect(await game.command('reload', '-all')).toMatchObject({ code: 0 })
  expect((await statuses(game)).find(({ role }) => role === 'game')).toMatchObject({ ready: true, entities: 4 })
})
