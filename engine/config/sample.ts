// Writes goworld.ini.sample and docs/config.md from the table of keys: node engine/config/sample.ts --write
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseFlags } from './flags.ts'
import type { Key, Section } from './keys.ts'
import { allowedOf, SECTIONS } from './keys.ts'
import { runProgram } from './program.ts'

const WIDTH = 100

/** The text of goworld.ini.sample: usable as it is, every key there, those that rarely change as comments. */
export function sampleIni(): string {
  const lines = [
    '; goworld.ini: the configuration of one server. Copy this file: cp goworld.ini.sample goworld.ini',
    '; Every key may be left out; a commented key shows its default. docs/config.md explains them all.',
    '; This file is generated from engine/config/keys.ts.',
  ]
  for (const [name, section] of Object.entries<Section>(SECTIONS)) {
    lines.push('', ...wrapped(section.about), `[${section.numbered ? `${name}_common` : name}]`)
    for (const [key, spec] of Object.entries(section.keys)) {
      if (isOld(spec)) continue
      const mark = spec.live ? '' : ';'
      lines.push(...wrapped(`${spec.why}${choices(spec)}`), `${mark}${sampleOf(key, spec)}`)
    }
    if (section.numbered) lines.push('', ...ownSection(name, section))
  }
  return `${lines.join('\n')}\n`
}

/** The text of docs/config.md: a table for each section. */
export function configPage(): string {
  const lines = [
    '# goworld.ini',
    '',
    '<!-- Generated from engine/config/keys.ts by `node engine/config/sample.ts --write`; do not edit. -->',
    '',
    'A server reads one file, `goworld.ini`. Every section and every key may be left out; a name that is not on this',
    'page is refused, with its line. Names are not case-sensitive. A line that begins with `;` or `#` is a comment, and',
    'so is the rest of a line after white space and `;` or `#`; quotes around a value keep what is in them.',
    '',
    'A numbered section, such as `[game2]`, takes what it does not say from its `_common` section. A process without a',
    'section of its own is made of `_common` alone; its default addresses are those of the first with a port N-1 higher.',
    'A section beyond the `[deployment]` is ignored with a warning.',
    '',
    'An address is `host:port`, `:port` (every interface), a bare port (on 127.0.0.1), `[v6]:port`, `unix:/path` or',
    '`unix:path` (relative to the folder of goworld.ini, as every file name is). No two processes may share one.',
    '',
    'Files of both generations of GoWorld are read: keys marked 2017 are the old spelling of another key.',
  ]
  for (const [name, section] of Object.entries<Section>(SECTIONS)) {
    const title = section.numbered ? `[${name}_common], [${name}1], [${name}2], …` : `[${name}]`
    lines.push('', `## ${title}`, '', section.about, '', '| key | allowed | default | why |', '|---|---|---|---|')
    for (const [key, spec] of Object.entries(section.keys)) {
      const cells = [`\`${key}${spec.kind === 'list' ? '_N' : ''}\``, allowedIn(spec), defaultIn(spec), spec.why]
      lines.push(`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    }
  }
  return `${lines.join('\n')}\n`
}

/** The 2017 spellings and the keys without effect have their place in the page, not in a new file. */
const isOld = (spec: Key) => spec.old || spec.kind === 'half' || spec.kind === 'ignored'

function ownSection(name: string, section: Section): string[] {
  const addresses = Object.entries(section.keys).flatMap(([key, spec]) =>
    spec.kind === 'address' && spec.follows === undefined ? [`;${key}=${spec.default}`] : [],
  )
  return [`; What differs in ${name} 1; [${name}2] and so on may follow.`, `[${name}1]`, ...addresses]
}

function sampleOf(key: string, spec: Key): string {
  switch (spec.kind) {
    case 'list':
      return `${key}_1=127.0.0.1:6379`
    case 'address':
      return `${key}=${spec.default || '127.0.0.1:13000'}`
    case 'half':
    case 'ignored':
      return `${key}=`
    default:
      return `${key}=${spec.default}`
  }
}

function choices(spec: Key): string {
  if (spec.kind === 'oneOf') return ` One of ${spec.values.join(', ')}.`
  return spec.kind === 'int' ? ` From ${spec.min} to ${spec.max}.` : ''
}

function allowedIn(spec: Key): string {
  if (spec.kind !== 'oneOf') return allowedOf(spec)
  const aliases = Object.entries(spec.aliases).map(([alias, value]) => `${alias} = ${value}`)
  return `${allowedOf(spec)}${aliases.length > 0 ? `; ${aliases.join(', ')}` : ''}`
}

function defaultIn(spec: Key): string {
  if (spec.kind === 'half') return `2017: ${spec.half} of \`${spec.of}\``
  if (spec.kind === 'ignored') return 'ignored'
  if (spec.kind === 'list') return 'none'
  if (spec.kind === 'address' && spec.follows) return `\`${spec.follows}\``
  return spec.default === '' ? 'empty' : `\`${spec.default}\``
}

/** Comment lines of at most WIDTH columns. */
function wrapped(text: string): string[] {
  const lines: string[] = []
  let line = ';'
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = ';'
    }
    line += ` ${word}`
  }
  return [...lines, line]
}

if (import.meta.main) {
  void runProgram('sample', async () => {
    const flags = parseFlags(
      process.argv.slice(2),
      { write: { type: 'bool', help: 'write goworld.ini.sample and docs/config.md' } },
      {
        name: 'sample.ts',
        about: 'Prints the sample of goworld.ini, or writes all that derives from the table of keys.',
      },
    )
    const root = join(import.meta.dirname, '../..')
    if (!flags.write) {
      process.stdout.write(sampleIni())
      return
    }
    writeFileSync(join(root, 'goworld.ini.sample'), sampleIni())
    writeFileSync(join(root, 'docs/config.md'), configPage())
  })
}
