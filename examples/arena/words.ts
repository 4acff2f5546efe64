// What strangers write: names and lines are made harmless and short before anybody else sees them.

const NAME_LENGTH_MAX = 14
const LINE_LENGTH_MAX = 120
/** Control characters, whatever turns text round, and marks piled on each other. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}]/gu
const PILED_MARKS = /(\p{M})\p{M}+/gu

/** Nothing is left of some names. */
export const cleanName = (text: string): string => clean(text, NAME_LENGTH_MAX)
export const cleanLine = (text: string): string => clean(text, LINE_LENGTH_MAX)

function clean(text: string, lengthMax: number): string {
  // Longer ones are cut before they are looked at, and after that by characters that can be seen.
  const shown = text
    .slice(0, 4 * lengthMax)
    .normalize('NFKC')
    .replace(INVISIBLE, ' ')
    .replace(PILED_MARKS, '$1')
  return [...shown.trim().replace(/\s+/g, ' ')].slice(0, lengthMax).join('').trim()
}
