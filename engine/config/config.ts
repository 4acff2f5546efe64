// Reads goworld.ini into a typed Config, or says in one line what is wrong with it.
//
//     text ─ini─> sections ─table─> checked settings ─layers─> [game_common] under [game2] ─> GameConfig
import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { Address } from '../base/address.ts'
import { OperatorError } from '../base/errors.ts'
import { parseAddress, placeOf, reachable } from './address.ts'
import type { IniEntry, IniSection } from './ini.ts'
import { parseIni } from './ini.ts'
import type { AddressKey, Backend, HalfKey, Key, Parsed, Section, SectionName } from './keys.ts'
import { camelCase, KVDB_BACKENDS, PROCESSES_MAX, SECTIONS, SQL_BACKENDS, STORAGE_BACKENDS } from './keys.ts'
import { withoutPassword } from './secrets.ts'
import { suggestion } from './suggestion.ts'
import { parseValue } from './value.ts'

export type StorageConfig = Parsed<'storage'>
export type KvdbConfig = Parsed<'kvdb'>
export type SqlConfig = Parsed<'sql'>
export type ClusterConfig = Parsed<'cluster'>
export type DeploymentConfig = Parsed<'deployment'>
export type DispatcherConfig = Parsed<'dispatcher'> & { readonly id: number }
export type GameConfig = Parsed<'game'> & { readonly id: number }
export type GateConfig = Parsed<'gate'> & { readonly id: number }

export interface Config {
  /** The file, as it was named. */
  readonly path: string
  /** Its folder, absolute: relative paths in the file start here (and those given out are absolute already). */
  readonly dir: string
  readonly debug: boolean
  readonly deployment: DeploymentConfig
  readonly storage: StorageConfig
  readonly kvdb: KvdbConfig
  readonly sql: SqlConfig
  readonly cluster: ClusterConfig
  /** 1, 2, … up to `deployment.desiredDispatchers`; the other two alike. */
  readonly dispatcherIds: readonly number[]
  readonly gameIds: readonly number[]
  readonly gateIds: readonly number[]
  /** Throws an OperatorError when the deployment has no such id; the other two alike. */
  dispatcher(id: number): DispatcherConfig
  game(id: number): GameConfig
  gate(id: number): GateConfig
  /** What was accepted but has no effect: one line each, for the log. */
  readonly warnings: readonly string[]
}

/** Reads and checks a file. */
export function readConfig(path: string): Config {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') {
      throw new OperatorError(`${path}: no such file; make one with: cp goworld.ini.sample ${path}`)
    }
    throw new OperatorError(`${path}: cannot be read (${code})`)
  }
  return parseConfig(text, { path })
}

/** The configuration of an empty goworld.ini in `dir`: one process of each kind, SQLite. */
export const defaultConfig = (dir: string): Config => parseConfig('', { path: join(dir, 'goworld.ini') })

/** Checks the text of a file; `path` names it in messages, and relative paths start at its folder. */
export function parseConfig(text: string, { path }: { path: string }): Config {
  const file = new ConfigFile(path)
  file.add(parseIni(text, path))
  const deployment = file.deployment()
  const dispatchers = file.processes('dispatcher', deployment.desiredDispatchers)
  const games = file.processes('game', deployment.desiredGames)
  const gates = file.processes('gate', deployment.desiredGates)
  file.refuseSharedAddresses()
  const finder = <T>(kind: string, all: readonly T[]) => {
    return (id: number): T => {
      const found = all[id - 1]
      if (found !== undefined) return found
      throw new OperatorError(`${path}: there is no ${kind}${id}: [deployment] desired_${kind}s=${all.length}`)
    }
  }
  const ids = (all: readonly { readonly id: number }[]) => all.map(({ id }) => id)
  return {
    path,
    dir: file.dir,
    debug: file.single('debug').debug,
    deployment,
    storage: file.withUrl('storage', file.single('storage'), STORAGE_BACKENDS),
    kvdb: file.withUrl('kvdb', file.single('kvdb'), KVDB_BACKENDS),
    sql: file.withUrl('sql', file.single('sql'), SQL_BACKENDS),
    cluster: file.single('cluster'),
    dispatcherIds: ids(dispatchers),
    gameIds: ids(games),
    gateIds: ids(gates),
    dispatcher: finder('dispatcher', dispatchers),
    game: finder('game', games),
    gate: finder('gate', gates),
    warnings: file.warnings,
  }
}

