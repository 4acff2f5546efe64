// What browsers get of a file: its type, and for the two kinds that are not sent as they lie there, what is made of them.
// TypeScript loses its types, places stay where they are; a page comes with the rules for what it may load.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { extname } from 'node:path'
import type { FileFound } from './places.ts'

const JAVASCRIPT = 'text/javascript; charset=utf-8'
const HTML = 'text/html; charset=utf-8'
/** Other files are not served: what lies in a folder of pages by mistake is rarely one of these. */
const TYPES: Readonly<Record<string, string>> = {
  '.html': HTML,
  '.css': 'text/css; charset=utf-8',
  '.ts': JAVASCRIPT,
  '.js': JAVASCRIPT,
  '.mjs': JAVASCRIPT,
  '.json': 'application/json',
  '.map': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.avif': 'image/avif',
  '.ico': 'image/x-icon',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.ttf': 'font/ttf',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
  '.wav': 'audio/wav',
  '.m4a': 'audio/mp4',
  '.mp4': 'video/mp4',
  '.webm': 'video/webm',
  '.wasm': 'application/wasm',
  '.glb': 'model/gltf-binary',
  '.gltf': 'model/gltf+json',
}

/** What is made of a file is made in one go, and kept. */
const MADE_BYTES_MAX = 1024 * 1024
const KEPT_MAX = 500
const IMPORT_MAP = /<script\b[^>]*\btype\s*=\s*["']?importmap\b[^>]*>(.*?)<\/script\s*>/gis

export interface Made {
  readonly body: Buffer
  readonly policy: string
}

/** The content type of a file by its name; undefined for what is not served. */
export const typeOf = (path: string): string | undefined => TYPES[extname(path).toLowerCase()]

/**
 * What a page may load: what this door serves, and pictures and sounds that it makes itself. It may connect elsewhere, since
 * its session may move on to another gate. Of scripts that stand in a page only import maps are taken, by their hashes.
 */
const policyWith = (hashes: readonly string[]): string =>
  [
    `default-src 'self'`,
    ['script-src', `'self'`, `'wasm-unsafe-eval'`, ...hashes.map((hash) => `'sha256-${hash}'`)].join(' '),
    `style-src 'self' 'unsafe-inline'`,
    `img-src 'self' data: blob:`,
    `media-src 'self' data: blob:`,
    `worker-src 'self' blob:`,
    `connect-src 'self' ws: wss:`,
    `object-src 'none'`,
    `base-uri 'none'`,
    `form-action 'self'`,
    `frame-ancestors 'self'`,
  ].join('; ')

/** For everything but pages with import maps. */
export const POLICY = policyWith([])

/** Why nothing can be made of a file: for whoever wrote it. */
export class Unservable extends Error {}

/** Makes what browsers get of pages and TypeScript, once for each version of a file. */
export class Workshop {
  readonly #kept = new Map<string, { readonly version: string; readonly made: Promise<Made> }>()

  /** Undefined for a file that is sent as it is. Rejects with Unservable, each time, when the file is not what its name says. */
  made(file: FileFound): Promise<Made> | undefined {
    const make = makerOf(file.path)
    if (!make) return undefined
    const kept = this.#kept.get(file.path)
    if (kept?.version === file.version) return kept.made
    const made = this.#make(file, make)
    // What kept it from being read may be over.
    made.catch((error) => error instanceof Unservable || this.#kept.delete(file.path))
    this.#kept.delete(file.path)
    this.#kept.set(file.path, { version: file.version, made })
    if (this.#kept.size > KEPT_MAX) this.#kept.delete(this.#kept.keys().next().value!)
    return made
  }

  async #make({ path, bytes }: FileFound, make: (text: string) => Made): Promise<Made> {
    if (bytes > MADE_BYTES_MAX) throw new Unservable(`it has ${bytes} bytes: no more than ${MADE_BYTES_MAX} are served`)
    return make(await readFile(path, 'utf8'))
  }
}

function makerOf(path: string): ((text: string) => Made) | undefined {
  const type = extname(path).toLowerCase()
  return type === '.ts' ? stripped : type === '.html' ? ruled : undefined
}

function stripped(text: string): Made {
  try {
    return { body: Buffer.from(stripTypeScriptTypes(text)), policy: POLICY }
  } catch (error) {
    throw new Unservable((error as Error).message)
  }
}

function ruled(text: string): Made {
  // Browsers hash what they have parsed, and that has one kind of line ends.
  const maps = [...text.replaceAll(/\r\n?/g, '\n').matchAll(IMPORT_MAP)]
  const hashes = maps.map(([, map]) => createHash('sha256').update(map!).digest('base64'))
  return { body: Buffer.from(text), policy: policyWith(hashes) }
}
