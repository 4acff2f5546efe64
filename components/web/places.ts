// Which file of which folder a URL means. What a page may have is a list of folders and of kinds of names, never a list of
// what it may not have: whatever does not fit is not there.
//
//     /chat.ts                     web_root/chat.ts
//     /shared/step.ts              web_shared/step.ts: what the page and the game have in common
//     /goworld/client/client.ts    the engine's own client, and what that stands on
import { realpath, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'

export interface WebFolders {
  readonly root: string
  /** Empty: none. */
  readonly shared: string
}

export interface FileFound {
  readonly kind: 'file'
  /** Without symbolic links: all of it is inside its folder. */
  readonly path: string
  readonly bytes: number
  /** Changes with what is in the file. */
  readonly version: string
}
export type Found = FileFound | { readonly kind: 'folder' } | { readonly kind: 'nothing' }

const ENGINE = resolve(import.meta.dirname, '../../engine')
/** The parts of the engine that run in browsers. */
const ENGINE_PARTS = ['base', 'wire', 'client']
const ENGINE_FILE = /^[a-z0-9-]+\.ts$/
const URL_CHARACTERS_MAX = 1024
const INDEX = 'index.html'
/** The name of a file or folder: never one that begins with a dot, or means a place elsewhere on some system. */
const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}_.,()@+ -]*(?<![. ])$/u
/** What the system says of a path that leads nowhere, or not to us. */
const NOWHERE = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES', 'EPERM']
const NOTHING = { kind: 'nothing' } as const

/** The names along the path of a URL, of which the last is a file's; undefined for what can be no file of ours. */
export function namesOf(url: string): string[] | undefined {
  if (!url.startsWith('/') || url.length > URL_CHARACTERS_MAX) return undefined
  const names = url.slice(1).split(/[?#]/, 1)[0]!.split('/')
  if (names.at(-1) === '') names[names.length - 1] = INDEX
  try {
    // Cut before it is decoded: what was encoded is part of a name, and no name has a slash.
    const decoded = names.map(decodeURIComponent)
    return decoded.every((name) => NAME.test(name)) ? decoded : undefined
  } catch {
    return undefined
  }
}

/** Looks for the file. Rejects when the file system fails. */
export async function findFile(folders: WebFolders, names: readonly string[]): Promise<Found> {
  const place = placeOf(folders, names)
  if (!place) return NOTHING
  try {
    const folder = await realpath(place.folder)
    const path = await realpath(join(folder, ...place.names))
    if (!isInside(folder, path)) return NOTHING
    const stats = await stat(path, { bigint: true })
    if (stats.isDirectory()) return { kind: 'folder' }
    if (!stats.isFile()) return NOTHING
    const version = `${stats.mtimeNs.toString(36)}-${stats.size.toString(36)}`
    return { kind: 'file', path, bytes: Number(stats.size), version }
  } catch (error) {
    if (NOWHERE.includes((error as NodeJS.ErrnoException).code!)) return NOTHING
    throw error
  }
}

function placeOf({ root, shared }: WebFolders, names: readonly string[]) {
  const [first, ...rest] = names
  if (first === 'goworld') return enginePlace(rest)
  if (first === 'shared') return shared === '' ? undefined : { folder: shared, names: rest }
  return { folder: root, names }
}

function enginePlace(names: readonly string[]) {
  const [part, file] = names
  if (names.length !== 2 || !ENGINE_PARTS.includes(part!) || !ENGINE_FILE.test(file!)) return undefined
  // The one file there that is for Node.
  if (part === 'client' && file === 'tcp.ts') return undefined
  return { folder: join(ENGINE, part!), names: [file!] }
}

/** A symbolic link may lead elsewhere in its folder, but to nothing there that could not be asked for by name. */
function isInside(folder: string, path: string): boolean {
  if (path === folder) return true
  const inside = folder.endsWith(sep) ? folder : folder + sep
  return (
    path.startsWith(inside) &&
    path
      .slice(inside.length)
      .split(sep)
      .every((name) => NAME.test(name))
  )
}