interface Setting extends IniEntry {
  readonly parsed: unknown
}
/** The settings of one section, by key. */
type Layer = Map<string, Setting>
type NumberedName = 'dispatcher' | 'game' | 'gate'

/** What the URL of a server begins with. */
const SCHEMES: Readonly<Record<string, readonly [string, string]>> = {
  mongodb: ['mongodb://', 'mongodb+srv://'],
  redis: ['redis://', 'rediss://'],
  postgres: ['postgres://', 'postgresql://'],
}

interface Listening {
  readonly who: string
  readonly place: string
  /** Where it was written; a default was written nowhere. */
  readonly setting: Setting | undefined
}

class ConfigFile {
  readonly path: string
  readonly dir: string
  readonly warnings: string[] = []
  /** By section and number: `storage`, `game_common`, `game1`. */
  readonly #layers = new Map<string, Layer>()
  readonly #ids: Record<NumberedName, number[]> = { dispatcher: [], game: [], gate: [] }
  readonly #listening: Listening[] = []
  readonly #advertised: Listening[] = []

  constructor(path: string) {
    this.path = path
    this.dir = resolve(dirname(path))
  }

  /** Checks every setting of the file by itself. */
  add(sections: readonly IniSection[]): void {
    for (const section of sections) {
      const { name, layerName } = this.#sectionOf(section)
      const layer = this.#layers.get(layerName) ?? new Map<string, Setting>()
      this.#layers.set(layerName, layer)
      for (const entry of section.entries) {
        const key = this.#keyOf(SECTIONS[name], entry)
        const earlier = layer.get(entry.key)
        if (earlier) this.#fail(entry, `is given twice, first in line ${earlier.line} under [${earlier.section}]`)
        if (key.kind === 'ignored') {
          this.warnings.push(
            `${this.path}:${entry.line}: [${entry.section}] ${entry.key} has no effect here. ${key.why}`,
          )
          continue
        }
        const parsed = parseValue(key, entry.value, this.dir, (message) => this.#fail(entry, message))
        layer.set(entry.key, { ...entry, parsed })
      }
    }
  }

  /** Without the section (GoWorld of 2017), the numbered sections are the deployment. */
  deployment(): DeploymentConfig {
    if (this.#layers.has('deployment')) return this.single('deployment')
    const highest = (name: NumberedName) => Math.max(1, ...this.#ids[name])
    return { desiredDispatchers: highest('dispatcher'), desiredGames: highest('game'), desiredGates: highest('gate') }
  }

  single<S extends SectionName>(name: S): Parsed<S> {
    return this.#read(name, [this.#layers.get(name)], () => undefined) as Parsed<S>
  }

  /** What `url` means depends on the backend. */
  withUrl<T extends { readonly type: string; url: string; host?: string; db?: string; startNodes?: readonly string[] }>(
    name: 'storage' | 'kvdb' | 'sql',
    section: T,
    backends: Readonly<Record<string, Backend>>,
  ): T {
    const { urlIs, urlDefault } = backends[section.type]!
    const setting = this.#layers.get(name)?.get('url')
    const written = setting?.value || (section.type === 'redis' && hostUrl(section.host ?? '')) || urlDefault
    if (urlIs === 'file' && (/^[a-z+]+:\/\//i.test(written) || written === ':memory:')) {
      this.#fail(setting!, `must be the path of a file, for type=${section.type}`)
    }
    const url = urlIs === 'unused' ? '' : urlIs === 'file' && !isAbsolute(written) ? join(this.dir, written) : written
    if (urlIs === 'server') this.#checkServerUrl(section.type, written, setting!)
    if (section.type === 'redis') this.#checkRedis(name)
    if (section.type === 'redis_cluster') this.#checkRedisCluster(name)
    return { ...section, url }
  }

  /** `setting` is where it was written: a default passes. */
  #checkServerUrl(type: string, url: string, setting: Setting): void {
    if (!/^[a-z+]+:\/\/./i.test(url)) this.#fail(setting, `is no URL, for type=${type}`)
    const schemes = SCHEMES[type]
    if (!schemes || schemes.some((scheme) => url.toLowerCase().startsWith(scheme))) return
    this.#fail(setting, `must begin with ${schemes.join(' or ')}, for type=${type}`)
  }

  #checkRedis(name: string): void {
    const layer = this.#layers.get(name)
    const [url, db] = [layer?.get('url'), layer?.get('db')]
    if (url?.value && !hasRedisDb(url.value)) {
      this.#fail(url, 'must be redis://[user:password@]host[:port][/number of the database], or rediss://…')
    }
    if (db?.value && !isRedisDb(db.value)) this.#fail(db, 'must be the number of a database, for type=redis')
  }

  #checkRedisCluster(name: string): void {
    const layer = this.#layers.get(name)!
    const nodes = [...layer.values()].filter(({ key }) => key.startsWith('start_nodes_'))
    if (nodes.length === 0) this.#fail(layer.get('type')!, 'wants start_nodes_1=host:port')
    const bad = nodes.find(({ value }) => value.includes('://') && !/^rediss?:\/\//i.test(value))
    if (bad) this.#fail(bad, 'must be host:port or redis://[user:password@]host:port')
    const db = layer.get('db')
    if (db?.value && db.value !== '0') this.#fail(db, 'must be 0 or empty: a redis_cluster has no other database')
  }

  processes<S extends NumberedName>(name: S, count: number): (Parsed<S> & { readonly id: number })[] {
    for (const id of this.#ids[name]) {
      if (id > count) this.warnings.push(`${this.path}: [${name}${id}] is not used: desired_${name}s=${count}`)
    }
    return Array.from({ length: count }, (_, index) => this.#process(name, index + 1))
  }

  /** Call after `processes` of all kinds. */
  refuseSharedAddresses(): void {
    this.#refuseShared(this.#listening)
    this.#refuseShared(this.#advertised)
  }

  #process<S extends NumberedName>(name: S, id: number): Parsed<S> & { readonly id: number } {
    const layers = [this.#layers.get(`${name}_common`), this.#layers.get(`${name}${id}`)]
    const keys: Readonly<Record<string, Key>> = SECTIONS[name].keys
    if (name === 'gate') this.#checkCompression(layers)
    const addresses = new Map<string, Address | undefined>()
    for (const [key, spec] of Object.entries(keys)) {
      if (spec.kind !== 'address') continue
      const { address, setting } =
        name === 'dispatcher' && spec.follows !== undefined
          ? advertised(keys, key, layers, addresses.get(spec.follows))
          : name === 'dispatcher' && key === 'listen_addr'
            ? listened(keys, key, layers, this.#standard(spec, id))
            : layered(keys, key, layers, this.#standard(spec, id))
      this.#refuseBothForms(keys, key, layers)
      addresses.set(key, address)
      const place = address && placeOf(address)
      if (place === undefined) continue
      const group = spec.follows === undefined ? this.#listening : this.#advertised
      group.push({ who: `${name}${id} ${key}`, place, setting })
    }
    return { id, ...(this.#read(name, layers, (key) => addresses.get(key)) as Parsed<S>) }
  }

  /** GoWorld of 2022 compresses a connection as a whole, by snappy; before, it was each packet for itself, in one of several forms. */
  #checkCompression(layers: readonly (Layer | undefined)[]): void {
    const find = (key: string) => layers.findLast((layer) => layer?.has(key))?.get(key)
    const compress = find('compress_connection')
    if (compress?.parsed !== true) return
    const format = find('compress_format')
    if (format && format.parsed !== 'snappy')
      this.#fail(format, 'is not available with compress_connection=1; only snappy is')
    if (find('client_protocol')?.parsed === '2017')
      this.#fail(compress, 'is not available with client_protocol=2017, whose clients compress each packet for itself')
  }

  #standard(key: AddressKey, id: number): Address | undefined {
    const address = parseAddress(key.default, this.dir)
    if (typeof address === 'string') throw new Error(`the default ${key.default}: ${address}`)
    return address.kind === 'tcp' ? { ...address, port: address.port + id - 1 } : address
  }

  #read(name: SectionName, layers: readonly (Layer | undefined)[], addressOf: (key: string) => unknown): unknown {
    const values: Record<string, unknown> = {}
    for (const [key, spec] of Object.entries<Key>(SECTIONS[name].keys)) {
      if (spec.kind === 'half' || spec.kind === 'ignored') continue
      const setting = layers.reduce<Setting | undefined>((below, layer) => layer?.get(key) ?? below, undefined)
      values[camelCase(key)] =
        spec.kind === 'address'
          ? addressOf(key)
          : spec.kind === 'list'
            ? layers.flatMap((layer) => listed(layer, key))
            : setting
              ? setting.parsed
              : spec.kind === 'path' && spec.default !== ''
                ? join(this.dir, spec.default)
                : spec.default
    }
    return values
  }

  #sectionOf({ name, title, line }: IniSection): { name: SectionName; layerName: string } {
    if (Object.hasOwn(SECTIONS, name) && !isNumbered(name)) return { name: name as SectionName, layerName: name }
    // The oldest files have one dispatcher and no number.
    const [, written, rest] = /^(.*?)(_common|\d+)$/.exec(name === 'dispatcher' ? 'dispatcher1' : name) ?? []
    const kind = written === undefined ? undefined : kindOf(written)
    if (kind === undefined) {
      const names = Object.entries<Section>(SECTIONS).flatMap(([known, section]) =>
        section.numbered ? [`${known}_common`, `${known}1`] : [known],
      )
      const hint = suggestion(name, names)
      throw new OperatorError(`${this.path}:${line}: [${title}] is not a known section${hint}`)
    }
    if (rest === '_common') return { name: kind, layerName: `${kind}_common` }
    const id = Number(rest)
    if (id < 1 || id > PROCESSES_MAX) {
      throw new OperatorError(`${this.path}:${line}: [${title}]: the number is from 1 to ${PROCESSES_MAX}`)
    }
    this.#ids[kind].push(id)
    return { name: kind, layerName: `${kind}${id}` }
  }

  #keyOf(section: Section, entry: IniEntry): Key {
    const key = Object.hasOwn(section.keys, entry.key) ? section.keys[entry.key] : undefined
    // A list is written start_nodes_1, never start_nodes.
    if (key && key.kind !== 'list') return key
    const list = section.keys[entry.key.replace(/_[^_]+$/, '')]
    if (list?.kind === 'list' && !key) return list
    const names = Object.entries(section.keys).map(([name, { kind }]) => (kind === 'list' ? `${name}_1` : name))
    const hint = suggestion(entry.key, names)
    return this.#fail(entry, `[${entry.section}] has no key ${entry.key}${hint}`)
  }

  #refuseBothForms(keys: Readonly<Record<string, Key>>, key: string, layers: readonly (Layer | undefined)[]): void {
    for (const layer of layers) {
      if (!layer?.has(key)) continue
      const half = [...layer.values()].find((setting) => halfOf(keys, setting.key)?.of === key)
      if (half) this.#fail(half, `cannot stand beside ${key} (line ${layer.get(key)!.line}), which says the same`)
    }
  }

  #refuseShared(all: readonly Listening[]): void {
    const first = new Map<string, Listening>()
    for (const one of all) {
      const other = first.get(one.place)
      const setting = one.setting ?? other?.setting
      if (other && setting) this.#fail(setting, `${other.who} and ${one.who} would share it; give each its own`)
      first.set(one.place, one)
    }
  }

