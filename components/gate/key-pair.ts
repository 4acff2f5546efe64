// The private key and the certificate of a gate, read from their files: what is wrong with them is said in one line that names
// the option and the file.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { SecureContext } from 'node:tls'
import { OperatorError } from '../../engine/base/errors.ts'
import { opensslReason, serverContext } from '../../engine/net/tls.ts'

/** As goworld.ini has them. */
export interface KeyPairFiles {
  readonly rsaKey: string
  readonly rsaCertificate: string
}

export interface KeyPair {
  /** What connections are met with. */
  readonly context: SecureContext
  /** Tells one certificate from another. */
  readonly fingerprint: string
  /** For whom it is, in a few words. */
  readonly subject: string
  /** Milliseconds since 1970; nobody takes it before or after. */
  readonly beginsMs: number
  readonly expiresMs: number
}

export const DAY_MS = 86_400_000
/** One that is renewed by itself is, by then; Let's Encrypt's certbot does it 30 days before. */
const SOON_DAYS = 14

/** Reads both files. Throws an OperatorError that begins with `gate`, such as `gate1`. */
export function readKeyPair(gate: string, { rsaKey, rsaCertificate }: KeyPairFiles): KeyPair {
  const failWith = (option: string, path: string) => (why: string) => {
    throw new OperatorError(`${gate} ${option}: ${path === '' ? 'a file is wanted by encrypt_connection' : path}${why}`)
  }
  const failKey = failWith('rsa_key', rsaKey)
  const failCertificate = failWith('rsa_certificate', rsaCertificate)
  const keyPem = readPem(rsaKey, failKey)
  const chainPem = readPem(rsaCertificate, failCertificate)
  const key = keyIn(keyPem, failKey)
  const [own] = chainIn(chainPem, failCertificate)
  if (!own!.checkPrivateKey(key))
    failKey(` is not the key of the (first) certificate in rsa_certificate: ${rsaCertificate}`)
  try {
    const context = serverContext(keyPem, chainPem)
    const { fingerprint256: fingerprint, validFromDate, validToDate } = own!
    const subject = subjectOf(own!)
    return { context, fingerprint, subject, beginsMs: validFromDate.getTime(), expiresMs: validToDate.getTime() }
  } catch (error) {
    // Such as a key that is too short to be safe.
    return failCertificate(` cannot be used: ${opensslReason(error as Error)}`)
  }
}

/** Whether clients that look at the certificate refuse it, or soon will, in words. */
export function expiryWarning(gate: string, path: string, pair: KeyPair, nowMs: number): string | undefined {
  const { beginsMs, expiresMs } = pair
  const warning = (what: string) => `${gate} rsa_certificate: ${path} ${what}`
  if (expiresMs <= nowMs) return warning(`has expired on ${dateOf(expiresMs)}: clients that look at it refuse it`)
  if (beginsMs > nowMs) return warning(`is not valid before ${dateOf(beginsMs)}: clients that look at it refuse it`)
  const days = Math.floor((expiresMs - nowMs) / DAY_MS)
  if (days >= SOON_DAYS) return undefined
  return warning(`expires on ${dateOf(expiresMs)}, in ${days} days: clients that look at it will refuse it`)
}

const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

type Fail = (why: string) => never

function readPem(path: string, fail: Fail): string {
  let text: string
  try {
    if (path === '') fail('')
    text = readFileSync(path, 'latin1')
  } catch (error) {
    if (error instanceof OperatorError) throw error
    const { code } = error as NodeJS.ErrnoException
    return fail(code === 'ENOENT' ? ': no such file' : ` cannot be read (${code})`)
  }
  const begun = text.match(/^-----BEGIN /gm)?.length ?? 0
  const ended = text.match(/^-----END /gm)?.length ?? 0
  if (begun === 0) fail(' is not in PEM format: it has no line -----BEGIN …')
  if (ended < begun) fail(' is cut off: the last -----END … is missing')
  return text
}

function keyIn(pem: string, fail: Fail): KeyObject {
  if (!/^-----BEGIN [A-Z ]*PRIVATE KEY-----/m.test(pem)) fail(' has no private key in it')
  if (/^-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(pem))
    fail(' is protected by a passphrase: one without is wanted')
  try {
    return createPrivateKey(pem)
  } catch (error) {
    return fail(` has a private key that cannot be read: ${opensslReason(error as Error)}`)
  }
}

/** The gate's own first, then those that vouch for it. */
function chainIn(pem: string, fail: Fail): X509Certificate[] {
  const blocks = pem.match(/^-----BEGIN CERTIFICATE-----.*?^-----END CERTIFICATE-----/gms) ?? []
  if (blocks.length === 0) fail(' has no certificate in it')
  return blocks.map((block, at) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      return fail(` has a certificate that cannot be read (the ${at + 1}.): ${opensslReason(error as Error)}`)
    }
  })
}

const subjectOf = ({ subject, subjectAltName }: X509Certificate): string =>
  (subjectAltName ?? subject ?? 'nobody').replaceAll('\n', ', ')
