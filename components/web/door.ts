// The web door: a game's pages, on the HTTP address of its gates, with the engine's client as modules that a browser loads
// as they are. It is open to everybody, so it answers two methods, reads no body, and holds on to nobody for long.
//
//     GET /            web_root/index.html        ─┐  ETag and no-cache: asked for again, sent again only when changed
//     GET /chat.ts     as JavaScript, types gone  ─┘
import { statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { realClock } from '../../engine/base/clock.ts'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import { POLICY, typeOf, Unservable, Workshop } from './content.ts'
import { type FileFound, findFile, namesOf, type WebFolders } from './places.ts'

/** More at a time are asked to come again: each holds a file open. */
const ANSWERS_MAX = 256
/** Who reads nothing for so long, or has not read all after so long, is closed. */
const STALL_MS = 20_000
const ANSWER_MS = 300_000

const TEXT = 'text/plain; charset=utf-8'

/**
 * The door of a gate, when its configuration names a folder of pages. Throws OperatorError when that is no folder. `gate` is
 * for the error.
 */
export function openWebDoor(
  gate: string,
  { webRoot, webShared }: { readonly webRoot: string; readonly webShared: string },
  log: Log,
): RequestListener | undefined {
  if (webRoot === '') return undefined
  for (const [key, path] of Object.entries({ web_root: webRoot, web_shared: webShared })) {
    if (path !== '' && !isFolder(path)) throw new OperatorError(`${gate} ${key}: ${path} is no folder`)
  }
  return webDoor({ root: webRoot, shared: webShared }, log)
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** Serves the folders. What goes wrong with a file is told to its author by the log. */
export function webDoor(folders: WebFolders, log: Log): RequestListener {
  const workshop = new Workshop()
  let answers = 0

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      return say(response, 405, 'method not allowed')
    }
    const url = request.url ?? ''
    const names = namesOf(url)
    if (!names) return say(response, 404, 'not found')
    const found = await findFile(folders, names)
    const type = found.kind === 'file' ? typeOf(found.path) : undefined
    if (found.kind === 'folder') return sendToFolder(response, names, url)
    if (found.kind === 'nothing' || type === undefined) return say(response, 404, 'not found')
    const etag = `"${found.version}"`
    const headers = { 'content-type': type, 'cache-control': 'no-cache', etag }
    const made = await workshop.made(found)
    if (made) response.setHeader('content-security-policy', made.policy)
    if (isKnown(request, etag)) return end(response, 304, headers)
    response.writeHead(200, { ...headers, 'content-length': made?.body.length ?? found.bytes })
    if (request.method === 'HEAD') response.end()
    else if (made) response.end(made.body)
    else await sendFile(response, found)
  }

  return (request, response) => {
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('referrer-policy', 'same-origin')
    response.setHeader('content-security-policy', POLICY)
    // A body is not waited for: the connection ends with the answer.
    if (hasBody(request)) response.setHeader('connection', 'close')
    if (answers >= ANSWERS_MAX) {
      response.setHeader('retry-after', '1')
      return say(response, 503, 'too many requests at a time')
    }
    answers++
    const patience = realClock.after(ANSWER_MS, () => response.destroy())
    response.setTimeout(STALL_MS, () => response.destroy())
    response.on('close', () => {
      answers--
      patience.cancel()
    })
    answer(request, response).catch((error) => {
      // Who has left while it was sent to is no news.
      if (response.closed || response.destroyed) return
      const what = request.url?.split('?', 1)[0]
      if (!(error instanceof Unservable)) log.error(`cannot serve ${what}: ${messageOf(error)}`)
      else log.warn(`cannot serve ${what}: ${error.message}`)
      if (response.headersSent) response.destroy()
      else say(response, 500, error instanceof Unservable ? `${what}: ${error.message}` : 'it cannot be read now')
    })
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

/** Whether the browser has it as it is. */
function isKnown({ headers }: IncomingMessage, etag: string): boolean {
  const known = headers['if-none-match']
  return known === '*' || known?.split(',').some((one) => one.trim().replace(/^W\//, '') === etag) === true
}

/** A page's own links start at its folder, so the browser has to know that it is one. */
function sendToFolder(response: ServerResponse, names: readonly string[], url: string): void {
  const [, query = ''] = /^[^?#]*(\?[^#]*)?/.exec(url)!
  response.setHeader('location', `/${names.map(encodeURIComponent).join('/')}/${query}`)
  say(response, 301, 'it is a folder')
}

async function sendFile(response: ServerResponse, { path, bytes }: FileFound): Promise<void> {
  if (bytes === 0) return void response.end()
  const file = await open(path)
  try {
    // No more than was promised, should it grow meanwhile.
    const content = file.createReadStream({ end: bytes - 1, autoClose: false })
    await pipeline(content, response, { end: false })
    if (content.bytesRead < bytes) response.destroy()
    else response.end()
  } finally {
    await file.close()
  }
}

function say(response: ServerResponse, status: number, text: string): void {
  const body = `${text}\n`
  response.writeHead(status, {
    'content-type': TEXT,
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}

function end(response: ServerResponse, status: number, headers: Record<string, string>): void {
  response.writeHead(status, headers)
  response.end()
}
