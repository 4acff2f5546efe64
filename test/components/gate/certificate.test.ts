// Tests of components/gate/certificate.ts: a certificate that is renewed under a gate that runs.
import { copyFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Certificate } from '../../../components/gate/certificate.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { certificate as pathOf, pem } from '../../certificates/certificates.ts'
import { tempFolder } from '../../temp-folder.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** At a time that the test says. */
class WallClock extends VirtualClock {
  readonly #fromMs: number

  constructor(fromMs: number) {
    super()
    this.#fromMs = fromMs
  }

  override wallMs(): number {
    return this.#fromMs + this.now()
  }
}

function watched({ crt = 'rsa.crt', nowMs = Date.UTC(2030, 0, 1) } = {}) {
  const folder = tempFolder()
  const [rsaKey, rsaCertificate] = [join(folder, 'rsa.key'), join(folder, 'rsa.crt')]
  copyFileSync(pathOf('rsa.key'), rsaKey)
  copyFileSync(pathOf(crt), rsaCertificate)
  const clock = new WallClock(nowMs)
  const log = new MemoryLog()
  const one = new Certificate('gate1', { rsaKey, rsaCertificate }, clock, log)
  one.watch()
  onTestFinished(() => one.stop())
  const said = () => log.lines.splice(0).map(({ level, message }) => `${level}: ${message}`)
  return { one, clock, said, folder, rsaKey, rsaCertificate, before: one.context }
}

const RENEWED = 'info: the certificate is a new one from now on: DNS:localhost, IP Address:127.0.0.1, until 2099-12-31'

test('files that stay as they are are not read again, and nothing is said of them', async () => {
  const { one, clock, said, before, rsaKey } = watched()
  await clock.advance(DAY)
  expect([said(), one.context === before]).toEqual([[], true])
  // The same once more: not worth a word.
  utimesSync(rsaKey, 1, 1)
  await clock.advance(MINUTE)
  expect(said()).toEqual([])
})

test('files that are replaced are taken within a minute', async () => {
  const { one, clock, said, before, folder, rsaKey, rsaCertificate } = watched()
  for (const [name, to] of [['ec.key', rsaKey] as const, ['ec.crt', rsaCertificate] as const]) {
    copyFileSync(pathOf(name), join(folder, 'new'))
    renameSync(join(folder, 'new'), to)
  }
  expect(one.context).toBe(before)
  await clock.advance(MINUTE)
  expect([said(), one.context === before]).toEqual([[RENEWED], false])
  const taken = one.context
  await clock.advance(DAY)
  expect([said(), one.context === taken]).toEqual([[], true])
})

test('so are links that lead elsewhere, as certbot makes them', async () => {
  const { one, clock, said, before, rsaKey, rsaCertificate } = watched()
  rmSync(rsaKey)
  rmSync(rsaCertificate)
  symlinkSync(pathOf('chain.key'), rsaKey)
  symlinkSync(pathOf('chain.crt'), rsaCertificate)
  await clock.advance(MINUTE)
  expect([said(), one.context === before]).toEqual([[RENEWED], false])
})

test('a pair that does not match is refused in one line, the old one stays, and it is tried again', async () => {
  const { one, clock, said, before, rsaKey, rsaCertificate } = watched()
  copyFileSync(pathOf('ec.key'), rsaKey)
  await clock.advance(10 * MINUTE)
  const [line, ...more] = said()
  expect(line).toMatch(
    /^warn: gate1 rsa_key: .* is not the key of .*; the certificate of before stays, and the files are read again every minute$/,
  )
  expect([more, one.context === before]).toEqual([[], true])
  expect(one.status().refusedFiles).toContain('is not the key of')
  // Half of it.
  writeFileSync(rsaCertificate, pem('ec.crt').slice(0, 300))
  await clock.advance(10 * MINUTE)
  expect(said()).toEqual([expect.stringMatching(/^warn: gate1 rsa_certificate: .* is cut off/)])
  rmSync(rsaCertificate)
  await clock.advance(10 * MINUTE)
  expect(said()).toEqual([expect.stringMatching(/^warn: gate1 rsa_certificate: .*: no such file/)])
  expect(one.context).toBe(before)
  copyFileSync(pathOf('ec.crt'), rsaCertificate)
  await clock.advance(MINUTE)
  expect([said(), one.context === before]).toEqual([[RENEWED], false])
  expect(one.status().refusedFiles).toBe('')
})

test('one that ends soon is spoken of each day, until it is renewed', async () => {
  const { one, clock, said, rsaCertificate } = watched({ crt: 'expired.crt', nowMs: Date.UTC(2020, 11, 10) })
  await clock.advance(7 * DAY)
  expect(said()).toEqual([])
  expect(one.status()).toMatchObject({ expires: '2021-01-01T00:00:00.000Z', daysLeft: 15 })
  await clock.advance(2 * DAY)
  const soon = (days: number) =>
    expect.stringMatching(new RegExp(`^warn: gate1 .* expires on 2021-01-01, in ${days} days`))
  expect(said()).toEqual([soon(13)])
  copyFileSync(pathOf('rsa.crt'), rsaCertificate)
  await clock.advance(30 * DAY)
  expect(said()).toEqual([RENEWED])
})

test('one that has expired is said to be so at once, and is shown all the same', async () => {
  const { one, said } = watched({ crt: 'expired.crt' })
  expect(said()).toEqual([expect.stringMatching(/^warn: gate1 rsa_certificate: .* has expired on 2021-01-01/)])
  expect(one.status().daysLeft).toBeLessThan(0)
})

test('looks no more when it is stopped', async () => {
  const { one, clock, said, rsaKey } = watched()
  one.stop()
  rmSync(rsaKey)
  await clock.advance(DAY)
  expect(said()).toEqual([])
})
