// goworld.ini.sample and docs/config.md say what the table of keys says.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { defaultConfig, parseConfig } from '../../../engine/config/config.ts'
import { SECTIONS } from '../../../engine/config/keys.ts'
import { configPage, sampleIni } from '../../../engine/config/sample.ts'

const root = join(import.meta.dirname, '../../..')
const regenerate = 'run: node engine/config/sample.ts --write'
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('the sample', () => {
  it('is the file in the repository', () => {
    expect(readFileSync(join(root, 'goworld.ini.sample'), 'utf8') === sampleIni(), regenerate).toBe(true)
  })

  it('is the configuration of an empty file', () => {
    const sample = parseConfig(sampleIni(), { path: '/srv/goworld.ini' })
    const empty = defaultConfig('/srv')
    expect(plain(sample)).toEqual(plain(empty))
    expect(sample.game(1)).toEqual(empty.game(1))
    expect(sample.gate(1)).toEqual(empty.gate(1))
    expect(sample.dispatcher(1)).toEqual(empty.dispatcher(1))
    expect(sample.warnings).toEqual([])
  })

  it('stays valid when every comment that shows a default is opened', () => {
    const opened = sampleIni().replace(/^;(?=[a-z_0-9]+=)/gm, '')
    const config = parseConfig(opened, { path: '/srv/goworld.ini' })
    expect(config.game(1)).toEqual(defaultConfig('/srv').game(1))
    expect(config.gate(1)).toEqual(defaultConfig('/srv').gate(1))
    expect(config.dispatcher(1)).toEqual(defaultConfig('/srv').dispatcher(1))
    expect(config.cluster).toEqual(defaultConfig('/srv').cluster)
  })
})

describe('the page', () => {
  it('is the file in the repository', () => {
    expect(readFileSync(join(root, 'docs/config.md'), 'utf8') === configPage(), regenerate).toBe(true)
  })

  it('has every key of every section', () => {
    const page = configPage()
    for (const section of Object.values(SECTIONS)) {
      for (const key of Object.keys(section.keys)) expect(page).toContain(`| \`${key}`)
    }
  })
})
