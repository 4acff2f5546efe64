// What makes the client's single file small, beyond what a bundler does: message numbers instead of the tables that they
// stand in, and short names for what only the SDK's own parts call each other by.
//
//     bundled ── withoutTables ──> 1004 for clientMessages.mapSet.code, and no row that nobody writes or reads as a whole
//             ── shrink ─────────> reader.varstr() is reader.d(), game.simulateLatency() stays; no space, no long variable
//
// A name becomes short when what is bundled declares it, and when it is none of the public face, none of the platform's
// and no string: all of which is read from the sources and from the compiler's libraries, so that nobody keeps a list.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { minify, parseSync } from 'rolldown/utils'
import { minify as terser } from 'terser'
import { assert } from '../../engine/base/errors.ts'
import { clientMessages, sessionMessages } from '../../engine/wire/client-wire.ts'

const TABLES: Readonly<Record<string, Readonly<Record<string, { readonly code: number }>>>> = {
  clientMessages,
  sessionMessages,
}
/** What browsers and the language themselves declare. */
const PLATFORM = join(import.meta.dirname, '../../node_modules/@typescript/typescript-*/lib/lib.*.d.ts')
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz']

/** By a name, the short one. */
export type ShortNames = ReadonlyMap<string, string>

/** Of a syntax tree, so much as matters here. */
interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly name?: string
  readonly value?: unknown
  readonly key?: Node
  readonly id?: Node
  readonly init?: Node
  readonly source?: Node | null
  readonly computed?: boolean
  readonly properties?: readonly Node[]
  readonly importKind?: string
  readonly specifiers?: readonly Node[]
}

/** The bundle with numbers where it asks a table for a message's, and without the rows of which it wants nothing else. */
export function withoutTables(bundle: string): string {
  const text = bundle.replace(/\b(\w+Messages)\.(\w+)\.code\b/g, (whole, table: string, row: string) =>
    String(TABLES[table]?.[row]?.code ?? whole),
  )
  const cuts: [start: number, end: number][] = []
  for (const { type, id, init } of nodesIn('bundle.js', text)) {
    if (type !== 'VariableDeclarator' || !id?.name || !(id.name in TABLES)) continue
    const used = new Set(Array.from(text.matchAll(new RegExp(`\\b${id.name}\\.(\\w+)`, 'g')), ([, row]) => row))
    for (const { key, start, end } of init?.properties ?? [])
      if (!used.has(key?.name)) cuts.push([start, text[end] === ',' ? end + 1 : end])
  }
  return cuts.reduceRight((left, [start, end]) => left.slice(0, start) + left.slice(end), text)
}

/** Short names for what bundles declare, the same in all of them. `door`: the source whose types are the public face. */
export function shortNames(bundles: readonly string[], door: string): ShortNames {
  const nodes = bundles.flatMap((text) => nodesIn('bundle.js', text))
  const kept = new Set([...platformNames(), ...faceNames(door), ...nodes.flatMap(stringOf)])
  const counts = new Map(declaredBy(nodes).flatMap((name) => (kept.has(name) ? [] : [[name, 0]])))
  const taken = new Set<string>()
  for (const [word] of bundles.join('\n').matchAll(/[\w$]+/g)) {
    taken.add(word)
    const count = counts.get(word)
    if (count !== undefined) counts.set(word, count + 1)
  }
  const free = [...LETTERS, ...LETTERS.flatMap((first) => LETTERS.map((second) => first + second))]
  const short = free.filter((name) => !taken.has(name))
  // The most frequent ones get the shortest.
  const names = [...counts.keys()].sort((one, other) => counts.get(other)! - counts.get(one)!)
  return new Map(names.map((name, index) => [name, short[index] ?? name]))
}

/** The bundle with short names for its properties and variables, and nothing that only people need. */
export async function shrink(bundle: string, isModule: boolean, names: ShortNames): Promise<string> {
  const props = Object.fromEntries(Array.from(names, ([name, short]) => [`$${name}`, short]))
  const { code } = await terser(bundle, {
    module: isModule,
    ecma: 2020,
    // What makes arrows unsafe is a function's prototype: ours that have one are classes.
    compress: { passes: 2, unsafe_arrows: true },
    // Which names are the platform's is known here already, and better: `written` is one.
    mangle: { properties: { builtins: true, regex: new RegExp(`^(?:${[...names.keys()].join('|')})$`) } },
    nameCache: { props: { props } },
  })
  // The other one is better with private names.
  return (await minify('bundle.js', code!, { module: isModule })).code
}

/** What the language and browsers may be asked for, or ask for. */
function platformNames(): string[] {
  const files = globSync(PLATFORM)
  assert(files.length > 0, `there are no declarations in ${PLATFORM}`)
  return files.flatMap((file) => readFileSync(file, 'utf8').match(/[\w$]+(?=\??[:(<])/g) ?? [])
}

/** What authors may name: all that is declared in the door, and where it has what it exports and its types from. */
function faceNames(door: string): string[] {
  const files = new Set([door])
  for (const { type, source, importKind, specifiers } of nodesIn(door)) {
    const isFace =
      type !== 'ImportDeclaration' || [importKind, ...specifiers!.map((one) => one.importKind)].includes('type')
    if (source && isFace) files.add(join(dirname(door), String(source.value)))
  }
  return [...files].flatMap((file) => {
    const nodes = nodesIn(file)
    return [...declaredBy(nodes), ...nodes.flatMap(stringOf)]
  })
}

/** Names of members: of classes, objects and types. What is taken out of an object is declared elsewhere. */
function declaredBy(nodes: readonly Node[]): string[] {
  const taken = new Set(nodes.flatMap(({ type, properties }) => (type === 'ObjectPattern' ? properties! : [])))
  return nodes.flatMap((node) =>
    node.key?.type === 'Identifier' && !node.computed && !taken.has(node) ? [node.key.name!] : [],
  )
}

const stringOf = ({ type, value }: Node): string[] => (type === 'Literal' && typeof value === 'string' ? [value] : [])

function nodesIn(file: string, text = readFileSync(file, 'utf8')): Node[] {
  const nodes: Node[] = []
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    if ('type' in value) nodes.push(value as Node)
    for (const child of Object.values(value)) walk(child)
  }
  walk(parseSync(file, text).program)
  return nodes
}
