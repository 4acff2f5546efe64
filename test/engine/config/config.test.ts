// goworld.ini of both generations, typed; and the one line that each mistake in it is worth.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest'
import type { Address } from '../../../engine/base/address.ts'
import { formatAddress } from '../../../engine/base/address.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import type { Config } from '../../../engine/config/config.ts'
import { defaultConfig, parseConfig, readConfig } from '../../../engine/config/config.ts'

const parse = (text: string): Config => parseConfig(text, { path: '/srv/goworld.ini' })
const written = (address: Address | undefined) => address && formatAddress(address)

/** The one line that an operator would see. */
function complaint(text: string): string {
  try {
    parse(text)
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError)
    expect((error as Error).message).not.toContain('\n')
    return (error as Error).message.replace('/srv/goworld.ini:', '')
  }
  return 'nothing to complain of'
}

describe('an empty file', () => {
  const config = defaultConfig('/srv')

  it('is one process of each kind with SQLite', () => {
    expect(config.deployment).toEqual({ desiredDispatchers: 1, desiredGames: 1, desiredGates: 1 })
    expect([config.dispatcherIds, config.gameIds, config.gateIds]).toEqual([[1], [1], [1]])
    expect(config.debug).toBe(false)
    expect(config.storage).toMatchObject({ type: 'sqlite', url: '/srv/goworld.db', startNodes: [] })
    expect(config.kvdb).toMatchObject({ type: 'sqlite', url: '/srv/goworld.db', collection: '__kv__' })
    expect(config.cluster).toEqual({
      linkGraceMs: 3000,
      linkResendBytesMax: 67_108_864,
      reconnectGrace: 15,
      entityQueuePacketsMax: 1000,
      journalWaitMs: 10_000,
      gameQueueBytesMax: 67_108_864,
    })
    expect(config.warnings).toEqual([])
    expect(config.dir).toBe('/srv')
  })

  it('has the address of a server for each backend that has one', () => {
    const storage = (text: string) => parseConfig(`[storage]\n${text}`, { path: '/srv/goworld.ini' }).storage
    expect(storage('type=mongodb').url).toBe('mongodb://127.0.0.1:27017/')
    expect(storage('type=redis').url).toBe('redis://127.0.0.1:6379')
    expect(storage('type=redis\nhost=10.0.0.1:7000').url).toBe('redis://10.0.0.1:7000')
    expect(storage('type=postgres').url).toBe('postgres://127.0.0.1:5432/goworld')
    expect(storage('type=redis_cluster\nstart_nodes_1=a:1\nstart_nodes_2=b:2').startNodes).toEqual(['a:1', 'b:2'])
    expect(storage('type=filesystem\ndirectory=sub').directory).toBe('/srv/sub')
  })

  it('gives every key of a process its default', () => {
    expect(config.dispatcher(1)).toEqual({
      id: 1,
      listenAddr: { kind: 'tcp', host: '127.0.0.1', port: 13000 },
      advertiseAddr: { kind: 'tcp', host: '127.0.0.1', port: 13000 },
      httpAddr: { kind: 'tcp', host: '127.0.0.1', port: 23000 },
      logFile: '/srv/dispatcher.log',
      logStderr: true,
      logLevel: 'info',
    })
    expect(config.game(1)).toEqual({
      id: 1,
      bootEntity: 'Account',
      banBootEntity: false,
      saveInterval: 300,
      positionSyncIntervalMs: 100,
      freezeWaitMs: 1000,
      restoreLimitMs: 120_000,
      frozenKept: 3,
      httpAddr: { kind: 'tcp', host: '127.0.0.1', port: 25000 },
      logFile: '/srv/game.log',
      logStderr: true,
      logLevel: 'info',
    })
    expect(config.gate(1)).toEqual({
      id: 1,
      listenAddr: { kind: 'tcp', host: '0.0.0.0', port: 14000 },
      httpAddr: { kind: 'tcp', host: '127.0.0.1', port: 24000 },
      clientProtocol: '2022',
      clientsMax: 10_000,
      clientsPerAddressMax: 0,
      clientsBytesMax: 1_073_741_824,
      clientQueueBytesMax: 4_194_304,
      clientPacketBytesMax: 1_048_576,
      clientRateMax: 10_000,
      clientBytesRateMax: 8_388_608,
      clientBytesPerSecond: 0,
      sessionBytesMax: 262_144,
      drainSeconds: 30,
      heartbeatCheckInterval: 0,
      webRoot: '',
      webShared: '',
      logFile: '/srv/gate.log',
      logStderr: true,
      logLevel: 'info',
      compressConnection: false,
      compressFormat: 'snappy',
      encryptConnection: false,
      rsaKey: '/srv/rsa.key',
      rsaCertificate: '/srv/rsa.crt',
    })
  })

  it('has types that follow the table', () => {
    expectTypeOf(config.gate(1).clientProtocol).toEqualTypeOf<'2022' | '2017'>()
    expectTypeOf(config.kvdb.type).toEqualTypeOf<
      'sqlite' | 'mongodb' | 'redis' | 'redis_cluster' | 'postgres' | 'memory'
    >()
    expectTypeOf(config.game(1).httpAddr).toEqualTypeOf<Address | undefined>()
    expectTypeOf(config.dispatcher(1).listenAddr).toEqualTypeOf<Address>()
    expectTypeOf(config.game(1).logLevel).toEqualTypeOf<'debug' | 'info' | 'warn' | 'error'>()
    expectTypeOf(config.game(1)).not.toHaveProperty('gomaxprocs')
    expectTypeOf(config.gate(1)).not.toHaveProperty('port')
  })
})

