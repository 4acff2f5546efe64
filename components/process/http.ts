// The HTTP server of a process, on its http_addr: whether it is ready, and its figures. Nothing else is ever here, as
// operators open this port to load balancers, but for gates: they add WebSocket clients (/ws) to the same server, and the
// pages of the game where there are some.
//
//     GET /healthz -> 200 or 503, {"ready":true,"name":"gate1"}
//     GET /status  -> 200, all figures; 404 unless it comes from this machine
//     GET /metrics -> the same for Prometheus
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { type Address, formatAddress } from '../../engine/base/address.ts'
import { addressInUse } from '../../engine/config/program.ts'
import { formatMetrics, METRICS_TYPE } from './metrics.ts'

export interface HttpPages {
  healthz(): { readonly ready: boolean }
  status(): Record<string, unknown>
  /** Who answers all other paths, if anybody does. */
  web?(): RequestListener | undefined
}

/** Whoever asks for a page has this long to say so. */
const REQUEST_TIMEOUT_MS = 10_000
const HEADER_BYTES_MAX = 8192

/** A server that does not listen yet. */
export function createHttp(pages: HttpPages): Server {
  // An import of it would load all that can be had by it, an HTTP client among it: a fifth of a game's start.
  return process
    .getBuiltinModule('node:http')
    .createServer(
      { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: HEADER_BYTES_MAX },
      (request, response) => answer(pages, request, response),
    )
}

function answer(pages: HttpPages, request: IncomingMessage, response: ServerResponse): void {
  const path = request.url?.split('?', 1)[0]
  const isFigures = path === '/status' || path === '/metrics'
  const web = path !== '/healthz' && !isFigures ? pages.web?.() : undefined
  if (web) return web(request, response)
  // No page takes a body; one that comes is not read.
  response.setHeader('connection', 'close')
  const known = path === '/healthz' || (isFigures && isLocal(request))
  if (!known) return send(response, 404, { error: 'not found' })
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return send(response, 405, { error: 'method not allowed' })
  }
  if (path === '/status') return send(response, 200, pages.status())
  if (path === '/metrics') return sendText(response, METRICS_TYPE, formatMetrics(pages.status()))
  const health = pages.healthz()
  return send(response, health.ready ? 200 : 503, health)
}

/** What a proxy in front adds: whoever asks by one is somewhere else. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']

/** A gate's port is the players' too: figures are the operator's alone. */
function isLocal({ socket, headers }: IncomingMessage): boolean {
  if (FORWARDED.some((name) => headers[name] !== undefined)) return false
  const { remoteAddress } = socket
  return remoteAddress === undefined || /^(::ffff:)?127\.|^::1$/.test(remoteAddress)
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(`${JSON.stringify(body)}\n`)
}

function sendText(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' })
  response.end(body)
}

/** Resolves to where the server listens; port 0 has become one by then. `who` is for the error: `gate1 http_addr`. */
export async function listenHttp(server: Server, address: Address, who: string): Promise<Address> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }, resolve)
  try {
    await promise
  } catch (error) {
    throw addressInUse(error, who, address)
  }
  server.removeListener('error', reject)
  // Such as too many open files: the connection is lost, the server is not.
  server.on('error', () => {})
  const bound = server.address()
  return address.kind === 'tcp' && typeof bound === 'object' && bound !== null
    ? { ...address, port: bound.port }
    : address
}

/** `secure`: whether TCP is encrypted there. */
export const httpUrl = (address: Address, path: string, secure: 's' | '' = ''): string =>
  address.kind === 'unix'
    ? `http+unix://${encodeURIComponent(address.path)}${path}`
    : `http${secure}://${formatAddress(address)}${path}`
