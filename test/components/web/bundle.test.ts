// The client in one file: small, whole, and a client.
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { bundleClient } from '../../../components/web/bundle.ts'
import * as client from '../../../engine/client/client.ts'

const files = await bundleClient()

test.each([
  ['goworld-client.js', 40],
  ['goworld-client.global.js', 40],
  ['goworld-motion.js', 15],
  ['goworld-motion.global.js', 15],
] as const)('%s is below %i KB and imports nothing', (file, kibibytes) => {
  const text = files[file]
  expect(Buffer.byteLength(text)).toBeLessThan(kibibytes * 1024)
  expect(text).not.toMatch(/\bimport\s*[({*'"\w]|\bfrom\s*['"]|\brequire\(|node:/)
})

test('the module exports what goworld/client does', async () => {
  const module = (await import(`data:text/javascript,${encodeURIComponent(files['goworld-client.js'])}`)) as object
  expect(Object.keys(module).sort()).toEqual(Object.keys(client).sort())
})

test('the script is a global `goworld`, and reads and writes as the client does', () => {
  const sent: Uint8Array[] = []
  let receive = (_: Uint8Array) => {}
  const stream: client.ByteStream = {
    bufferedBytes: 0,
    write: (bytes) => void sent.push(bytes),
    onData: (handler) => {
      receive = handler
    },
    onClose() {},
    close() {},
  }
  // Of browsers it has what the language itself has not.
  const page = { stream, TextDecoder, TextEncoder, setTimeout, clearTimeout, performance, console, crypto, URL }
  const goworld = runInNewContext(`${files['goworld-client.global.js']}; goworld`, page) as typeof client
  const game = goworld.connect(stream, { heartbeatMs: 0, log: { error() {} } })
  expect(game.closed).toBe(undefined)
  game.call('x'.repeat(16), 'say', 'hello')
  expect(sent).toHaveLength(1)
  expect(() => game.motion).toThrow('goworld/client/motion')
  receive(new Uint8Array([2, 0, 0, 0, 0xff, 0xff]))
  expect(game.counters.protocolErrors).toBe(1)
})

test('what draws is a file beside it, and goes with it', () => {
  const stream = { bufferedBytes: 0, write() {}, onData() {}, onClose() {}, close() {} }
  const page = { stream, TextDecoder, TextEncoder, setTimeout, clearTimeout, performance, console, crypto, URL }
  const script = files['goworld-client.global.js'] + files['goworld-motion.global.js']
  const connected = 'goworld.connect(stream, { heartbeatMs: 0, motion: goworldMotion.motion })'
  const game = runInNewContext(`${script}; ${connected}`, page) as client.Game
  game.frame(0)
  expect(game.motion.waitingInputs).toBe(0)
})