describe('a file of GoWorld of 2022', () => {
  const config = parse(`
[debug]
debug = 1 ; off in production

[deployment]
desired_dispatchers=2
desired_games=2
desired_gates=2

[storage]
type=sqlite
url=data/entities.db
db=world
;type=redis_cluster
start_nodes_1=10.0.0.1:6379
start_nodes_2=10.0.0.2:6379

[kvdb]
type=memory
url=ignored
db=world
collection=keys
driver=mysql

[dispatcher_common]
listen_addr=127.0.0.1:13000
advertise_addr=127.0.0.1:13000
http_addr=127.0.0.1:23000
log_file=dispatcher.log
log_stderr=true
log_level=debug

[dispatcher1]
listen_addr=0.0.0.0:13001
advertise_addr=10.1.0.1:13001
http_addr=127.0.0.1:23001
[dispatcher2]
listen_addr=unix:d2.sock
advertise_addr=unix:d2.sock
http_addr=

[game_common]
boot_entity=Login
save_interval=600
log_file=
http_addr=127.0.0.1:25000
log_level=WARNING
position_sync_interval_ms=50 ; game to client
gomaxprocs=4

[game1]
http_addr=25001
[game2]
http_addr=25002
ban_boot_entity=true
save_interval=60
[game3]
http_addr=25003

[gate_common]
listen_addr=:14000
http_addr=127.0.0.1:24000
compress_connection=0
encrypt_connection=0
heartbeat_check_interval = 30
[gate1]
listen_addr=0.0.0.0:14001
http_addr=127.0.0.1:24001
`)

  it('is read', () => {
    expect(config.debug).toBe(true)
    expect(config.storage).toMatchObject({
      type: 'sqlite',
      url: '/srv/data/entities.db',
      db: 'world',
      startNodes: ['10.0.0.1:6379', '10.0.0.2:6379'],
    })
    expect(config.kvdb).toMatchObject({ type: 'memory', url: '', collection: 'keys', driver: 'mysql' })
    expect(config.dispatcherIds).toEqual([1, 2])
    expect(written(config.dispatcher(1).listenAddr)).toBe('0.0.0.0:13001')
    expect(written(config.dispatcher(1).advertiseAddr)).toBe('10.1.0.1:13001')
    expect(written(config.dispatcher(2).listenAddr)).toBe('unix:/srv/d2.sock')
    expect(config.dispatcher(2).httpAddr).toBeUndefined()
    expect(config.dispatcher(2).logLevel).toBe('debug')
  })

  it('gives a numbered section what it does not say from its common one', () => {
    expect(config.game(1)).toMatchObject({ bootEntity: 'Login', saveInterval: 600, banBootEntity: false, logFile: '' })
    expect(config.game(2)).toMatchObject({ bootEntity: 'Login', saveInterval: 60, banBootEntity: true })
    expect(config.game(1).logLevel).toBe('warn')
    expect(written(config.game(1).httpAddr)).toBe('127.0.0.1:25001')
    expect(config.gate(1).heartbeatCheckInterval).toBe(30)
  })

  it('makes a process without a section from the common one', () => {
    expect(config.gate(2)).toMatchObject({ id: 2, heartbeatCheckInterval: 30 })
    expect(written(config.gate(2).listenAddr)).toBe('0.0.0.0:14000')
    expect(written(config.gate(2).httpAddr)).toBe('127.0.0.1:24000')
  })

  it('warns of what has no effect', () => {
    expect(config.gameIds).toEqual([1, 2])
    expect(config.warnings).toEqual([
      expect.stringMatching(/^\/srv\/goworld\.ini:\d+: \[game_common\] gomaxprocs has no effect here\. Go only/),
      '/srv/goworld.ini: [game3] is not used: desired_games=2',
    ])
  })

  it('knows no process beyond the deployment', () => {
    expect(() => config.game(3)).toThrow(
      new OperatorError('/srv/goworld.ini: there is no game3: [deployment] desired_games=2'),
    )
    expect(() => config.gate(0)).toThrow('there is no gate0')
    expect(() => config.dispatcher(1.5)).toThrow('there is no dispatcher1.5')
  })
})

