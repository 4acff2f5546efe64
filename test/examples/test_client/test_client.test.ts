// The bots of test_client against a scripted gate: what they count, when they fail, and what they print.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import type { Summary } from '../../../examples/test_client/report.ts'
import { run } from '../../../examples/test_client/run.ts'
import { type RunOptions, readSettings } from '../../../examples/test_client/settings.ts'
import { THINGS } from '../../../examples/test_client/things.ts'
import { FakeGate, type Script } from './fake-gate.ts'

const gates: FakeGate[] = []
afterEach(() => {
  for (const gate of gates.splice(0)) gate.close()
})

async function fakeGate(script?: Script): Promise<{ gate: FakeGate; address: string }> {
  const gate = new FakeGate(script)
  gates.push(gate)
  return { gate, address: await gate.listen() }
}

const METHODS = [
  'EnterSpace',
  'EnterRandomNilSpace',
  'SendMail',
  'GetMails',
  'Say',
  'TestListField',
  'TestPublish',
  'TestAOI',
  'TestCallAll',
  'TestComplexAttr',
]

/** Lets bots play until `enough`, and answers what it came to. */
async function play(
  address: string,
  options: Partial<RunOptions>,
  enough: () => boolean = () => false,
): Promise<{ exitCode: number; summary: Summary; out: string; err: string }> {
  const settings = readSettings(['-server', address, '-N', '4', '-think', '10'], 2)
  const stop = new AbortController()
  const watch = setInterval(() => enough() && stop.abort(), 5)
  let out = ''
  let err = ''
  const screen = {
    out(text: string) {
      out += text
    },
    err(text: string) {
      err += text
    },
    live: false,
  }
  const result = await run({ ...settings, tickMs: 10, ...options }, screen, stop.signal)
  clearInterval(watch)
  return { ...result, out, err }
}

describe('bots', () => {
  it('do everything there is to do, and find nothing wrong', async () => {
    const { gate, address } = await fakeGate()
    const { exitCode, summary } = await play(
      address,
      { strict: true, first: 5 },
      () => gate.played.size === 4 && METHODS.every((method) => gate.calls[method]! >= 5) && gate.moves > 20,
    )
    expect(exitCode).toBe(0)
    expect(summary).toMatchObject({ bots: 4, connected: 4, errors: 0, timeouts: 0, errorKinds: {}, timeoutsOf: {} })
    expect(Object.keys(summary.things)).toEqual(['Login', ...THINGS.map(({ name }) => name)].sort())
    for (const [name, { count, p50Ms, p95Ms, p99Ms, maxMs }] of Object.entries(summary.things)) {
      expect(count, name).toBeGreaterThan(0)
      expect([p50Ms, p95Ms, p99Ms, maxMs], name).toEqual([p50Ms, p95Ms, p99Ms, maxMs].sort((a, b) => a - b))
    }
    expect(summary.things['Login']!.count).toBe(4)
    expect(gate.logins.sort()).toEqual(['test5 123456', 'test6 123456', 'test7 123456', 'test8 123456'])
    expect(gate.calls['TestCallAllEcho']).toBeGreaterThanOrEqual(gate.calls['TestCallAll']! - 4)
    expect(gate.mailFields).toBe(1004)
    expect(gate.players.size).toBe(0)
  })

  it('measure how long a move takes to reach another bot', async () => {
    const { gate, address } = await fakeGate()
    const { summary } = await play(address, { things: ['DoTestPublish'] }, () => gate.moves > 60)
    expect(summary.sync.recordsPerSecond).toBeGreaterThan(0)
    expect(summary.sync.p99Ms).toBeLessThan(1000)
  })

  it('do not move when told so, and do only the things chosen', async () => {
    const { gate, address } = await fakeGate()
    const { summary } = await play(
      address,
      { moving: false, things: ['DoGetMails', 'DoSayInProfChannel'] },
      () => gate.calls['GetMails']! > 5 && gate.calls['Say']! > 5,
    )
    expect(gate.moves).toBe(0)
    expect(Object.keys(summary.things)).toEqual(['DoGetMails', 'DoSayInProfChannel', 'Login'])
  })

  it('spread over threads come to one sum', async () => {
    const { gate, address } = await fakeGate()
    const { summary, exitCode, err } = await play(
      address,
      { quiet: true, bots: 7, workers: 2, strict: true },
      () => gate.played.size === 7 && METHODS.every((method) => gate.calls[method]! >= 2),
    )
    expect(err).toBe('')
    expect(exitCode).toBe(0)
    expect(summary).toMatchObject({ bots: 7, connected: 7, errors: 0 })
    expect(summary.things['Login']!.count).toBe(7)
    expect(gate.logins.sort()).toEqual([1, 2, 3, 4, 5, 6, 7].map((number) => `test${number} 123456`))
    expect(gate.players.size).toBe(0)
  })
})

