// Strict bots against a real server of test_game in processes of its own, by TCP and by WebSocket at once, with TLS and without.
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Summary } from '../../../examples/test_client/report.ts'
import { THINGS } from '../../../examples/test_client/things.ts'
import { certificate } from '../../certificates/certificates.ts'
import { GameFolder } from '../../components/cli/game-folder.ts'
import { Program, ROOT } from '../../program.ts'

const CLIENT = join(ROOT, 'examples/test_client/test_client')
const FLAGS = ['-strict', '-json', '-quiet', '-think', '600']

const ENCRYPTED = `encrypt_connection=1\nrsa_key=${certificate('rsa.key')}\nrsa_certificate=${certificate('rsa.crt')}\n`

test.each([
  ['', ''],
  [' with TLS', ENCRYPTED],
])('50 strict bots by TCP and 20 by WebSocket%s play for 8 seconds without an error', async (_, ini) => {
  const source = join(ROOT, 'examples/test_game')
  const game = new GameFolder({ source: "export { default } from './test_game.ts'\n", ini })
  for (const file of readdirSync(source).filter((name) => name.endsWith('.ts')))
    cpSync(join(source, file), join(game.path, file))
  const server = game.begin('start')
  await server.said('stop: ')
  const [, tcp, ws] = /(?:tcp:\/\/(?=\S)|(?=tls:))(\S+) +(wss?:\/\/\S+)/.exec(server.out)!
  const play = (...flags: string[]) => new Program(CLIENT, [...FLAGS, '-duration', '8', ...flags]).ended
  const ended = await Promise.all([
    play('-N', '50', '-server', tcp!),
    play('-N', '20', '-S', '51', '-ws', '-server', ws!),
  ])
  for (const [at, bots] of [50, 20].entries()) {
    const { code, out, err } = ended[at]!
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const summary = JSON.parse(out.trimEnd().split('\n').at(-1)!) as Summary
    expect(summary).toMatchObject({ bots, connected: bots, errors: 0, timeouts: 0 })
    expect(Object.keys(summary.things).sort()).toEqual([...THINGS.map(({ name }) => name), 'Login'].sort())
    expect(summary.sync.recordsPerSecond).toBeGreaterThan(0)
  }
  server.kill('SIGINT')
  expect((await server.ended).code).toBe(0)
  expect(server.text).not.toMatch(/(^| )ERROR /)
})