describe('a file of GoWorld of 2017', () => {
  const config = parse(`
[storage]
type=memory
directory=_entity_storage
host=127.0.0.1:6379
[kvdb]
type=memory

[dispatcher1]
bind_ip=0.0.0.0
bind_port=13500
ip=10.0.0.1
port=13600
http_ip=0.0.0.0
http_port=13001
log_level=fatal

[server_common]
boot_entity=Login
http_ip=0.0.0.0
log_file=/var/log/server.log

[server1]
http_port=14101
[server2]
http_port=0
[SERVER3]

[gate_common]
ip = "0.0.0.0"
http_ip=0.0.0.0
compress_connection=no
[gate1]
port=15011
http_port=15012
[gate2]
ip=192.168.0.2
port=15021
http_port=15022
`)

  it('is read', () => {
    expect(written(config.dispatcher(1).listenAddr)).toBe('0.0.0.0:13500')
    expect(written(config.dispatcher(1).advertiseAddr)).toBe('10.0.0.1:13600')
    expect(written(config.dispatcher(1).httpAddr)).toBe('0.0.0.0:13001')
    expect(config.dispatcher(1).logLevel).toBe('error')
    expect(config.game(1)).toMatchObject({ bootEntity: 'Login', logFile: '/var/log/server.log' })
    expect(written(config.game(1).httpAddr)).toBe('0.0.0.0:14101')
    expect(written(config.gate(1).listenAddr)).toBe('0.0.0.0:15011')
    expect(written(config.gate(2).listenAddr)).toBe('192.168.0.2:15021')
    expect(written(config.gate(2).httpAddr)).toBe('0.0.0.0:15022')
  })

  it('has as many processes as its sections say', () => {
    expect(config.deployment).toEqual({ desiredDispatchers: 1, desiredGames: 3, desiredGates: 2 })
    expect(config.warnings).toEqual([])
  })

  it('switches HTTP off with port 0, and with a host that has no port', () => {
    expect(config.game(2).httpAddr).toBeUndefined()
    expect(config.game(3).httpAddr).toBeUndefined()
  })

  it('lets a dispatcher listen where it is connected to, unless it binds elsewhere', () => {
    const plain = parse('[dispatcher]\nip=10.0.0.1\nport=13600').dispatcher(1)
    expect([written(plain.listenAddr), written(plain.advertiseAddr)]).toEqual(['10.0.0.1:13600', '10.0.0.1:13600'])
    const bound = parse('[dispatcher1]\nbind_ip=0.0.0.0\nport=13600').dispatcher(1)
    expect([written(bound.listenAddr), written(bound.advertiseAddr)]).toEqual(['0.0.0.0:13600', '127.0.0.1:13600'])
    const common = parse('[dispatcher_common]\nip=10.0.0.1\n[dispatcher1]\nport=1\n[dispatcher2]\nport=2').dispatcher(2)
    expect([written(common.listenAddr), written(common.advertiseAddr)]).toEqual(['10.0.0.1:2', '10.0.0.1:2'])
  })
})

