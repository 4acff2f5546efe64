// Tells of the saves of a game's sources. Its pages are no part of the server: they are new when they are asked for again.
//
// Folders are watched and not files, each by itself: many an editor writes a new file and renames it over the old one, and who
// watches the old one hears of that, and of nothing behind it.
import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs'
import { join, relative } from 'node:path'

/** Editors write a file in several steps, and people several files. */
const QUIET_MS = 100
const NOT_SOURCES = /^web[\\/]|(^|[\\/])(node_modules|\.)/

export class Saves {
  readonly #folder: string
  readonly #watchers = new Map<string, FSWatcher>()
  #saved = Promise.withResolvers<string>()
  #quiet: NodeJS.Timeout | undefined

  constructor(folder: string) {
    this.#folder = folder
    this.#watch(folder)
  }

  /** Resolves to the file of the next save after this. */
  next(): Promise<string> {
    this.#saved = Promise.withResolvers<string>()
    return this.#saved.promise
  }

  close(): void {
    clearTimeout(this.#quiet)
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  /** This folder and all in it. One that has just come may have been saved to before it was watched. */
  #watch(folder: string, isNew = false): void {
    if (this.#watchers.has(folder) || !this.#isSource(join(folder, 'any'))) return
    try {
      const watcher = watch(folder, (_, name) => this.#changed(folder, name))
      this.#watchers.set(folder, watcher)
      watcher.on('error', () => this.#forget(folder))
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name)
        if (entry.isDirectory()) this.#watch(path, isNew)
        else if (isNew && entry.name.endsWith('.ts')) this.#save(path)
      }
    } catch {
      // A folder inside may be gone by the time it is looked at.
      this.#forget(folder)
    }
  }

  #forget(folder: string): void {
    this.#watchers.get(folder)?.close()
    this.#watchers.delete(folder)
  }

  #changed(folder: string, name: string | null): void {
    if (name === null) return
    const path = join(folder, name)
    if (name.endsWith('.ts')) return this.#save(path)
    if (isFolder(path)) this.#watch(path, true)
    else this.#forget(path)
  }

  #save(path: string): void {
    if (!this.#isSource(path)) return
    clearTimeout(this.#quiet)
    this.#quiet = setTimeout(() => this.#saved.resolve(path), QUIET_MS)
  }

  #isSource(path: string): boolean {
    return !NOT_SOURCES.test(relative(this.#folder, path))
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
