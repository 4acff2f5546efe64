// What the flags of test_client and goworld.ini together mean for a run.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readSettings } from '../../../examples/test_client/settings.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'goworld-bots-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function targets(ini: string, ...flags: string[]): readonly string[] {
  const path = join(folder, 'goworld.ini')
  writeFileSync(path, ini)
  return readSettings(['-configfile', path, ...flags], 2).targets
}

const TWO_GATES = `
[deployment]
desired_gates=2
[gate1]
listen_addr=0.0.0.0:15001
http_addr=127.0.0.1:15002
[gate2]
listen_addr=10.0.0.7:16001
http_addr=
`

describe('the gates that bots connect to', () => {
  it('are those of the config file', () => {
    expect(targets(TWO_GATES)).toEqual(['127.0.0.1:15001', '10.0.0.7:16001'])
    expect(targets('[gate1]\nlisten_addr=unix:gate.sock\n')).toEqual([`unix:${join(folder, 'gate.sock')}`])
    expect(targets('[gate1]\nhttp_addr=0.0.0.0:15002\n', '-ws')).toEqual(['ws://127.0.0.1:15002/ws'])
  })

  it('are at another host when one is given', () => {
    expect(targets(TWO_GATES, '-server', 'game.example')).toEqual(['game.example:15001', 'game.example:16001'])
  })

  it('are the one that is written out', () => {
    const written = (...flags: string[]) => readSettings(flags, 2).targets
    expect(written('-server', '127.0.0.1:14001')).toEqual(['127.0.0.1:14001'])
    expect(written('-server', '127.0.0.1:14001', '-ws')).toEqual(['ws://127.0.0.1:14001/ws'])
    expect(written('-server', '[::1]:14001')).toEqual(['[::1]:14001'])
    expect(written('-server', 'unix:/tmp/gate.sock')).toEqual(['unix:/tmp/gate.sock'])
    expect(written('-server', 'ws://game.example/ws')).toEqual(['ws://game.example/ws'])
  })

  it('speak TLS where the config file or a flag says so', () => {
    const ini = `[gate_common]\nencrypt_connection=1\n${TWO_GATES}encrypt_connection=0\n`
    expect(targets(ini)).toEqual(['tls://127.0.0.1:15001', '10.0.0.7:16001'])
    expect(targets(ini, '-tls')).toEqual(['tls://127.0.0.1:15001', 'tls://10.0.0.7:16001'])
    expect(targets('[gate1]\nencrypt_connection=1\n', '-ws')).toEqual(['wss://127.0.0.1:24000/ws'])
    const written = (...flags: string[]) => readSettings(flags, 2).targets
    expect(written('-server', 'host:1', '-tls')).toEqual(['tls://host:1'])
    expect(written('-server', 'tls://host:1')).toEqual(['tls://host:1'])
    expect(written('-server', 'tls://host:1', '-ws')).toEqual(['wss://host:1/ws'])
    expect(written('-server', 'wss://host:1/ws')).toEqual(['wss://host:1/ws'])
    expect(written('-server', 'ws://host:1/ws', '-tls')).toEqual(['wss://host:1/ws'])
    expect(() => written('-server', 'unix:/tmp/gate.sock', '-tls')).toThrow('flag -tls: there is no TLS')
  })

  it('are refused with the key or flag that is wrong', () => {
    expect(() => targets(TWO_GATES, '-ws')).toThrow('[gate2] http_addr is empty, but flag -ws needs it')
    expect(() => targets('[gate1]\nlisten_addr=unix:gate.sock\n', '-server', 'host')).toThrow('is a Unix socket')
    expect(() => readSettings(['-server', 'unix:/tmp/gate.sock', '-ws'], 2)).toThrow('flag -ws')
    expect(() => readSettings(['-server', 'host:99999'], 2)).toThrow("'host:99999' is no server address")
  })
})

describe('whether bots compress', () => {
  const compress = (ini: string, ...flags: string[]) => {
    const path = join(folder, 'goworld.ini')
    writeFileSync(path, ini)
    return readSettings(['-configfile', path, ...flags], 2).compress
  }

  it('is what the gates of the config file say, or the flag', () => {
    expect([compress(TWO_GATES), compress(TWO_GATES, '-compress')]).toEqual([false, true])
    expect(compress(`${TWO_GATES}[gate_common]\ncompress_connection=1\n`)).toBe(true)
    expect(compress('', '-server', '127.0.0.1:1')).toBe(false)
    expect(compress('', '-server', '127.0.0.1:1', '-compress')).toBe(true)
  })

  it('has to be the same for all gates', () => {
    expect(() => compress(`${TWO_GATES}compress_connection=1\n`)).toThrow('is not the same for all gates')
  })
})

describe('the flags', () => {
  const read = (...flags: string[]) => readSettings(['-server', 'host:1', ...flags], 4)

  it('mean what they mean in GoWorld', () => {
    expect(read()).toMatchObject({
      bots: 1000,
      first: 1,
      moving: true,
      strict: false,
      durationSeconds: 0,
      limitMs: 5000,
    })
    expect(
      read('-N=20', '-S', '41', '-nosync', '-strict', '-duration', '300', '-limit', '9', '-quiet', '-log', 'debug'),
    ).toMatchObject({
      ...{ bots: 20, first: 41, moving: false, strict: true, durationSeconds: 300, limitMs: 9000 },
      ...{ quiet: true, debug: true },
    })
  })

  it('give many bots two threads, and few one', () => {
    expect(read('-N', '100').workers).toBe(1)
    expect(read('-N', '101').workers).toBe(2)
    expect(readSettings(['-server', 'host:1'], 1).workers).toBe(1)
    expect(read('-N', '2', '-workers', '4').workers).toBe(2)
  })

  it('choose among the things by name', () => {
    expect(read('-things', 'DoTestAOI, DoGetMails').things).toEqual(['DoTestAOI', 'DoGetMails'])
    expect(() => read('-things', 'DoTestAoi')).toThrow("there is no 'DoTestAoi'")
  })
})
