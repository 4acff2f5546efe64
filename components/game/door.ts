// Opens the public door to a game that lives anywhere: its import of 'goworld' finds this engine, never a second copy of
// it, and its .ts files are modules even where no package.json says so.
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { REPOSITORY } from '../process/flags.ts'

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, string>>
}

export function openDoor(): void {
  const { name, exports } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as Manifest
  // './client' of the manifest is 'goworld/client' to a game.
  const doors = new Map(
    Object.entries(exports).map(([path, file]) => [join(name, path), pathToFileURL(join(REPOSITORY, file)).href]),
  )
  registerHooks({
    resolve(specifier, context, next) {
      const url = doors.get(specifier)
      if (url !== undefined) return { url, format: 'module-typescript', shortCircuit: true }
      const found = next(specifier, context)
      const ours = found.format === undefined || found.format === null || found.format === 'commonjs-typescript'
      const source = found.url.endsWith('.ts') && !found.url.includes('/node_modules/')
      return ours && source ? { ...found, format: 'module-typescript' } : found
    },
  })
}
