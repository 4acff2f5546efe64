// The client in one file, for pages that the web door does not serve: `make client-bundle` writes both forms to dist/.
//
//     goworld-client.js          import { connect } from './goworld-client.js'
//     goworld-client.global.js   <script src="goworld-client.global.js"></script>, then goworld.connect(…)
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { rolldown } from 'rolldown'

const REPOSITORY = resolve(import.meta.dirname, '../..')
const CLIENT = join(REPOSITORY, 'engine/client/client.ts')
const FORMS = [
  { file: 'goworld-client.js', format: 'esm' },
  { file: 'goworld-client.global.js', format: 'iife', name: 'goworld' },
] as const

export type BundleFile = (typeof FORMS)[number]['file']

/** The text of each file, minified, with nothing left to import. */
export async function bundleClient(): Promise<Record<BundleFile, string>> {
  const bundle = await rolldown({ input: CLIENT, platform: 'browser' })
  try {
    const made = FORMS.map(async ({ file, ...form }) => {
      const { output } = await bundle.generate({ ...form, minify: true })
      return [file, output[0].code] as const
    })
    return Object.fromEntries(await Promise.all(made)) as Record<BundleFile, string>
  } finally {
    await bundle.close()
  }
}

if (import.meta.main) {
  const folder = join(REPOSITORY, 'dist')
  mkdirSync(folder, { recursive: true })
  for (const [file, text] of Object.entries(await bundleClient())) {
    writeFileSync(join(folder, file), text)
    process.stdout.write(`dist/${file}  ${(Buffer.byteLength(text) / 1024).toFixed(1)} KB\n`)
  }
}
