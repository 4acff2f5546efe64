// The flags that dispatcher, game and gate have in common, and which goworld.ini they read.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { OperatorError } from '../../engine/base/errors.ts'
import type { FlagSpec } from '../../engine/config/flags.ts'

export const REPOSITORY = resolve(import.meta.dirname, '../..')
export const PROCESS_ID_MAX = 1000

export const COMMON_FLAGS = {
  configfile: { type: 'string', help: 'the configuration; without it goworld.ini here, then beside the engine' },
  log: { type: 'string', values: ['debug', 'info', 'warn', 'error'], help: 'log level, before that of the file' },
  d: { type: 'bool', help: 'run in the background' },
} as const satisfies FlagSpec

export interface CommonFlags {
  readonly configfile: string | undefined
  readonly log: 'debug' | 'info' | 'warn' | 'error' | undefined
  readonly d: boolean
}

/** The file that was named, else ./goworld.ini, else the one at the top of the repository. */
export function configFile({ configfile }: Pick<CommonFlags, 'configfile'>): string {
  if (configfile !== undefined) return configfile
  const found = ['goworld.ini', join(REPOSITORY, 'goworld.ini')].find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new OperatorError(
    `no goworld.ini in ${process.cwd()} or ${REPOSITORY}: name one with -configfile, or cp goworld.ini.sample goworld.ini`,
  )
}