describe('addresses', () => {
  it('of neighbours are a port apart by default', () => {
    const config = parse('[deployment]\ndesired_dispatchers=3\ndesired_games=3\ndesired_gates=3')
    expect(config.dispatcherIds.map((id) => written(config.dispatcher(id).listenAddr))).toEqual([
      '127.0.0.1:13000',
      '127.0.0.1:13001',
      '127.0.0.1:13002',
    ])
    expect(written(config.dispatcher(3).advertiseAddr)).toBe('127.0.0.1:13002')
    expect(written(config.gate(3).listenAddr)).toBe('0.0.0.0:14002')
    expect(written(config.gate(3).httpAddr)).toBe('127.0.0.1:24002')
    expect(written(config.game(3).httpAddr)).toBe('127.0.0.1:25002')
  })

  it('are all apart in the largest deployment', () => {
    const config = parse('[deployment]\ndesired_dispatchers=1000\ndesired_games=1000\ndesired_gates=1000')
    expect(written(config.gate(1000).listenAddr)).toBe('0.0.0.0:14999')
  })

  it('to connect to are those to listen on, with this machine for every interface', () => {
    const advertised = (listen: string) =>
      written(parse(`[dispatcher1]\nlisten_addr=${listen}`).dispatcher(1).advertiseAddr)
    expect(advertised('0.0.0.0:13005')).toBe('127.0.0.1:13005')
    expect(advertised('10.0.0.1:13005')).toBe('10.0.0.1:13005')
    expect(advertised('unix:/run/d.sock')).toBe('unix:/run/d.sock')
  })

  it('with port 0 never collide', () => {
    const config = parse('[deployment]\ndesired_gates=2\n[gate_common]\nlisten_addr=127.0.0.1:0\nhttp_addr=127.0.0.1:0')
    expect(written(config.gate(2).listenAddr)).toBe('127.0.0.1:0')
  })

  it.each([
    [
      '[deployment]\ndesired_gates=2\n[gate_common]\nlisten_addr=0.0.0.0:14000',
      '4: [gate_common] listen_addr=0.0.0.0:14000: gate1 listen_addr and gate2 listen_addr would share it; give each its own',
    ],
    [
      '[game1]\nhttp_port=14001\n[game2]\nhttp_port=14001',
      '4: [game2] http_port=14001: game1 http_addr and game2 http_addr would share it; give each its own',
    ],
    [
      '[gate1]\nlisten_addr=:15000\nhttp_addr=127.0.0.1:15000',
      '3: [gate1] http_addr=127.0.0.1:15000: gate1 listen_addr and gate1 http_addr would share it; give each its own',
    ],
    [
      '[dispatcher1]\nlisten_addr=127.0.0.1:13001\n[dispatcher2]',
      '2: [dispatcher1] listen_addr=127.0.0.1:13001: dispatcher1 listen_addr and dispatcher2 listen_addr would share it; give each its own',
    ],
    [
      '[dispatcher_common]\nadvertise_addr=unix:d\n[dispatcher2]',
      '2: [dispatcher_common] advertise_addr=unix:d: dispatcher1 advertise_addr and dispatcher2 advertise_addr would share it; give each its own',
    ],
    [
      '[dispatcher1]\nlisten_addr=127.0.0.1:1\nbind_port=2',
      '3: [dispatcher1] bind_port=2: cannot stand beside listen_addr (line 2), which says the same',
    ],
  ])('that collide are refused: %j', (text, message) => {
    expect(complaint(text)).toBe(message)
  })
})

