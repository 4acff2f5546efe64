// How a program ends: what an operator did is one line and exit code 2.
import { execFile } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { OperatorError } from '../../../engine/base/errors.ts'
import { HelpRequested } from '../../../engine/config/flags.ts'
import { addressInUse, runProgram } from '../../../engine/config/program.ts'

async function ending(main: () => Promise<void>): Promise<{ out: string; err: string; code: number | undefined }> {
  const seen = { out: '', err: '', code: undefined as number | undefined }
  await runProgram('game1', main, {
    out: (text) => {
      seen.out += text
    },
    err: (text) => {
      seen.err += text
    },
    exit: (code) => {
      seen.code = code
    },
  })
  return seen
}

const failing = (error: unknown) => () => Promise.reject(error)

function systemError(code: string, more: object): Error {
  return Object.assign(new Error(`listen ${code}`), { code, syscall: 'listen', ...more })
}

describe('a program', () => {
  it('lives on when main returns', async () => {
    expect(await ending(async () => {})).toEqual({ out: '', err: '', code: undefined })
  })

  it("ends with one line and 2 for the operator's mistake", async () => {
    expect(await ending(failing(new OperatorError('flag -gid is required')))).toEqual({
      out: '',
      err: 'game1: flag -gid is required\n',
      code: 2,
    })
  })

  it('ends with the help text and 0 when asked for it', async () => {
    expect(await ending(failing(new HelpRequested('Usage: game')))).toEqual({ out: 'Usage: game\n', err: '', code: 0 })
  })

  it('ends with a stack and 1 for anything else', async () => {
    const { err, code } = await ending(failing(new TypeError('ours')))
    expect(err).toMatch(/^game1: TypeError: ours\n +at /)
    expect(code).toBe(1)
    expect(await ending(failing('a string'))).toEqual({ out: '', err: 'game1: a string\n', code: 1 })
  })

  it('ends in the same way when it throws before it awaits', async () => {
    const { code } = await ending(() => {
      throw new OperatorError('at once')
    })
    expect(code).toBe(2)
  })

  it('names an address that another process has', async () => {
    const first = createServer()
    await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve))
    const { port } = first.address() as { port: number }
    const listening = () =>
      new Promise<void>((resolve, reject) => createServer().on('error', reject).listen(port, '127.0.0.1', resolve))
    expect(await ending(listening)).toEqual({
      out: '',
      err: `game1: cannot listen on 127.0.0.1:${port}: the address is in use by another process\n`,
      code: 2,
    })
    await new Promise((resolve) => first.close(resolve))
  })

  it('ends a real process', async () => {
    const script = join(import.meta.dirname, '../../../engine/config/sample.ts')
    const run = promisify(execFile)
    await expect(run(process.execPath, [script, '-writ'])).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'sample: unknown flag -writ; did you mean -write?\n',
    })
    expect((await run(process.execPath, [script, '-h'])).stdout).toContain('Usage: sample.ts [flags]')
  })
})

describe('an address in use', () => {
  it('is named, whatever kind it is', () => {
    const message = (error: unknown, ...more: [{ kind: 'unix'; path: string }?]) =>
      (addressInUse(error, 'gate1 listen_addr', ...more) as Error).message
    expect(message(systemError('EADDRINUSE', { address: '::1', port: 80 }))).toBe(
      'gate1 listen_addr: cannot listen on [::1]:80: the address is in use by another process',
    )
    expect(message(systemError('EADDRINUSE', { address: '/run/g.sock', port: -1 }))).toBe(
      'gate1 listen_addr: cannot listen on unix:/run/g.sock: the address is in use by another process',
    )
    expect(message(systemError('EACCES', { port: 80 }))).toBe(
      'gate1 listen_addr: cannot listen on port 80: the address needs rights that this user lacks',
    )
    expect(message(systemError('EADDRNOTAVAIL', {}), { kind: 'unix', path: '/x' })).toBe(
      'gate1 listen_addr: cannot listen on unix:/x: the address is not an address of this machine',
    )
  })

  it('is an OperatorError that keeps its cause; other errors stay as they are', () => {
    const inUse = systemError('EADDRINUSE', { address: '::', port: 1 })
    expect(addressInUse(inUse, 'x')).toBeInstanceOf(OperatorError)
    expect((addressInUse(inUse, 'x') as Error).cause).toBe(inUse)
    const reset = systemError('ECONNRESET', {})
    expect(addressInUse(reset, 'x')).toBe(reset)
    expect(addressInUse('text', 'x')).toBe('text')
    const file = Object.assign(new Error('open'), { code: 'EACCES', syscall: 'open' })
    expect(addressInUse(file, 'x')).toBe(file)
  })
})
