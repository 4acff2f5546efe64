// Tests of `goworld inspect`, on the file of a game that real processes have frozen, and on files that are not whole.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { describeFrozen, writeFrozen } from '../../../components/game/frozen-file.ts'
import { ENGINE_VERSION } from '../../../components/process/engine-version.ts'
import { encode } from '../../../engine/wire/codec.ts'
import { ROOT, run, until } from '../../program.ts'
import { tempFolder } from '../../temp-folder.ts'
import { GameFolder } from './game-folder.ts'

const GAME1 = { role: 'game', id: 1 } as const

/** A room with three rats, one of them with a long name, and an account for each client. */
const SOURCE = `
  import { attr, entity, game, map, space, string } from 'goworld'
  class Account extends entity({}) {}
  class Room extends space({}) {}
  class Rat extends entity({
    kept: ['met', 'luck', 'tail'],
    attrs: { name: attr('rat', 'allClients', 'persistent'), bag: map(string, 'client') },
  }) {
    met = new Map([['Ada', new Set([1])]])
    luck = 2n ** 60n
    tail = new Uint8Array([1, 2])
    onInit() { this.every(60_000, this.bite, 'leg') }
    bite() {}
  }
  class Nil extends space({}) {
    onGameReady() {
      const room = this.game.createSpace(Room, 7)
      for (const name of ['a', 'b', 'c'.repeat(500)]) {
        const rat = this.game.create(Rat, { name })
        rat.attrs.bag.set('$price', '1')
        void rat.enterSpace(room, { x: 1, y: 2, z: 3 })
      }
    }
  }
  export default game([Account, Room, Rat, Nil], { nilSpace: Nil, version: '1.2' })`

/** A server whose game is frozen, with a client, and its file. */
async function frozenGame() {
  const game = new GameFolder({ source: SOURCE, ini: '[game1]\nfrozen_kept=1\n[gate1]\nlisten_addr=unix:gate1.link\n' })
  expect(await game.command('start', '-d')).toMatchObject({ code: 0 })
  const client = connect(join(game.path, 'gate1.link'))
  onTestFinished(() => void client.destroy())
  await until(async () => {
    const { processes } = JSON.parse((await game.command('status', '-json')).out)
    return processes.some(({ role, entities }: Record<string, unknown>) => role === 'game' && entities === 6)
  }, 'the client has its account')
  const freeze = async () => {
    process.kill(game.pidOf('game'), 'SIGUSR1')
    await until(() => game.run.frozen().length === 1, 'the game is frozen')
  }
  await freeze()
  return { game, freeze, path: game.run.frozenPath(GAME1) }
}

const inspect = (...args: string[]) => run(join(ROOT, 'components/cli/goworld'), ['inspect', ...args])

interface Shown extends Readonly<Record<string, unknown>> {
  readonly types: readonly {
    readonly type: string
    readonly bytes: number
    readonly largest: { readonly id: string }
  }[]
}