describe('a strict run', () => {
  it.each<[string, string, Script]>([
    [
      'a list that differs from the mirror',
      'mismatch',
      { TestListField: (player) => player.hear('OnTestListField', [99]) },
    ],
    [
      'an attribute that differs from what it should be',
      'mismatch',
      { TestComplexAttr: (player) => player.hear('OnTestComplexAttrStep1') },
    ],
    [
      'an entity that was not created',
      'mismatch',
      { TestAOI: (player) => player.hear('OnTestAOI', 'nobody0000000000') },
    ],
    ['mail that is refused', 'refused', { SendMail: (player) => player.hear('OnSendMail', false) }],
    [
      'a login that is refused',
      'refused',
      {
        Login: (player) =>
          player.send('callOnClient', { entityId: player.accountId, method: 'OnLogin', args: [false] }),
      },
    ],
    ['a call that no client knows', 'unknown call', { GetMails: (player) => player.hear('OnGetMail', true) }],
    [
      'a call on an entity that was not created',
      'unknown entity',
      {
        GetMails: (player) => player.send('callOnClient', { entityId: 'nobody0000000000', method: 'OnSay', args: [] }),
      },
    ],
    [
      'a change that does not fit',
      'mirror',
      { TestListField: (player) => player.send('listPop', { entityId: player.id, path: ['testListField'] }) },
    ],
    ['a connection that is closed', 'closed', { GetMails: (player) => player.socket.destroy() }],
  ])('fails at %s', async (_what, kind, script) => {
    const { address } = await fakeGate(script)
    const { exitCode, summary, err } = await play(address, { strict: true })
    expect(exitCode).toBe(1)
    expect(summary.errorKinds[kind]).toBeGreaterThan(0)
    expect(err).toMatch(new RegExp(`^${kind}: test\\d: `, 'm'))
  })

  it('fails when a thing takes too long', async () => {
    const { address } = await fakeGate({ TestPublish: () => {} })
    const { exitCode, summary, err, out } = await play(address, { strict: true, limitMs: 300 })
    expect(exitCode).toBe(1)
    expect(summary.timeoutsOf['DoTestPublish']).toBeGreaterThanOrEqual(1)
    expect(err).toContain('DoTestPublish took longer than 300 ms')
    expect(out).toMatch(/DoTestPublish .* [1-9]\d*$/m)
  })

  it('fails when no gate is there', async () => {
    const { gate, address } = await fakeGate()
    gate.close()
    const { exitCode, summary } = await play(address, { strict: true })
    expect(exitCode).toBe(1)
    expect(summary.errorKinds).toEqual({ connect: expect.any(Number) })
  })
})

