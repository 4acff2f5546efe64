// Every section and key of goworld.ini, in one table: its kind, default, what is allowed, and why it is there.
// The reader, the types of what it gives, goworld.ini.sample and docs/config.md all derive from it.
import type { Address } from '../base/address.ts'

/** What a backend makes of `url`: the path of a file beside goworld.ini, the URL of a server, or nothing. */
export interface Backend {
  readonly urlIs: 'file' | 'server' | 'unused'
  readonly urlDefault: string
}

export const STORAGE_BACKENDS = {
  sqlite: { urlIs: 'file', urlDefault: 'goworld.db' },
  mongodb: { urlIs: 'server', urlDefault: 'mongodb://127.0.0.1:27017/' },
  redis: { urlIs: 'server', urlDefault: 'redis://127.0.0.1:6379' },
  redis_cluster: { urlIs: 'unused', urlDefault: '' },
  postgres: { urlIs: 'server', urlDefault: 'postgres://127.0.0.1:5432/goworld' },
  filesystem: { urlIs: 'unused', urlDefault: '' },
  memory: { urlIs: 'unused', urlDefault: '' },
} as const satisfies Record<string, Backend>

export const KVDB_BACKENDS = {
  sqlite: { urlIs: 'file', urlDefault: 'goworld.db' },
  mongodb: { urlIs: 'server', urlDefault: 'mongodb://127.0.0.1:27017/' },
  redis: { urlIs: 'server', urlDefault: 'redis://127.0.0.1:6379' },
  redis_cluster: { urlIs: 'unused', urlDefault: '' },
  postgres: { urlIs: 'server', urlDefault: 'postgres://127.0.0.1:5432/goworld' },
  memory: { urlIs: 'unused', urlDefault: '' },
} as const satisfies Record<string, Backend>

/** `auto` follows [storage]. */
export const SQL_BACKENDS = {
  auto: { urlIs: 'unused', urlDefault: '' },
  sqlite: { urlIs: 'file', urlDefault: 'goworld.db' },
  postgres: { urlIs: 'server', urlDefault: 'postgres://127.0.0.1:5432/goworld' },
  none: { urlIs: 'unused', urlDefault: '' },
} as const satisfies Record<string, Backend>

interface Described {
  readonly why: string
  /** Written out in goworld.ini.sample; the other keys stand there as comments. */
  readonly live?: true
  /** GoWorld's files have it and it does no harm, but no new file needs it. */
  readonly old?: true
}
export interface BoolKey extends Described {
  readonly kind: 'bool'
  readonly default: boolean
}
export interface IntKey extends Described {
  readonly kind: 'int'
  readonly default: number
  readonly min: number
  readonly max: number
}
export interface TextKey extends Described {
  readonly kind: 'text'
  readonly default: string
  /** Set where an empty value makes no sense. */
  readonly filled?: true
}
/** A file, relative to the folder of goworld.ini; empty means none. */
export interface PathKey extends Described {
  readonly kind: 'path'
  readonly default: string
}
export interface OneOfKey<V extends string = string> extends Described {
  readonly kind: 'oneOf'
  readonly values: readonly V[]
  readonly default: V
  /** Other spellings of a value. */
  readonly aliases: Readonly<Record<string, V>>
}
/** `host:port` or `unix:path`. In section N a default's port is N-1 higher, so that neighbours do not collide. */
export interface AddressKey<Optional extends boolean = boolean> extends Described {
  readonly kind: 'address'
  /** Empty when it follows another key. */
  readonly default: string
  /** An empty value switches it off. */
  readonly optional: Optional
  readonly follows?: string
}
/** `key_1`, `key_2`, …: as many as one likes. */
export interface ListKey extends Described {
  readonly kind: 'list'
}
/** Accepted, because GoWorld's files have it, and answered with a warning. */
export interface IgnoredKey extends Described {
  readonly kind: 'ignored'
}
/** One half of an address, as the 2017 generation of GoWorld wrote it. */
export interface HalfKey extends Described {
  readonly kind: 'half'
  readonly of: string
  readonly half: 'host' | 'port'
}
export type Key = BoolKey | IntKey | TextKey | PathKey | OneOfKey | AddressKey | ListKey | IgnoredKey | HalfKey

export interface Section {
  readonly about: string
  /** `[game_common]`, `[game1]`, `[game2]`, … rather than one `[game]`. */
  readonly numbered: boolean
  /** Names of older generations. */
  readonly aliases: readonly string[]
  readonly keys: Readonly<Record<string, Key>>
}