describe('goworld inspect', () => {
  test('shows what is in the file of a frozen game, for people and for programs, and after its restore', async () => {
    const { game, freeze, path } = await frozenGame()
    const { code, out, err } = await inspect(path)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const lines = out.split('\n')
    expect(lines[0]).toBe(`${path}: ${statSync(path).size} bytes, format 3, checksum ok`)
    expect(lines[1]).toMatch(/^ {2}frozen {4}20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(lines.slice(2, 4)).toEqual(['  game      1, version 1.2', `  engine    ${ENGINE_VERSION}`])
    expect(lines[4]).toMatch(/^ {2}process {3}[\w-]{16}, ready$/)
    expect(lines[5]).toMatch(/^ {2}gates {5}1 \([\w-]{16}\)$/)
    expect(lines[6]).toBe('  entities  6, 2 of them spaces, 1 with clients; 3 timers')
    expect(out).toMatch(/^type +entities +bytes +clients +timers +largest +its id$/m)
    expect(out).toMatch(/^Rat +3 +\d+ +0 +3 +\d+ +[\w-]{16}$/m)
    expect(out).toMatch(/^Account +1 +\d+ +1 +0 +\d+ +[\w-]{16}$/m)
    expect(out).toMatch(/^Room +[\w-]{16} +7 +3 +0$/m)
    expect(out).toMatch(/^Nil +[\w-]{16} +0 +1 +1$/m)

    const shown = JSON.parse((await inspect(path, '-json')).out) as Shown
    expect(shown).toMatchObject({
      file: path,
      bytes: statSync(path).size,
      format: 3,
      checksum: 'ok',
      engine: ENGINE_VERSION,
      gameVersion: '1.2',
      gameId: 1,
      ready: true,
      gates: [{ id: 1, process: expect.stringMatching(/^[\w-]{16}$/) }],
      entities: 6,
      clients: 1,
      timers: 3,
    })
    // Those that were copied ahead, too.
    const entitiesBytes = shown.types.reduce((sum, { bytes }) => sum + bytes, 0)
    expect(shown['sizes']).toEqual({ world: expect.any(Number), entities: entitiesBytes })
    expect(out).toContain(`  bytes     ${entitiesBytes} of entities, `)
    const rats = shown.types[0]!
    expect(rats).toMatchObject({ type: 'Rat', entities: 3, clients: 0, timers: 3 })

    const one = await inspect(path, '-entity', rats.largest.id)
    expect(JSON.parse(one.out)).toMatchObject({
      type: 'Rat',
      id: rats.largest.id,
      parts: {
        attrs: { name: 'c'.repeat(500) },
        transient: { bag: { $$price: '1' } },
        kept: {
          met: { $map: [['Ada', { $set: [1] }]] },
          luck: { $bigint: String(2n ** 60n) },
          tail: { $bytes: 'AQI=' },
        },
        place: [1, 2, 3, 0, -1],
        timers: { timers: [{ method: 'bite', args: ['leg'], intervalMs: 60_000 }] },
      },
    })
    expect(await inspect(path, '-entity', 'nobody0000000000')).toMatchObject({
      code: 1,
      out: '',
      err: `goworld inspect: there is no entity nobody0000000000 in ${path}\n`,
    })

    // Restored, it is put aside: the last one only, as configured.
    const bytes = readFileSync(path)
    const aside = () => readdirSync(game.run.path).filter((name) => /^game1\.frozen\.\d/.test(name))
    expect(await game.command('reload')).toMatchObject({ code: 0 })
    const [first] = aside()
    expect(readFileSync(join(game.run.path, first!))).toEqual(bytes)
    expect((await inspect(join(game.run.path, first!))).out).toContain('6, 2 of them spaces')
    expect((await game.command('status')).code).toBe(0)
    await freeze()
    expect(await game.command('reload')).toMatchObject({ code: 0 })
    expect(aside()).toHaveLength(1)
    expect(aside()).not.toEqual([first])
  })

  test('says in one line what is wrong with a file', async () => {
    const path = join(tempFolder(), 'game1.frozen')
    const known = { process: 'process000000001', ready: false, gates: [], gameId: 1, frozenMs: 0 }
    const account = { type: 'Account', id: 'account000000001', epoch: 1, parts: {} }
    const write = (...entities: unknown[]) => writeFrozen(path, describeFrozen(known, [{}, ...entities].map(encode)))
    const refusal = async (...args: string[]) => {
      const { code, out, err } = await inspect(path, ...args)
      expect({ code, out }).toEqual({ code: 2, out: '' })
      expect(err.endsWith('\n') && err.split('\n')).toHaveLength(2)
      return err.trimEnd()
    }
    expect(await refusal()).toBe(`goworld: ${path}: there is no frozen game to restore`)
    write(account)
    const { out } = await inspect(path)
    expect(out).toContain('process000000001, not ready')
    expect(out).toContain('  gates     none\n')
    expect(out).toContain('  game      1\n')
    expect(await refusal('-json', '-entity', 'x')).toBe('goworld: flags -json and -entity exclude each other')
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.subarray(0, -1))
    for (const args of [[], ['-json'], ['-entity', account.id]])
      expect(await refusal(...args)).toBe(`goworld: ${path} is not restored: it is damaged: its checksum is wrong`)
    write(account, 'no entity')
    for (const args of [[], ['-json'], ['-entity', 'nobody0000000000']])
      expect(await refusal(...args)).toBe(`goworld: ${path}: entity 2 of 2 cannot be read: it is no entity`)
  })
})