describe('a mistake', () => {
  const bool = 'must be true or false (1, 0, yes, no, on, off)'
  it.each([
    ['[games]', '1: [games] is not a known section; did you mean game1?'],
    ['[gamecommon]', '1: [gamecommon] is not a known section; did you mean game_common?'],
    ['[storge]', '1: [storge] is not a known section; did you mean storage?'],
    ['[constructor]', '1: [constructor] is not a known section'],
    ['[storage1]', '1: [storage1] is not a known section; did you mean storage?'],
    ['[game0]', '1: [game0]: the number is from 1 to 1000'],
    ['[gate1001]', '1: [gate1001]: the number is from 1 to 1000'],
    [
      '[game1]\nsave_intervall=1',
      '2: [game1] save_intervall=1: [game1] has no key save_intervall; did you mean save_interval?',
    ],
    ['[game1]\nlisten=1', '2: [game1] listen=1: [game1] has no key listen'],
    ['[game1]\n__proto__=1', '2: [game1] __proto__=1: [game1] has no key __proto__'],
    [
      '[storage]\nstart_nodes=x',
      '2: [storage] start_nodes=x: [storage] has no key start_nodes; did you mean start_nodes_1?',
    ],
    ['[storage]\nstart_nodes_1=', '2: [storage] start_nodes_1=: must not be empty'],
    ['[game1]\nsave_interval=abc', '2: [game1] save_interval=abc: must be a whole number from 1 to 86400'],
    ['[game1]\nsave_interval=', '2: [game1] save_interval=: must be a whole number from 1 to 86400'],
    ['[game1]\nsave_interval=0', '2: [game1] save_interval=0: must be a whole number from 1 to 86400'],
    ['[game1]\nsave_interval=1.5', '2: [game1] save_interval=1.5: must be a whole number from 1 to 86400'],
    [
      '[game1]\nposition_sync_interval_ms=9',
      '2: [game1] position_sync_interval_ms=9: must be a whole number from 10 to 10000',
    ],
    [
      '[game1]\nposition_sync_interval_ms=10001',
      '2: [game1] position_sync_interval_ms=10001: must be a whole number from 10 to 10000',
    ],
    ['[game1]\nboot_entity=', '2: [game1] boot_entity=: must not be empty'],
    ['[game1]\nlog_level=loud', '2: [game1] log_level=loud: must be one of debug, info, warn, error'],
    ['[game1]\nlog_stderr=maybe', `2: [game1] log_stderr=maybe: ${bool}`],
    ['[debug]\ndebug=2', `2: [debug] debug=2: ${bool}`],
    ['[deployment]\ndesired_games=0', '2: [deployment] desired_games=0: must be a whole number from 1 to 1000'],
    ['[deployment]\ndesired_gates=-1', '2: [deployment] desired_gates=-1: must be a whole number from 0 to 1000'],
    ['[gate1]\ncompress_connection=yes, please', `2: [gate1] compress_connection=yes, please: ${bool}`],
    [
      '[gate_common]\ncompress_format=lz4\n[gate1]\ncompress_connection=1',
      '2: [gate_common] compress_format=lz4: is not available with compress_connection=1; only snappy is',
    ],
    [
      '[gate_common]\nclient_protocol=2017\n[gate1]\ncompress_connection=1',
      '4: [gate1] compress_connection=1: is not available with client_protocol=2017, whose clients compress each packet for itself',
    ],
    ['[gate1]\nencrypt_connection=maybe', `2: [gate1] encrypt_connection=maybe: ${bool}`],
    ['[gate1]\nclient_protocol=2020', '2: [gate1] client_protocol=2020: must be one of 2022, 2017'],
    ['[gate1]\nlisten_addr=', '2: [gate1] listen_addr=: must be host:port, :port or unix:path'],
    [
      '[gate1]\nlisten_addr=here',
      '2: [gate1] listen_addr=here: must be host:port with a port from 0 to 65535, or unix:path',
    ],
    ['[gate1]\nport=0', '2: [gate1] port=0: must be a whole number from 1 to 65535'],
    ['[gate1]\nhttp_port=70000', '2: [gate1] http_port=70000: must be a whole number from 0 (off) to 65535'],
    ['[gate1]\nip=a b', '2: [gate1] ip=a b: must be a host name or an IP address'],
    ['[storage]\ntype=mongodb\nurl=here', '3: [storage] url=here: is no URL, for type=mongodb'],
    ['[kvdb]\ntype=redis_cluster', '2: [kvdb] type=redis_cluster: wants start_nodes_1=host:port'],
    [
      '[kvdb]\ntype=oracle',
      '2: [kvdb] type=oracle: must be one of sqlite, mongodb, redis, redis_cluster, postgres, memory',
    ],
    ['[storage]\nurl=mongodb://h:1/', '2: [storage] url=mongodb://h:1/: must be the path of a file, for type=sqlite'],
    ['[kvdb]\nurl=:memory:', '2: [kvdb] url=:memory:: must be the path of a file, for type=sqlite'],
    [
      '[server1]\nsave_interval=1\n[game1]\nsave_interval=2',
      '4: [game1] save_interval=2: is given twice, first in line 2 under [server1]',
    ],
    ['[gate5]\nclients_max=none', '2: [gate5] clients_max=none: must be a whole number from 1 to 1000000'],
    ['[game1]\nnonsense', '2: "nonsense" is not a setting; write key=value'],
    [
      `[game1]\nsave_interval=${'9'.repeat(99)}`,
      `2: [game1] save_interval=${'9'.repeat(80)}…: must be a whole number from 1 to 86400`,
    ],
    [
      '[storage]\ntype=postgres\nurl=mongodb://h/x',
      '3: [storage] url=mongodb://h/x: must begin with postgres:// or postgresql://, for type=postgres',
    ],
    [
      '[storage]\ntype=mongodb\nurl=redis://h',
      '3: [storage] url=redis://h: must begin with mongodb:// or mongodb+srv://, for type=mongodb',
    ],
    [
      '[kvdb]\nurl=http://h\ntype=redis',
      '2: [kvdb] url=http://h: must begin with redis:// or rediss://, for type=redis',
    ],
    [
      '[sql]\ntype=postgres\nurl=redis://h',
      '3: [sql] url=redis://h: must begin with postgres:// or postgresql://, for type=postgres',
    ],
    [
      '[storage]\ntype=redis_cluster\nstart_nodes_1=a:1\nstart_nodes_2=mongodb://b:2',
      '4: [storage] start_nodes_2=mongodb://b:2: must be host:port or redis://[user:password@]host:port',
    ],
    ['[storage]\ntype=redis\ndb=goworld', '3: [storage] db=goworld: must be the number of a database, for type=redis'],
    ['[kvdb]\ntype=redis\ndb=-1', '3: [kvdb] db=-1: must be the number of a database, for type=redis'],
    [
      '[kvdb]\ntype=redis\nurl=redis://h/goworld',
      '3: [kvdb] url=redis://h/goworld: must be redis://[user:password@]host[:port][/number of the database], or rediss://…',
    ],
    [
      '[kvdb]\ntype=redis_cluster\nstart_nodes_1=a:1\ndb=1',
      '4: [kvdb] db=1: must be 0 or empty: a redis_cluster has no other database',
    ],
  ])('is answered with one line: %j', (text, message) => {
    expect(complaint(text)).toBe(message)
  })
})