const bool = (standard: boolean, why: string): BoolKey => ({ kind: 'bool', default: standard, why })
const int = (standard: number, min: number, max: number, why: string): IntKey => ({
  kind: 'int',
  default: standard,
  min,
  max,
  why,
})
const text = (standard: string, why: string): TextKey => ({ kind: 'text', default: standard, why })
const filledText = (standard: string, why: string): TextKey => ({ kind: 'text', default: standard, filled: true, why })
const file = (standard: string, why: string): PathKey => ({ kind: 'path', default: standard, why })
const oneOf = <const V extends string>(
  values: readonly V[],
  standard: NoInfer<V>,
  why: string,
  more: { aliases?: Record<string, NoInfer<V>> } = {},
): OneOfKey<V> => ({
  kind: 'oneOf',
  values,
  default: standard,
  aliases: more.aliases ?? {},
  why,
})
const backend = <const B extends Record<string, Backend>>(built: B, why: string) =>
  oneOf(Object.keys(built) as (keyof B & string)[], 'sqlite' as keyof B & string, why)
const address = (standard: string, why: string): AddressKey<false> => ({
  kind: 'address',
  default: standard,
  optional: false,
  why,
})
const addressLike = (follows: string, why: string): AddressKey<false> => ({ ...address('', why), follows })
const addressOrOff = (standard: string, why: string): AddressKey<true> => ({
  ...address(standard, why),
  optional: true,
})
const list = (why: string): ListKey => ({ kind: 'list', why })
const ignored = (why: string): IgnoredKey => ({ kind: 'ignored', why })
const half = (of: string, which: 'host' | 'port', why = `The ${which} of ${of}, as written in 2017.`): HalfKey => ({
  kind: 'half',
  of,
  half: which,
  why,
})
const old = <K extends Key>(key: K): K => ({ ...key, old: true })
const live = <K extends Key>(key: K): K => ({ ...key, live: true })

const one = <const K extends Record<string, Key>>(about: string, keys: K) => ({
  about,
  numbered: false,
  aliases: [],
  keys,
})
const numbered = <const K extends Record<string, Key>>(about: string, keys: K, aliases: string[] = []) => ({
  about,
  numbered: true,
  aliases,
  keys,
})

/** More would make the default ports of games run into something else: the kinds stand 1000 ports apart. */
export const PROCESSES_MAX = 1000

const KIB = 1024
const MIB = 1024 * KIB

const HTTP_IP = 'The host of http_addr, as written in 2017; off without http_port.'
const HTTP_PORT = 'The port of http_addr, as written in 2017; 0 = off.'

const logLevel = live(
  oneOf(['debug', 'info', 'warn', 'error'], 'info', 'Lines below this level are not written.', {
    aliases: { warning: 'warn', panic: 'error', fatal: 'error' },
  }),
)
const logStderr = bool(true, 'Whether the log also goes to standard error.')
const gomaxprocs = ignored('Go only: a process here runs its game logic on one thread.')
const db = text('', 'mongodb: the name of the database (goworld). redis: its number. Empty: what the url says.')
const url = live(
  text(
    'goworld.db',
    'sqlite: a file, relative to the folder of this one. mongodb, redis, postgres: the URL of the server.',
  ),
)
const driver = old(text('', 'SQL driver name in GoWorld; no backend here needs it.'))
const startNodes = list(
  'redis_cluster: nodes to find the others by: start_nodes_1, start_nodes_2, …; host:port, or redis://user:password@host:port.',
)
const host = old(text('', 'redis: host:port, as the oldest GoWorld files have it instead of a url.'))

