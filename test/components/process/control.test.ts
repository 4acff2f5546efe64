// Tests of components/process/control.ts: the channel between the `goworld` command and a process.
import { statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { askControl, serveControl } from '../../../components/process/control.ts'
import { tempFolder } from '../../temp-folder.ts'

const newPath = () => {
  const folder = tempFolder()
  return { folder, path: join(folder, 'gate1.sock') }
}

describe('the control channel', () => {
  test('answers with the status', async () => {
    const { folder, path } = newPath()
    const control = await serveControl(path, folder, { status: () => ({ ready: true, clients: 3 }), stop() {} })
    expect(await askControl(path, 'status')).toEqual({ ready: true, clients: 3 })
    control.close()
  })

  test('passes a stop on, and says so at once', async () => {
    const { folder, path } = newPath()
    const stop = vi.fn()
    const control = await serveControl(path, folder, { status: () => ({}), stop })
    await askControl(path, 'stop')
    expect(stop).toHaveBeenCalledOnce()
    control.close()
  })

  test('passes a freeze on, and answers why it cannot be', async () => {
    const { folder, path } = newPath()
    const reasons = [undefined, 'only a game can be frozen']
    const freeze = vi.fn(() => reasons.shift())
    const control = await serveControl(path, folder, { status: () => ({}), stop() {}, freeze })
    expect(await askControl(path, 'freeze')).toEqual({})
    expect(await askControl(path, 'freeze')).toEqual({ error: 'only a game can be frozen' })
    expect(freeze).toHaveBeenCalledTimes(2)
    control.close()
    const other = newPath()
    const without = await serveControl(other.path, other.folder, { status: () => ({}), stop() {} })
    expect(await askControl(other.path, 'freeze')).toEqual({ error: 'it cannot be frozen' })
    without.close()
  })

  test('answers several at a time', async () => {
    const { folder, path } = newPath()
    let asked = 0
    const control = await serveControl(path, folder, { status: () => ({ asked: ++asked }), stop() {} })
    const answers = await Promise.all(Array.from({ length: 8 }, () => askControl(path, 'status')))
    expect(answers.map((answer) => answer.asked).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    control.close()
  })

  test('carries a status of many kilobytes', async () => {
    const { folder, path } = newPath()
    const status = { games: Array.from({ length: 5000 }, (_, id) => ({ id, name: `game ${id} – ready` })) }
    const control = await serveControl(path, folder, { status: () => status, stop() {} })
    expect(await askControl(path, 'status')).toEqual(status)
    control.close()
  })

  test('rejects where nobody serves, and where nobody answers', async () => {
    const { path } = newPath()
    await expect(askControl(path, 'status')).rejects.toThrow(/ENOENT/)
    const mute = createServer((socket) => void socket.on('error', () => {}))
    await new Promise<void>((resolve) => void mute.listen(path, resolve))
    await expect(askControl(path, 'status', 50)).rejects.toThrow(/no answer/)
    mute.close()
  })

  test('lives on when somebody writes nonsense to it', async () => {
    const { folder, path } = newPath()
    const control = await serveControl(path, folder, { status: () => ({ ok: true }), stop() {} })
    for (const nonsense of [
      'hello\f',
      '{"type":"start","data":{}}\f',
      '{"type":"__proto__"}\f',
      'x'.repeat(2_000_000),
    ]) {
      const socket = connect(path)
      await new Promise<void>((resolve) => {
        socket.on('error', () => {})
        socket.on('close', () => resolve())
        socket.write(nonsense)
      })
    }
    expect(await askControl(path, 'status')).toEqual({ ok: true })
    control.close()
  })

  test('takes the place of a socket that a killed process left, and is its user’s only', async () => {
    const { folder, path } = newPath()
    const first = await serveControl(path, folder, { status: () => ({ first: true }), stop() {} })
    const second = await serveControl(path, folder, { status: () => ({ first: false }), stop() {} })
    expect(await askControl(path, 'status')).toEqual({ first: false })
    if (process.platform !== 'win32') expect(statSync(folder).mode & 0o077).toBe(0)
    first.close()
    second.close()
  })
})