describe('a password', () => {
  it.each([
    ['[storage]\nurl=mongodb://me:SECRET@h/x', '2: [storage] url=mongodb://me:***@h/x: must be the path of a file'],
    ['[storage]\nurl=redis://me:SEC/RE@T@h', '2: [storage] url=redis://me:***@h: must be the path of a file'],
    [
      '[sql]\ntype=sqlite\nurl=postgres://h/x?user=me&password=SECRET',
      '3: [sql] url=postgres://h/x?user=me&password=***: must be the path of a file',
    ],
    ['[kvdb]\ntype=redis\nurl=me:SECRET@h:1', '3: [kvdb] url=me:***@h:1: is no URL'],
    ['[kvdb]\ntype=redis\nurl=redis://me:12/SECRET@h:1', '3: [kvdb] url=redis://me:***@h:1: must be redis://'],
    ['[kvdb]\ntype=postgres\nurl=redis://me:SECRET@h', '3: [kvdb] url=redis://me:***@h: must begin with postgres://'],
    [
      '[kvdb]\ntype=redis_cluster\nstart_nodes_1=mongodb://me:SECRET@h:1',
      '3: [kvdb] start_nodes_1=mongodb://me:***@h:1: must be host:port',
    ],
    ['[kvdb]\nstart_node_1=redis://me:SECRET@h:1', '2: [kvdb] start_node_1=redis://me:***@h:1: [kvdb] has no key'],
    ['[kvdb]\npassword=SECRET', '2: [kvdb] password=***: [kvdb] has no key password'],
    [
      `[storage]\nurl=redis://me:${'SECRET'.repeat(20)}@h`,
      '2: [storage] url=redis://me:***@h: must be the path of a file',
    ],
  ])('is in no message: %j', (text, message) => {
    const said = complaint(text)
    expect(said.slice(0, message.length)).toBe(message)
    expect(said).not.toMatch(/SEC|RET/)
  })
})

