// The page for authors of games is true: all that is public stands in it, nothing else does, and what it shows compiles and runs.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as door from '../components/game/goworld.ts'
import { Actor } from '../engine/entity/actor.ts'
import { Hindsight } from '../engine/entity/hindsight.ts'
import { RunningGame } from '../engine/entity/running-game.ts'
import { Program, ROOT, run } from './program.ts'
import { tempFolder } from './temp-folder.ts'

const { Entity, ListAttr, MapAttr, Service, Space } = door
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const PAGE = read('docs/api.md')
/** Without the examples. */
const PROSE = PAGE.replace(/```[\s\S]*?```/g, '')
const INI = '[gate1]\nlisten_addr=127.0.0.1:0\nhttp_addr=127.0.0.1:0\n[game1]\nhttp_addr=\nlog_file=\n'

/** By the heading above a table, or what its first column is headed by: the names in that column. */
const tables = new Map<string, string[]>()
for (const [, heading, body] of PROSE.matchAll(/^## (.*)\n([\s\S]*?)(?=^## |$(?![\s\S]))/gm))
  for (const [, first, rows] of body!.matchAll(/^\| ?(.*?) ?\|.*\n\|[-|]+\n((?:\|.*\n)+)/gm)) {
    const cells = rows!.matchAll(/^\| (.*?) \|/gm)
    const names = [...cells].flatMap(([, cell]) => [...cell!.matchAll(/`(\w+)[^`]*`/g)].map(([, name]) => name!))
    tables.set(first || heading!, names)
  }

const isHook = (name: string) => /^on[A-Z]/.test(name)
/** What a class has itself, hooks and all. */
const membersOf = ({ prototype }: { readonly prototype: object }) =>
  Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor')
const publicOf = (type: { readonly prototype: object }) => membersOf(type).filter((name) => !isHook(name))
/** What an interface has, as its source says. */
function keysOf(path: string, name: string): string[] {
  const [, body] = new RegExp(`export interface ${name} [^\\n]*\\{\\n([\\s\\S]*?)\\n\\}`).exec(read(path))!
  return [...body!.matchAll(/^ {2}(?:readonly )?(\w+)[?<(:]/gm)].map(([, key]) => key!)
}
/** What the door exports: values and types. */
const exported = [...read('components/game/goworld.ts').matchAll(/\{([^}]*)\}/g)].flatMap(([, names]) =>
  names!
    .split(',')
    .map((name) => name.trim().replace('type ', ''))
    .filter((name) => name !== ''),
)
/** Those of one module. */
const exportedOf = (path: string) =>
  [...read('components/game/goworld.ts').matchAll(/\{([^}]*)\} from '\.\.\/\.\.\/(.*)'/g)]
    .filter(([, , from]) => from === path)
    .flatMap(([, names]) => names!.split(',').map((name) => name.trim()))
    .filter((name) => name !== '' && !name.startsWith('type '))
const HOOKS = [Actor, Entity, Space, Service].flatMap(membersOf).filter(isHook)
const CONTRACT = keysOf('engine/entity/contract.ts', 'Contract')
/** What maps and lists have, but for how one is filled; `toJSON` they have in common. */
const collection = (type: { readonly prototype: object }) => [
  ...publicOf(type).filter((name) => !['put', 'elementOf'].includes(name)),
  'toJSON',
]

describe('the page names', () => {
  const expected: Readonly<Record<string, readonly string[]>> = {
    'Every entity, space and service': publicOf(Actor),
    Entities: publicOf(Entity),
    Spaces: publicOf(Space),
    Services: publicOf(Service),
    'The game': publicOf(RunningGame),
    hook: HOOKS,
    key: CONTRACT,
    kind: ['attr', 'optional', 'map', 'list', 'record'],
    'of a `map`': collection(MapAttr),
    'of a `list`': collection(ListAttr),
    check: [...exportedOf('engine/base/check.ts'), 'value'],
    'option of `game`': keysOf('engine/entity/definition.ts', 'GameOptions'),
    'of `seenBy(player)`': ['timeMs', ...publicOf(Hindsight)],
    'of `registry`': keysOf('engine/entity/running-game.ts', 'SharedRegistry'),
    'of `kvdb`': keysOf('engine/entity/running-game.ts', 'Kvdb'),
    'of `sql`': [...keysOf('engine/sql/sql.ts', 'SqlQueries'), ...keysOf('engine/sql/sql.ts', 'Sql')],
    error: exported.filter(isError),
  }
  for (const [of, names] of Object.entries(expected))
    test(`all that there is, and nothing else: ${of}`, () => {
      expect(names.length).toBeGreaterThan(0)
      expect([...(tables.get(of) ?? [])].sort()).toEqual([...new Set(names)].sort())
    })

  test('whatever is exported', () => {
    expect(exported.length).toBeGreaterThan(60)
    expect(exported.filter((name) => !new RegExp(`\`[^\`\n]*\\b${name}\\b`).test(PROSE))).toEqual([])
  })

  test('no hook, no member of an entity or a game and no type that is not there', () => {
    const known = new Set([
      ...[Actor, Entity, Space, Service, RunningGame].flatMap(membersOf),
      ...exported,
      'OnPublish',
    ])
    const code = [...PROSE.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!)
    const said = code.flatMap((text) => [
      ...[...text.matchAll(/\bon[A-Z]\w*/g)].map(([name]) => name),
      // `game.move` is the client's.
      ...[...text.matchAll(/\b(?:this|game)\.(\w+)/g)].map(([, name]) => name!).filter((name) => name !== 'move'),
    ])
    const types = tables.get('type')!
    expect(said.length).toBeGreaterThan(50)
    expect(types.length).toBeGreaterThan(20)
    // Of the author's own, and the name of a file.
    const others = ['method', 'ts']
    expect([...new Set([...said, ...types])].filter((name) => !known.has(name) && !others.includes(name))).toEqual([])
  })
})

/** By the name of what the door exports, which may be a type. */
function isError(name: string): boolean {
  const value = (door as Readonly<Record<string, unknown>>)[name]
  return typeof value === 'function' && value.prototype instanceof Error
}

/** A folder in which `goworld` is found, with the examples of the page. */
function examples(name: string): string {
  const folder = join(tempFolder(), name)
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(ROOT, join(folder, 'node_modules/goworld'))
  symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  for (const [, file, source] of PAGE.matchAll(/```ts (\S+)\n([\s\S]*?)```/g))
    writeFileSync(join(folder, file!), source!)
  return folder
}

test('its examples compile', async () => {
  const folder = examples('compiled')
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: join(ROOT, 'tsconfig.json'), include: ['*.ts'] }),
  )
  expect([...PAGE.matchAll(/```ts/g)].length).toBe([...PAGE.matchAll(/```ts \S+\.ts\n/g)].length)
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  expect(await run(process.execPath, [tsc, '-p', folder])).toMatchObject({ code: 0, out: '' })
}, 60_000)

test('its first example runs', async () => {
  const folder = examples('town')
  writeFileSync(join(folder, 'goworld.ini'), INI)
  const server = new Program(join(ROOT, 'components/cli/goworld'), ['dev', folder])
  await server.said('is up')
  const [gate] = /ws:\/\/[^\s/]+/.exec(server.out)!
  expect(await run(process.execPath, [join(folder, 'walk.ts'), gate])).toMatchObject({
    code: 0,
    out: 'turned back at 10\nAda was turned back\n',
  })
  server.kill('SIGINT')
  expect((await server.ended).code).toBe(0)
})