  #fail(entry: IniEntry, message: string): never {
    // With the key, as it may be one named password.
    const shown = withoutPassword(`${entry.key}=${entry.value}`)
    const shownMax = entry.key.length + '='.length + 80
    const setting = shown.length > shownMax ? `${shown.slice(0, shownMax)}…` : shown
    throw new OperatorError(`${this.path}:${entry.line}: [${entry.section}] ${setting}: ${message}`)
  }
}

/** As the oldest files of GoWorld name a Redis server. */
const hostUrl = (host: string) => (host === '' ? '' : `redis://${host}`)

const isRedisDb = (text: string): boolean => /^\d{1,9}$/.test(text)

/** Whether it is one, as far as a URL of Redis says it. */
function hasRedisDb(url: string): boolean {
  if (!URL.canParse(url)) return false
  const path = new URL(url).pathname.slice(1)
  return path === '' || isRedisDb(path)
}

const isNumbered = (name: string): name is NumberedName => SECTIONS[name as SectionName].numbered

function kindOf(written: string): NumberedName | undefined {
  for (const [name, section] of Object.entries<Section>(SECTIONS)) {
    if (section.numbered && (name === written || section.aliases.includes(written))) return name as NumberedName
  }
  return undefined
}

function listed(layer: Layer | undefined, key: string): unknown[] {
  return [...(layer?.values() ?? [])]
    .filter((setting) => setting.key.startsWith(`${key}_`))
    .map((setting) => setting.parsed)
}

