// Where a process listens or connects to: a TCP port, or a Unix socket on the same machine.

export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

export const formatAddress = (address: Address): string =>
  address.kind === 'unix' ? `unix:${address.path}` : `${hostInUrl(address.host)}:${address.port}`

const hostInUrl = (host: string) => (host.includes(':') ? `[${host}]` : host)
