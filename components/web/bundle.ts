// The client in one file, for pages that the web door does not serve: `make client-bundle` writes both forms to dist/.
//
//     goworld-client.js          import { connect } from './goworld-client.js'
//     goworld-client.global.js   <script src="goworld-client.global.js"></script>, then goworld.connect(…)
//     goworld-motion.js          import { motion } from './goworld-motion.js', for those that draw
//     goworld-motion.global.js   goworld.connect('/ws', { motion: goworldMotion.motion })
//
// Client and motion call each other by short names (`shrink.ts`): those of one build belong together.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { rolldown } from 'rolldown'
import { shortNames, shrink, withoutTables } from './shrink.ts'

const REPOSITORY = resolve(import.meta.dirname, '../..')
const FORMS = [
  { input: 'client', file: 'goworld-client.js', format: 'esm' },
  { input: 'client', file: 'goworld-client.global.js', format: 'iife', name: 'goworld' },
  { input: 'motion', file: 'goworld-motion.js', format: 'esm' },
  { input: 'motion', file: 'goworld-motion.global.js', format: 'iife', name: 'goworldMotion' },
] as const

export type BundleFile = (typeof FORMS)[number]['file']

/** The text of each file, minified, with nothing left to import. */
export async function bundleClient(): Promise<Record<BundleFile, string>> {
  const whole = await Promise.all(
    FORMS.map(async ({ input, file, ...form }) => {
      const bundle = await rolldown({ input: join(REPOSITORY, `engine/client/${input}.ts`), platform: 'browser' })
      try {
        const { output } = await bundle.generate({ ...form, minify: false })
        return { file, isModule: form.format === 'esm', text: withoutTables(output[0].code) }
      } finally {
        await bundle.close()
      }
    }),
  )
  const names = shortNames(
    whole.filter(({ isModule }) => isModule).map(({ text }) => text),
    join(REPOSITORY, 'engine/client/client.ts'),
  )
  const made = whole.map(async ({ file, isModule, text }) => [file, await shrink(text, isModule, names)])
  return Object.fromEntries(await Promise.all(made))
}

if (import.meta.main) {
  const folder = join(REPOSITORY, 'dist')
  mkdirSync(folder, { recursive: true })
  for (const [file, text] of Object.entries(await bundleClient())) {
    writeFileSync(join(folder, file), text)
    process.stdout.write(`dist/${file}  ${(Buffer.byteLength(text) / 1024).toFixed(1)} KB\n`)
  }
}