export const SECTIONS = {
  debug: one('Switches for development.', {
    debug: bool(false, 'Turns on checks and log lines that cost time; 0 in production.'),
  }),
  deployment: one(
    'How many processes make up the server. A file without this section (GoWorld of 2017) has as many as its ' +
      'highest numbered sections say.',
    {
      desired_dispatchers: live(
        int(1, 1, PROCESSES_MAX, 'Dispatchers; entities are spread over them by their ids, so all must be up.'),
      ),
      desired_games: live(int(1, 1, PROCESSES_MAX, 'Games; the server is ready when all have connected.')),
      desired_gates: live(int(1, 0, PROCESSES_MAX, 'Gates; 0 runs a server without clients.')),
    },
  ),
  storage: one('Where entities are saved, and how.', {
    type: live(backend(STORAGE_BACKENDS, 'The backend; memory forgets all when the process stops.')),
    url,
    db,
    start_nodes: startNodes,
    directory: file('goworld-entities', 'filesystem: the folder of the files.'),
    writes_max: int(64, 1, 10_000, 'Writes that a game has under way at the store at once.'),
    save_rate: int(0, 0, 1_000_000, 'Writes a second that a game asks of the store at the most; 0 = as many as come.'),
    save_queue_max: int(
      100_000,
      1,
      100_000_000,
      'Entities that wait for the store at the most; beyond, periodic saves wait in the game and save() rejects.',
    ),
    save_deadline_ms: int(30_000, 0, 3_600_000, 'How long a game that stops waits for its last saves.'),
    journal: file(
      'goworld-journal',
      'Folder of what is saved but not in the store yet; empty = none, and what is queued dies with the process.',
    ),
    journal_fsync_ms: int(
      50,
      0,
      60_000,
      'The journal is forced to the disk so often (a save counts as kept from then on); 0 = after every write.',
    ),
    journal_bytes_max: int(
      1024 * MIB,
      1 * MIB,
      1024 * 1024 * MIB,
      'Bytes of journal a game may have; beyond, saves fail with JournalFull until the store is back.',
    ),
    driver,
    host,
  }),
  kvdb: one('Where the key-value store of the game code lives.', {
    type: live(backend(KVDB_BACKENDS, 'The backend; memory is private to each game.')),
    url,
    db,
    collection: text(
      '__kv__',
      'Table or collection that holds the keys. mongodb: one that begins with __ is never that of an entity type.',
    ),
    start_nodes: startNodes,
    driver,
    host,
  }),
  sql: one('The database that the game code reaches with `sql` (ours; GoWorld has no such section).', {
    type: oneOf(
      Object.keys(SQL_BACKENDS) as (keyof typeof SQL_BACKENDS)[],
      'auto',
      'auto is the database of [storage] where that is sqlite or postgres, and else none.',
    ),
    url: text('', 'sqlite: a file, relative to the folder of this one. postgres: the URL of the server. auto: unused.'),
    pool: int(
      4,
      1,
      100,
      'Connections of each game to it at the most. In SQLite each is a process, made when needed; one of them writes.',
    ),
    time_limit_ms: int(
      4000,
      100,
      3_600_000,
      'How long a query or a transaction may take; then it is ended and undone. Saves into the same SQLite file have ' +
        'their turn between two that write, and fail (to be tried again) when one lasts 5000.',
    ),
  }),
  cluster: one('Limits of the links between processes (ours; GoWorld has no such section).', {
    link_grace_ms: int(
      3000,
      0,
      600_000,
      'How long a broken link waits for its peer to come back before the peer counts as dead.',
    ),
    link_resend_bytes_max: int(
      64 * MIB,
      1 * MIB,
      4096 * MIB,
      'Bytes a link keeps until they are acknowledged; beyond, the link is given up.',
    ),
    reconnect_grace: int(
      15,
      0,
      86_400,
      'Seconds for which a client of our SDK that has lost its connection keeps its player: at its gate, and in the game ' +
        'when that gate is gone. 0 = not at all.',
    ),
    entity_queue_packets_max: int(
      1000,
      1,
      1_000_000,
      'Packets a dispatcher holds for one entity that is being loaded.',
    ),
    journal_wait_ms: int(
      10_000,
      0,
      600_000,
      "How long the loading of a dead game's entities waits until what its journal kept of them is in the store.",
    ),
    game_queue_bytes_max: int(
      64 * MIB,
      64 * KIB,
      4096 * MIB,
      'Bytes a dispatcher holds for one game that is frozen or being restored.',
    ),
  }),
  dispatcher: numbered('Routers between games and gates. GoWorld of 2017 called the only one [dispatcher].', {
    listen_addr: address('127.0.0.1:13000', 'Where games and gates connect; keep it off the public network.'),
    advertise_addr: addressLike('listen_addr', 'What games and gates connect to, where that is another address.'),
    http_addr: addressOrOff('127.0.0.1:23000', 'Health and metrics; empty = off.'),
    log_file: file('dispatcher.log', 'All dispatchers append to it; empty = none.'),
    log_stderr: logStderr,
    log_level: logLevel,
    bind_ip: half('listen_addr', 'host'),
    bind_port: half('listen_addr', 'port'),
    ip: half('advertise_addr', 'host', 'The host of advertise_addr (and of listen_addr without bind_ip), in 2017.'),
    port: half('advertise_addr', 'port', 'The port of advertise_addr (and of listen_addr without bind_port), in 2017.'),
    http_ip: half('http_addr', 'host', HTTP_IP),
    http_port: half('http_addr', 'port', HTTP_PORT),
  }),
  game: numbered(
    'Processes that run entities. GoWorld of 2017 called them [server_common], [server1], …',
    {
      boot_entity: live(filledText('Account', 'The type of the entity that a new client gets.')),
      ban_boot_entity: bool(false, 'Keeps boot entities, and so new logins, off this game.'),
      save_interval: live(int(300, 1, 86_400, 'Seconds between two saves of a persistent entity.')),
      position_sync_interval_ms: int(100, 10, 10_000, 'How often a client hears of what has moved.'),
      freeze_wait_ms: int(
        1000,
        0,
        60_000,
        'How long a freeze (hot reload) waits for open requests before it rejects them.',
      ),
      restore_limit_ms: int(
        120_000,
        1000,
        3_600_000,
        'How long dispatchers keep what is for a frozen game; one that is restored later finds its players gone.',
      ),
      frozen_kept: int(
        3,
        0,
        1000,
        'Files of frozen games that have been restored: so many are kept for a look (goworld inspect).',
      ),
      http_addr: addressOrOff('127.0.0.1:25000', 'Health and metrics; empty = off.'),
      log_file: file('game.log', 'All games append to it; empty = none.'),
      log_stderr: logStderr,
      log_level: logLevel,
      gomaxprocs,
      http_ip: half('http_addr', 'host', HTTP_IP),
      http_port: half('http_addr', 'port', HTTP_PORT),
    },
    ['server'],
  ),
  gate: numbered('Processes that clients connect to.', {
    listen_addr: address('0.0.0.0:14000', 'Where clients connect over TCP.'),
    http_addr: addressOrOff('127.0.0.1:24000', 'WebSocket clients (/ws), health and metrics; empty = off.'),
    client_protocol: oneOf(
      ['2022', '2017'],
      '2022',
      'Numbers of the client messages: 2017 is for the old JavaScript and Unity clients.',
    ),
    clients_max: int(10_000, 1, 1_000_000, 'Clients at a time; more are turned away.'),
    clients_per_address_max: int(
      0,
      0,
      1_000_000,
      'Of those, from one address (of IPv6: from one net of 64 bits); 0 = any number. Players behind one router, or all behind ' +
        'a proxy, have the same.',
    ),
    clients_bytes_max: int(
      1024 * MIB,
      16 * MIB,
      1024 * 1024 * MIB,
      'Memory that all clients together may take: what they have yet to hear, what is kept for them, packets of which the end ' +
        'has not come. Beyond, those that take the most are closed.',
    ),
    client_queue_bytes_max: int(
      4 * MIB,
      16 * KIB,
      1024 * MIB,
      'A client with more unsent bytes than this is closed: one that does not read must not cost more memory.',
    ),
    client_packet_bytes_max: int(
      1 * MIB,
      256,
      64 * MIB,
      'A client that announces a longer packet is closed before any of it is kept.',
    ),
    client_rate_max: int(
      10_000,
      0,
      1_000_000,
      'Packets a second that a client may send; what two seconds allow it may send at once. Who sends more is read ' +
        'more slowly, and loses nothing. Players send 10 to 30, so 100 is enough where strangers connect; the default ' +
        'only keeps a flood from slowing others down. 0 = no limit.',
    ),
    client_bytes_rate_max: int(
      8 * MIB,
      0,
      1024 * MIB,
      'Bytes a second that a client may send, likewise; 0 = no limit.',
    ),
    client_bytes_per_second: int(
      0,
      0,
      1024 * MIB,
      'Bytes a second that a client is sent, at the most; 0 = no limit. Beyond it only positions wait: calls, attributes and ' +
        'what comes or goes are always sent, and positions keep a quarter. Near ones go first, and none waits longer ' +
        'than 2 s while the limit can carry all of them once in that time; when it cannot, they take turns.',
    ),
    session_bytes_max: int(
      256 * KIB,
      16 * KIB,
      1024 * MIB,
      'Bytes kept for a client of our SDK, not yet acknowledged or said while it has no connection; beyond, it is told ' +
        'everything anew when it comes again. At the most client_queue_bytes_max.',
    ),
    drain_seconds: int(
      30,
      0,
      86_400,
      'Seconds that clients may play on at a gate that is replaced (goworld reload): those of our SDK go over to the new one ' +
        'at once, all others are closed then.',
    ),
    heartbeat_check_interval: int(0, 0, 86_400, 'Seconds of silence after which a client is closed; 0 = never.'),
    position_sync_interval_ms: ignored('Each client hears of positions once in the interval of [game_common].'),
    web_root: file(
      '',
      "Folder of the game's pages, served on http_addr to everybody; empty = none. goworld start and dev take `web` in the " +
        "game's folder.",
    ),
    web_shared: file(
      '',
      'Folder of what pages and game have in common, served as /shared/; empty = none. goworld start and dev take `shared` ' +
        "in the game's folder.",
    ),
    log_file: file('gate.log', 'All gates append to it; empty = none.'),
    log_stderr: logStderr,
    log_level: logLevel,
    gomaxprocs,
    compress_connection: bool(
      false,
      'Compresses client connections, both ways, as GoWorld does: TCP, and WebSockets but for those of our SDK. Clients must be ' +
        'set to it, too: others are closed. Costs the gate 2 to 4 ms of CPU for each MB that it says and 2 for each that it ' +
        'hears, and leaves 60 % of positions, 30 % of entities, 40 % of much chat.',
    ),
    compress_format: oneOf(
      ['snappy', 'gwsnappy', 'flate', 'lz4', 'lzw'],
      'snappy',
      'The form of the compression. With compress_connection only snappy, the one that GoWorld of 2022 knows.',
    ),
    encrypt_connection: bool(
      false,
      'TLS 1.2 and 1.3 for clients: listen_addr speaks it, and http_addr is https and wss. A Unix socket stays as it is.',
    ),
    rsa_key: file('rsa.key', 'The private key for encrypt_connection, RSA or EC, in PEM and without a passphrase.'),
    rsa_certificate: file(
      'rsa.crt',
      'Its certificate in PEM, with those that vouch for it behind it. Both files may be replaced while the gate runs: new ' +
        'connections get the new certificate within a minute.',
    ),
    ip: half('listen_addr', 'host'),
    port: half('listen_addr', 'port'),
    http_ip: half('http_addr', 'host', HTTP_IP),
    http_port: half('http_addr', 'port', HTTP_PORT),
  }),
} as const satisfies Record<string, Section>

