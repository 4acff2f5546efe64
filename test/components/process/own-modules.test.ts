// Our own modules found without a look at the disk are the very same that Node finds.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'

const url = (path: string) => JSON.stringify(pathToFileURL(resolve(import.meta.dirname, '../../..', path)).href)

test('what an import of ours finds is what a look would find, and those of others are looked for', () => {
  const folder = mkdtempSync(join(tmpdir(), 'goworld-'))
  writeFileSync(join(folder, 'theirs.ts'), 'export const theirs: number = 7\n')
  writeFileSync(
    join(folder, 'main.mts'),
    `import { OperatorError } from ${url('engine/base/errors.ts')}
    import { knowOwnModules } from ${url('components/process/own-modules.ts')}
    knowOwnModules()
    const { readConfig } = await import(${url('engine/config/config.ts')})
    const { theirs } = await import('./theirs.ts')
    try {
      readConfig('/none/goworld.ini')
    } catch (error) {
      process.stdout.write(\`\${error instanceof OperatorError} \${theirs}\`)
    }`,
  )
  const said = execFileSync(process.execPath, [join(folder, 'main.mts')], { encoding: 'utf8' })
  expect(said).toBe('true 7')
})
