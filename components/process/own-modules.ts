// Our own modules are found without a look at the disk, by what their imports say: for processes that others wait for.
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { REPOSITORY } from './flags.ts'

/** From now on; so what is to gain by it is imported afterwards. */
export function knowOwnModules(): void {
  const ours = [`${pathToFileURL(REPOSITORY).href}/engine/`, `${pathToFileURL(REPOSITORY).href}/components/`]
  registerHooks({
    resolve(specifier, context, next) {
      const { parentURL } = context
      const isOurs =
        specifier.startsWith('.') && parentURL !== undefined && ours.some((folder) => parentURL.startsWith(folder))
      if (!isOurs || !specifier.endsWith('.ts')) return next(specifier, context)
      return { url: new URL(specifier, parentURL).href, format: 'module-typescript', shortCircuit: true }
    },
  })
}
