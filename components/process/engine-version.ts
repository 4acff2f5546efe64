// Which version of the engine this is, as its package.json says.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from './flags.ts'

const manifest = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { readonly version: string }

export const ENGINE_VERSION: string = manifest.version
