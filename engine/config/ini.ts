// Reads the ini format: sections and key=value lines, with the line of each for error messages.
//
//     [section]            ; a comment: own line, or after white space
//     key = value          # so too
//     key = "a ; b"        quotes keep what is in them, and fall away

import { OperatorError } from '../base/errors.ts'
import { withoutPassword } from './secrets.ts'

export interface IniEntry {
  /** In lower case. */
  readonly key: string
  readonly value: string
  readonly line: number
  /** The section's name as it is written. */
  readonly section: string
}

export interface IniSection {
  /** In lower case. */
  readonly name: string
  /** As it is written. */
  readonly title: string
  readonly line: number
  readonly entries: IniEntry[]
}

/** Sections in the order of the file; one that comes twice is there once, with the entries of both. */
export function parseIni(text: string, path: string): IniSection[] {
  const sections = new Map<string, IniSection>()
  let section: IniSection | undefined
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  for (const [index, raw] of lines.entries()) {
    const line = index + 1
    const content = raw.trim()
    if (content === '' || content[0] === ';' || content[0] === '#') continue
    const fail = (message: string): never => {
      throw new OperatorError(`${path}:${line}: ${message}`)
    }
    if (content[0] === '[') {
      const title = /^\[\s*([A-Za-z0-9_.-]+)\s*\]\s*(?:[;#].*)?$/.exec(content)?.[1]
      if (title === undefined) return fail(`${shown(content)} is not a section; write [name]`)
      const name = title.toLowerCase()
      section = sections.get(name) ?? { name, title, line, entries: [] }
      sections.set(name, section)
      continue
    }
    const equals = content.indexOf('=')
    if (equals < 0) return fail(`${shown(content)} is not a setting; write key=value`)
    const written = content.slice(0, equals).trim()
    if (!/^[A-Za-z0-9_.-]+$/.test(written)) return fail(`${shown(written)} is not the name of a key`)
    if (section === undefined) return fail(`${written} stands before the first [section]`)
    const key = written.toLowerCase()
    const earlier = section.entries.find((entry) => entry.key === key)
    if (earlier) return fail(`[${section.title}] ${written} is given twice, first in line ${earlier.line}`)
    const value = unquoted(content.slice(equals + 1))
    if (value === undefined) return fail(`[${section.title}] ${written}: a quoted value ends with its quote`)
    section.entries.push({ key, value, line, section: section.title })
  }
  return [...sections.values()]
}

/** Without quotes and comment; undefined when a quote stays open. */
function unquoted(text: string): string | undefined {
  const trimmed = text.trim()
  const quote = trimmed[0]
  if (quote === '"' || quote === "'" || quote === '`') {
    const end = trimmed.indexOf(quote, 1)
    if (end < 0 || !/^(\s+[;#].*)?$/.test(trimmed.slice(end + 1))) return undefined
    return trimmed.slice(1, end)
  }
  return text.replace(/\s[;#].*$/, '').trim()
}

const shown = (text: string) => {
  const safe = withoutPassword(text)
  return JSON.stringify(safe.length > 60 ? `${safe.slice(0, 60)}…` : safe)
}
