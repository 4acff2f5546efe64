// Tests of components/cli/effective-config.ts: a made goworld.ini reads the same as what it was made from.
import { describe, expect, test } from 'vitest'
import { defaultIni, formatConfig, withDeployment } from '../../../components/cli/effective-config.ts'
import { RunFolder } from '../../../components/process/run-folder.ts'
import { type Config, defaultConfig, parseConfig } from '../../../engine/config/config.ts'
import { sampleIni } from '../../../engine/config/sample.ts'

const DIR = '/srv/game'
const parse = (text: string) => parseConfig(text, { path: `${DIR}/goworld.ini` })

/** All that a process can learn from a configuration. */
const contentOf = (config: Config) => ({
  ...Object.fromEntries(
    ['debug', 'deployment', 'storage', 'kvdb', 'sql', 'cluster'].map((key) => [key, config[key as 'kvdb']]),
  ),
  dispatchers: config.dispatcherIds.map(config.dispatcher),
  games: config.gameIds.map(config.game),
  gates: config.gateIds.map(config.gate),
})

const readBack = (config: Config) => parseConfig(formatConfig(config), { path: '/elsewhere/.goworld/goworld.ini' })

describe('a made configuration', () => {
  test.each([
    ['an empty file', ''],
    ['the sample', sampleIni()],
    ['several processes', '[deployment]\ndesired_dispatchers=2\ndesired_games=3\ndesired_gates=0\n'],
    [
      'paths, comment signs and nothing at all',
      '[storage]\nurl="my data ; #1.db"\n[game_common]\nlog_file=\nhttp_addr=\nboot_entity="A B"\n[gate1]\nlog_file=logs/g.log\n',
    ],
    ['Unix sockets', '[dispatcher1]\nlisten_addr=unix:d1.sock\nhttp_addr=unix:/tmp/h 1.sock\n'],
    ['IPv6', '[gate1]\nlisten_addr=[::1]:14000\nhttp_addr=[::]:24000\n'],
    [
      'the old form',
      '[dispatcher]\nip=10.0.0.1\nport=13000\n[server_common]\nboot_entity=Avatar\n[server1]\n[server2]\n',
    ],
    ['a memory store', '[storage]\ntype=memory\n[kvdb]\ntype=memory\n[debug]\ndebug=true\n'],
  ])('reads the same, made from %s', (_, text) => {
    const config = parse(text)
    expect(contentOf(readBack(config))).toEqual(contentOf(config))
    expect(readBack(config).warnings).toEqual([])
  })

  test('is the default one but for links and logs, where there is no file', () => {
    const run = new RunFolder(DIR)
    const config = parse(defaultIni({ dispatchers: 2, games: 2, gates: 1 }, run))
    expect(config.deployment).toEqual({ desiredDispatchers: 2, desiredGames: 2, desiredGates: 1 })
    expect(config.storage).toEqual(defaultConfig(DIR).storage)
    expect(config.dispatcher(2).listenAddr).toEqual({ kind: 'unix', path: `${DIR}/.goworld/dispatcher2.link` })
    expect(config.dispatcher(2).advertiseAddr).toEqual(config.dispatcher(2).listenAddr)
    expect(config.game(1).logFile).toBe(`${DIR}/.goworld/game.log`)
    expect(config.gate(1).listenAddr).toEqual(defaultConfig(DIR).gate(1).listenAddr)
  })
})

describe('another deployment', () => {
  const MORE = { dispatchers: 1, games: 3, gates: 2 }

  test('replaces the one of the file, and leaves its lines where they are', () => {
    const text = '[deployment]\ndesired_games=1\ndesired_gates=9\n[game2]\nboot_entity=Avatar\n'
    const changed = withDeployment(text, 'goworld.ini', MORE)
    expect(changed.split('\n').slice(3, 5)).toEqual(['[game2]', 'boot_entity=Avatar'])
    expect(parse(changed).deployment).toEqual({ desiredDispatchers: 1, desiredGames: 3, desiredGates: 2 })
    expect(parse(changed).game(2).bootEntity).toBe('Avatar')
  })

  test('is added where the file has none', () => {
    expect(parse(withDeployment('[game1]\nsave_interval=5', 'goworld.ini', MORE)).deployment.desiredGames).toBe(3)
  })

  test('still refuses two processes at one address', () => {
    const text = '[game_common]\nhttp_addr=127.0.0.1:25000\n'
    expect(() => parse(withDeployment(text, 'goworld.ini', MORE))).toThrow(/:2: .*game1 http_addr and game2 http_addr/)
  })
})