describe('the URL of a server', () => {
  it.each([
    ['mongodb', 'mongodb+srv://h/x'],
    ['mongodb', 'mongodb://a:1,b:2/x'],
    ['redis', 'rediss://h:1/3'],
    ['redis', 'REDIS://h'],
    ['postgres', 'postgresql://h/x'],
  ])('of %s may be %s', (type, url) => {
    expect(parse(`[storage]\ntype=${type}\nurl=${url}\ndb=7`).storage).toMatchObject({ url, db: '7' })
    expect(parse(`[kvdb]\ntype=${type}\nurl=${url}`).kvdb.url).toBe(url)
  })
})

describe('reading a file', () => {
  const dir = mkdtempSync(join(tmpdir(), 'goworld-config-'))
  afterAll(() => rmSync(dir, { recursive: true }))

  it('takes relative paths from its folder', () => {
    const path = join(dir, 'goworld.ini')
    writeFileSync(path, '\uFEFF[Storage]\r\nURL=sub/e.db\r\n[gate1]\r\nLISTEN_ADDR=unix:gate.sock\r\n')
    const config = readConfig(path)
    expect(config.storage.url).toBe(join(dir, 'sub/e.db'))
    expect(written(config.gate(1).listenAddr)).toBe(`unix:${join(dir, 'gate.sock')}`)
    expect(config.path).toBe(path)
  })

  it('says how to make one that is not there', () => {
    expect(() => readConfig('no/goworld.ini')).toThrow(
      new OperatorError('no/goworld.ini: no such file; make one with: cp goworld.ini.sample no/goworld.ini'),
    )
  })

  it('says when it cannot be read', () => {
    expect(() => readConfig(dir)).toThrow(new OperatorError(`${dir}: cannot be read (EISDIR)`))
  })
})
