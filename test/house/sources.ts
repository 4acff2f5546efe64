// The sources that the rules of the house are about, and what each imports.
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'

export interface Source {
  /** From the top of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

const ROOT = resolve(import.meta.dirname, '../..')

/** Every TypeScript file of ours. */
export function sources(): Source[] {
  const folders = ['engine', 'components', 'examples', 'bench', 'test']
  return folders
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: ROOT }))
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
    .map((path) => ({ path, text: readFileSync(resolve(ROOT, path), 'utf8') }))
}

export interface Import {
  readonly from: string
  /** Gone when the program runs. */
  readonly typeOnly: boolean
}

export function importsOf(text: string): Import[] {
  const code = withoutComments(text)
  const found: Import[] = []
  for (const [, type, from] of code.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\bfrom\s+)?'([^']+)'/gm)) {
    found.push({ from: from!, typeOnly: type !== undefined })
  }
  for (const [, before, from] of code.matchAll(/(typeof\s+)?\bimport\(\s*'([^']+)'/g)) {
    found.push({ from: from!, typeOnly: before !== undefined })
  }
  return found
}

/** Comments become spaces, so that lines keep their numbers; strings are left alone. */
export function withoutComments(text: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g
  return text.replace(token, (found) => (/^\/[/*]/.test(found) ? found.replace(/[^\n]/g, ' ') : found))
}

/** Comments and what is in strings become spaces. */
export function codeOnly(text: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g
  return withoutComments(text).replace(token, (found) => `'${' '.repeat(found.length - 2)}'`)
}