export type SectionName = keyof typeof SECTIONS

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S

type ValueOf<K> = K extends { kind: 'bool' }
  ? boolean
  : K extends { kind: 'int' }
    ? number
    : K extends { kind: 'text' | 'path' }
      ? string
      : K extends OneOfKey<infer V>
        ? V
        : K extends { kind: 'list' }
          ? readonly string[]
          : K extends AddressKey<infer Optional>
            ? Optional extends true
              ? Address | undefined
              : Address
            : never

type Keys<S extends SectionName> = (typeof SECTIONS)[S]['keys']

/** What a section reads as: `log_level` becomes `logLevel`, halves of addresses and ignored keys are gone. */
export type Parsed<S extends SectionName> = {
  readonly [K in keyof Keys<S> & string as Keys<S>[K] extends { kind: 'half' | 'ignored' } ? never : Camel<K>]: ValueOf<
    Keys<S>[K]
  >
}

/** `log_level` to `logLevel`. */
export const camelCase = (key: string): string => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** What may stand behind the `=`, in words. */
export function allowedOf(key: Key): string {
  switch (key.kind) {
    case 'bool':
      return 'true or false (1, 0, yes, no, on, off)'
    case 'int':
      return `a whole number from ${key.min} to ${key.max}`
    case 'oneOf':
      return `one of ${key.values.join(', ')}`
    case 'address':
      return `host:port, :port or unix:path${key.optional ? ', or empty (off)' : ''}`
    case 'half':
      if (key.half === 'host') return 'a host name or an IP address'
      return `a whole number from ${key.of === 'http_addr' ? '0 (off)' : '1'} to 65535`
    case 'path':
      return 'a path'
    case 'text':
    case 'list':
    case 'ignored':
      return 'text'
  }
}
