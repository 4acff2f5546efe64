// How a file of ours looks, as far as a machine can tell.
import { codeOnly, type Source } from './sources.ts'

/** A `//` and a sentence, which may go on in the next lines. */
const OPENING = /^(?:#!.*\n)?\/\/ (?:\S.*\n(?:\/\/.*\n)*)/
/** Fewer do not make a sentence. */
const WORDS_MIN = 4
const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|test-d|d))?\.ts$/
// Spelled so that this file has none.
const UNFINISHED = new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`)
const MAY_PRINT = /^(?:examples|components\/cli|bench)\//
/** Examples carry the names that GoWorld gave them. */
const OWN_NAMES = /^(?:examples|test\/examples)\//

/** What is wrong, one line each. */
export function tidyFaults(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const faults: string[] = []
    const opening = OPENING.exec(text)?.[0]
    if (opening === undefined) faults.push('does not open with a // sentence that says what it is for')
    else if (opening.split(/\s+/).length <= WORDS_MIN) faults.push('opens with something that is not a whole sentence')
    const name = path.split('/').at(-1)!
    if (!OWN_NAMES.test(path) && !KEBAB.test(name)) faults.push('has a name that is not in kebab-case')
    const unfinished = UNFINISHED.exec(text)?.[0]
    if (unfinished !== undefined) faults.push(`says ${unfinished}: do it, or drop it`)
    const code = codeOnly(text)
    if (!MAY_PRINT.test(path) && /\bconsole\.log\b/.test(code)) faults.push('uses console.log: take a Log')
    if (/\b(?:test|it|describe|suite)\.only\b/.test(code)) faults.push('leaves other tests out with .only')
    return faults.map((fault) => `${path} ${fault}`)
  })
}
