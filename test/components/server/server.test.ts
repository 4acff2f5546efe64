// A whole server in the program that asks for it: started, spoken to, stopped, and gone without a trace.
import { createServer } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { entity, game, kvdb, string } from '../../../components/game/goworld.ts'
import { serve } from '../../../components/server/server.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import { MemoryLog } from '../../../engine/base/log.ts'

class Guest extends entity({
  ownClient: { keep: [string], stumble: [string] },
  client: { kept(_word: string) {} },
}) {
  async keep(word: string) {
    await kvdb.put('word', word)
    this.client.kept((await kvdb.get('word')) ?? '')
  }
  stumble(why: string) {
    void Promise.reject(new Error(why))
  }
  override onClientDisconnected() {
    this.destroy()
  }
}

const definition = game([Guest])
const json = { port: 0, path: '/play', host: '127.0.0.1' }

async function start() {
  const log = new MemoryLog()
  const server = await serve(definition, { bootEntity: 'Guest', json, log })
  onTestFinished(() => server.stop())
  return { log, server }
}

async function visit(port: number) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/play`)
  onTestFinished(() => socket.terminate())
  const heard: string[] = []
  socket.on('message', (data) => void heard.push(String(data)))
  socket.on('error', () => {})
  const closed = new Promise<string>((resolve) => void socket.once('close', (_, reason) => resolve(String(reason))))
  await new Promise((resolve) => void socket.once('open', resolve))
  return { socket, heard, closed }
}

test('a client is an entity of the game, for as long as it is connected', async () => {
  const { server } = await start()
  expect(server.port).toBeGreaterThan(0)
  const { socket, heard } = await visit(server.port)
  socket.send('{"type":"keep","data":"ImhlbGxvIg=="}')
  await vi.waitFor(() => expect(heard).toEqual(['{"type":"kept","data":"ImhlbGxvIg=="}']))
  expect(server.status()).toMatchObject({ clients: 1, entities: 2, gate: { refusedJson: { malformed: 0 } } })
  const health = await fetch(`http://127.0.0.1:${server.port}/healthz`)
  expect([health.status, await health.json()]).toEqual([200, { ready: true }])
  socket.close()
  await vi.waitFor(() => expect(server.status()).toMatchObject({ clients: 0, entities: 1 }))
})

test('a promise that the game forgot is a line of the log', async () => {
  const { server, log } = await start()
  const { socket } = await visit(server.port)
  // vitest takes a rejection that nobody awaits for a failure of the test.
  const listeners = process.listeners('unhandledRejection')
  for (const other of listeners.slice(0, -1)) process.off('unhandledRejection', other)
  onTestFinished(() => void listeners.slice(0, -1).forEach((other) => process.on('unhandledRejection', other)))
  socket.send('{"type":"stumble","data":"Im9oIG5vIg=="}')
  await vi.waitFor(() => expect(log.matching('error', 'oh no')).toHaveLength(1))
  expect(server.status()).toMatchObject({ clients: 1 })
})

test('a stop closes the clients, gives the port back and leaves nothing behind', async () => {
  const strays = process.listenerCount('unhandledRejection')
  const { server, log } = await start()
  const { closed } = await visit(server.port)
  await Promise.all([server.stop(), server.stop()])
  expect(await closed).toBe('the gate stops')
  expect(process.listenerCount('unhandledRejection')).toBe(strays)
  expect(log.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([])
  const again = await serve(definition, { bootEntity: 'Guest', json: { ...json, port: server.port }, log })
  await again.stop()
})

test('a port that is in use is one line, and nothing is left running', async () => {
  const taken = createServer()
  onTestFinished(() => void taken.close())
  await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as { port: number }
  const log = new MemoryLog()
  const failed = serve(definition, { bootEntity: 'Guest', json: { ...json, port }, log })
  await expect(failed).rejects.toThrow(OperatorError)
  await expect(failed).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: the address is in use by another process`)
  // Its game is gone: there is one that code outside of a method could mean, and then none.
  const { server } = await start()
  await server.stop()
  await expect(async () => kvdb.get('word')).rejects.toThrow('no game is running')
})

test('a boot entity that the game does not have is one line', async () => {
  const failed = serve(definition, { bootEntity: 'Gest', json, log: new MemoryLog() })
  await expect(failed).rejects.toThrow('boot_entity = Gest: this game has no such entity class, only Guest')
})
