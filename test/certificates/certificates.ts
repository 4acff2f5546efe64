// The keys and certificates of this folder (`make` made them), for tests that speak TLS.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { serverContext } from '../../engine/net/tls.ts'

/** The path of a file here. */
export const certificate = (name: string): string => join(import.meta.dirname, name)

export const pem = (name: string): string => readFileSync(certificate(name), 'utf8')

/** Whom connections are met by: `rsa`, `ec` or `chain`. */
export const contextOf = (name: string) => serverContext(pem(`${name}.key`), pem(`${name}.crt`))