interface Layered {
  readonly address: Address | undefined
  /** The last setting that had a say; undefined for a default. */
  readonly setting: Setting | undefined
}

/** The address of `key`: each layer replaces all of it, or the half that a 2017 key stands for. */
function layered(
  keys: Readonly<Record<string, Key>>,
  key: string,
  layers: readonly (Layer | undefined)[],
  standard: Address | undefined,
): Layered {
  let address = standard
  let last: Setting | undefined
  let placed = false
  for (const layer of layers) {
    for (const setting of layer?.values() ?? []) {
      const half = halfOf(keys, setting.key)
      if (setting.key === key) address = setting.parsed as Address | undefined
      else if (half?.of === key) address = withHalf(address, half, setting.parsed as string | number)
      else continue
      placed ||= half?.half !== 'host'
      last = setting
    }
  }
  // In 2017 an http_ip without an http_port was off: it must not become a page on every interface here.
  const spec = keys[key]
  const off = spec?.kind === 'address' && spec.optional && last !== undefined && !placed
  return { address: off ? undefined : address, setting: last }
}

/** In 2017 a dispatcher listened at ip:port, save where bind_ip or bind_port said otherwise. */
function listened(
  keys: Readonly<Record<string, Key>>,
  key: string,
  layers: readonly (Layer | undefined)[],
  standard: Address | undefined,
): Layered {
  const halvesOnly = layers.map((layer) => layer && new Map([...layer].filter(([name]) => halfOf(keys, name))))
  const beneath = layered(keys, 'advertise_addr', halvesOnly, standard)
  const own = layered(keys, key, layers, beneath.address)
  return { address: own.address, setting: own.setting ?? beneath.setting }
}

/** Where nothing is said, others connect to where the process listens. */
function advertised(
  keys: Readonly<Record<string, Key>>,
  key: string,
  layers: readonly (Layer | undefined)[],
  listening: Address | undefined,
): Layered {
  const { address, setting } = layered(keys, key, layers, listening && reachable(listening))
  return { address: address && reachable(address), setting }
}

/** An address that was off, or was a Unix socket, is one on this machine once it gets a port. */
function withHalf(address: Address | undefined, half: HalfKey, value: string | number): Address | undefined {
  if (half.half === 'port' && value === 0) return undefined
  const { host, port } = address?.kind === 'tcp' ? address : { host: '127.0.0.1', port: undefined }
  if (half.half === 'port') return { kind: 'tcp', host, port: value as number }
  return port === undefined ? address : { kind: 'tcp', host: value as string, port }
}

function halfOf(keys: Readonly<Record<string, Key>>, name: string): HalfKey | undefined {
  const key = keys[name]
  return key?.kind === 'half' ? key : undefined
}
