// Tests of components/gate/key-pair.ts: what a gate takes for its key and certificate, and how it says what is wrong.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { expiryWarning, readKeyPair } from '../../../components/gate/key-pair.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import { certificate, pem } from '../../certificates/certificates.ts'
import { tempFolder } from '../../temp-folder.ts'

const read = (key: string, crt: string) => readKeyPair('gate1', { rsaKey: key, rsaCertificate: crt })

test.each(['rsa', 'ec', 'chain'])('takes a key and its certificate: %s', (name) => {
  const pair = read(certificate(`${name}.key`), certificate(`${name}.crt`))
  expect(pair.subject).toBe('DNS:localhost, IP Address:127.0.0.1')
  expect(new Date(pair.expiresMs).getUTCFullYear()).toBe(2099)
  expect(expiryWarning('gate1', 'a.crt', pair, Date.UTC(2099, 11, 1))).toBeUndefined()
})

test('both may be in one file, with other things between', () => {
  const both = join(tempFolder(), 'both.pem')
  writeFileSync(both, `of our gate\n${pem('chain.key')}\nand so on\r\n${pem('chain.crt')}`)
  expect(read(both, both).fingerprint).toBe(read(certificate('chain.key'), certificate('chain.crt')).fingerprint)
})

const GOOD_KEY = certificate('rsa.key')
const GOOD_CERTIFICATE = certificate('rsa.crt')

/** In files named `key` and `crt`; the good ones where nothing is said. */
const WRONG: [what: string, texts: { key?: string; crt?: string }, why: string][] = [
  ['a key that is something else', { key: 'secret' }, 'rsa_key: KEY is not in PEM format'],
  ['a certificate that is something else', { crt: '\x30\x82' }, 'rsa_certificate: CRT is not in PEM format'],
  ['an empty certificate', { crt: '' }, 'rsa_certificate: CRT is not in PEM format'],
  ['a certificate for a key', { key: pem('rsa.crt') }, 'rsa_key: KEY has no private key in it'],
  ['a key for a certificate', { crt: pem('rsa.key') }, 'rsa_certificate: CRT has no certificate in it'],
  ['half a key', { key: pem('rsa.key').slice(0, 800) }, 'rsa_key: KEY is cut off: the last -----END'],
  ['half a chain', { crt: pem('chain.crt').slice(0, -200) }, 'rsa_certificate: CRT is cut off: the last -----END'],
  ['a key with a passphrase', { key: pem('locked.key') }, 'rsa_key: KEY is protected by a passphrase'],
  [
    'a key that is none',
    { key: pem('rsa.key').replace(/\nM/, '\nA') },
    'rsa_key: KEY has a private key that cannot be read',
  ],
  [
    'a certificate that is none',
    { crt: pem('rsa.crt').replace(/\nM/, '\nA') },
    'rsa_certificate: CRT has a certificate that cannot be read (the 1.)',
  ],
  [
    'a key that is too short',
    { key: pem('weak.key'), crt: pem('weak.crt') },
    'rsa_certificate: CRT cannot be used: ee key too small',
  ],
  [
    'another key',
    { key: pem('ec.key') },
    'rsa_key: KEY is not the key of the (first) certificate in rsa_certificate: CRT',
  ],
  [
    'a chain in the wrong order',
    { key: pem('ec.key'), crt: pem('root.crt') + pem('ec.crt') },
    'rsa_key: KEY is not the key of the (first) certificate in rsa_certificate: CRT',
  ],
]

test.each(WRONG)('names the option and the file for %s', (_, { key, crt }, why) => {
  const folder = tempFolder()
  const [keyPath, crtPath] = [join(folder, 'key'), join(folder, 'crt')]
  if (key !== undefined) writeFileSync(keyPath, key)
  if (crt !== undefined) writeFileSync(crtPath, crt, 'latin1')
  const [k, c] = [key === undefined ? GOOD_KEY : keyPath, crt === undefined ? GOOD_CERTIFICATE : crtPath]
  expect(() => read(k, c)).toThrow(`gate1 ${why.replace('KEY', k).replace('CRT', c)}`)
  expect(() => read(k, c)).toThrow(OperatorError)
})

test('names what is not there, what cannot be read, and what was not said', () => {
  const folder = tempFolder()
  const path = join(folder, 'no', 'rsa.key')
  expect(() => read(path, GOOD_CERTIFICATE)).toThrow(`gate1 rsa_key: ${path}: no such file`)
  expect(() => read(GOOD_KEY, path)).toThrow(`gate1 rsa_certificate: ${path}: no such file`)
  mkdirSync(join(folder, 'dir'))
  expect(() => read(join(folder, 'dir'), GOOD_CERTIFICATE)).toThrow(/^gate1 rsa_key: .*dir cannot be read \(EISDIR\)$/)
  expect(() => read('', GOOD_CERTIFICATE)).toThrow('gate1 rsa_key: a file is wanted by encrypt_connection')
  expect(() => read(GOOD_KEY, '')).toThrow('gate1 rsa_certificate: a file is wanted by encrypt_connection')
})

test('warns of a certificate that has expired, will within two weeks, or is not valid yet', () => {
  const warning = (crt: string, nowMs: number) =>
    expiryWarning('gate1', 'a.crt', read(GOOD_KEY, certificate(crt)), nowMs)
  expect(warning('expired.crt', Date.UTC(2026, 0, 1))).toBe(
    'gate1 rsa_certificate: a.crt has expired on 2021-01-01: clients that look at it refuse it',
  )
  expect(warning('expired.crt', Date.UTC(2020, 11, 20))).toBe(
    'gate1 rsa_certificate: a.crt expires on 2021-01-01, in 12 days: clients that look at it will refuse it',
  )
  expect(warning('expired.crt', Date.UTC(2020, 11, 17))).toBeUndefined()
  expect(warning('rsa.crt', Date.UTC(2030, 0, 1))).toBeUndefined()
  expect(warning('rsa.crt', Date.UTC(2019, 0, 1))).toBe(
    'gate1 rsa_certificate: a.crt is not valid before 2020-01-01: clients that look at it refuse it',
  )
})