describe('a run that is not strict', () => {
  it('goes on after errors and timeouts, and tells only the first few of each', async () => {
    const { gate, address } = await fakeGate({
      GetMails: (player) => player.hear('OnGetMails', false),
      TestAOI: () => {},
    })
    const { exitCode, summary, err } = await play(
      address,
      { limitMs: 200, things: ['DoGetMails', 'DoTestAOI'] },
      () => gate.calls['GetMails']! >= 10 && gate.calls['TestAOI']! >= 10,
    )
    expect(exitCode).toBe(0)
    expect(summary.errors).toBeGreaterThan(5)
    expect(summary.timeouts).toBeGreaterThanOrEqual(4)
    expect(err.match(/^refused: /gm)).toHaveLength(3)
    expect(err.match(/^timeout: /gm)).toHaveLength(3)
  })

  it('comes back after a lost connection', async () => {
    const askers = new Set<string>()
    const { address } = await fakeGate({
      GetMails(player, args) {
        askers.add(player.id)
        if (askers.size === 1) player.socket.destroy()
        else player.usual('GetMails', args)
      },
    })
    // The one that was kicked has asked under two ids.
    const { exitCode, summary } = await play(address, { bots: 2, things: ['DoGetMails'] }, () => askers.size === 3)
    expect(exitCode).toBe(0)
    expect(summary).toMatchObject({ connected: 2, errors: 1, errorKinds: { closed: 1 } })
    expect(summary.things['Login']!.count).toBe(3)
  })

  it('that nobody could join has failed all the same', async () => {
    const { gate, address } = await fakeGate({ Login: () => {} })
    const { exitCode, summary } = await play(address, { limitMs: 100 }, () => gate.calls['Login']! > 0)
    expect(exitCode).toBe(1)
    expect(summary.connected).toBe(0)
  })
})

describe('the program', () => {
  const script = fileURLToPath(new URL('../../../examples/test_client/test_client.ts', import.meta.url))

  function start(...args: string[]) {
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      child.on('close', (code) => resolve({ code, out, err }))
    })
    return { child, ended }
  }

  it('prints a table and, last, one line of JSON', async () => {
    const { address } = await fakeGate()
    const flags = ['-N', '3', '-think=50', '-duration', '2', '-strict', '-json', '-quiet']
    const { code, out, err } = await start('-server', address, ...flags).ended
    expect(err).toBe('')
    expect(code).toBe(0)
    const lines = out.trimEnd().split('\n')
    const summary = JSON.parse(lines.at(-1)!) as Summary
    expect(summary).toMatchObject({ bots: 3, connected: 3, errors: 0, timeouts: 0 })
    expect(summary.seconds).toBeGreaterThanOrEqual(2)
    expect(summary.things['DoTestAOI']).toEqual({
      count: expect.any(Number),
      p50Ms: expect.any(Number),
      p95Ms: expect.any(Number),
      p99Ms: expect.any(Number),
      maxMs: expect.any(Number),
    })
    expect(summary.sync).toEqual({
      recordsPerSecond: expect.any(Number),
      p50Ms: expect.any(Number),
      p99Ms: expect.any(Number),
    })
    expect(out).toContain('3 of 3 bots played')
    expect(out).toMatch(/^DoTestAOI +\d+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+$/m)
  })

  it('ends in order on a signal', async () => {
    const { gate, address } = await fakeGate()
    const { child, ended } = start('-server', address, '-N', '101', '-json', '-quiet')
    await until(() => gate.logins.length === 101)
    child.kill('SIGINT')
    const { code, out } = await ended
    expect(code).toBe(0)
    const summary = JSON.parse(out.trimEnd().split('\n').at(-1)!) as Summary
    expect(summary).toMatchObject({ bots: 101, errors: 0 })
    // The last of them may have logged in and not heard of it yet.
    expect(summary.connected).toBeGreaterThan(90)
    await until(() => gate.players.size === 0)
  })

  it('exits with 1 when a strict run fails', async () => {
    const { address } = await fakeGate({ GetMails: (player) => player.hear('OnGetMails', false) })
    const { code, err } = await start('-server', address, '-N', '2', '-think', '50', '-strict').ended
    expect(code).toBe(1)
    expect(err).toContain('refused: test')
  })

  it('exits with 2 and one line when it is called wrongly', async () => {
    for (const [flags, line] of [
      [
        ['-things', 'DoNothing'],
        "test_client: flag -things=DoNothing: there is no 'DoNothing'; there are DoEnterRandomSpace, ",
      ],
      [['-server', 'tcp://host'], "test_client: 'tcp://host' is no server address"],
      [['-configfile', '/nowhere/goworld.ini'], 'test_client: /nowhere/goworld.ini: no such file'],
    ] as const) {
      const { code, out, err } = await start(...flags).ended
      expect({ code, out }).toEqual({ code: 2, out: '' })
      expect(err).toMatch(/^[^\n]*\n$/)
      expect(err.startsWith(line), err).toBe(true)
    }
  })
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
