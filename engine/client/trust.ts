// Which servers a client on Node believes to be who they say, where TLS is spoken: `tls://` and `wss://`.
import type { ConnectionOptions } from 'node:tls'
import { messageOf } from '../base/errors.ts'

/** How the server's certificate is looked at. Without any of these it has to be one for that host which Node trusts. */
export interface TlsOptions {
  /** Certificates in PEM that are trusted instead: the server's own where it has signed that itself. */
  readonly ca?: string | readonly string[]
  /** The name that the certificate must have, where that is not the host. */
  readonly servername?: string
  /** False: any certificate will do. Then whoever sits between reads and says what he likes: for tries on one machine. */
  readonly verify?: boolean
}

/** The same for Node. */
export const checksOf = ({ ca, servername, verify = true }: TlsOptions): ConnectionOptions => ({
  rejectUnauthorized: verify,
  minVersion: 'TLSv1.2',
  ...(ca !== undefined && { ca: typeof ca === 'string' ? ca : [...ca] }),
  ...(servername !== undefined && { servername }),
})

/** OpenSSL tells where in its sources it stands; what is wrong is behind the name of a function. */
const OPENSSL = /:SSL routines:[^:]*:([^:]+):/
/** What it says of a server without TLS. */
const NO_TLS = 'wrong version number'

/** Why a connection has ended, for who is to read it. */
export function failureOf(error: Error): string {
  const message = messageOf(error)
  const reason = OPENSSL.exec(message)?.[1] ?? message
  return reason === NO_TLS ? 'the server speaks no TLS there' : reason || 'the connection failed'
}
