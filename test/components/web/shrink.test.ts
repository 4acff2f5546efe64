// What makes the single file small leaves alone what others know by its name.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { shortNames, shrink, withoutTables } from '../../../components/web/shrink.ts'
import { tempFolder } from '../../temp-folder.ts'

function door(): string {
  const folder = tempFolder()
  writeFileSync(
    join(folder, 'door.ts'),
    `
    import { type Options, hidden } from './options.ts'
    import { inner } from './inner.ts'
    export type { Face } from './face.ts'
    export const connect = (options: Options) => hidden(inner(options))`,
  )
  writeFileSync(join(folder, 'options.ts'), 'export interface Options { readonly retryMs?: number }')
  writeFileSync(join(folder, 'inner.ts'), 'export class Inner { sendNow() {} }')
  writeFileSync(join(folder, 'face.ts'), 'export class Face { shownAt = 0; wave() {} }')
  return join(folder, 'door.ts')
}

const named = (text: string) => [...shortNames([text], door()).keys()].sort()

test('what only the bundle declares has a short name', () => {
  expect(named('class A { sendNow() {} lastMs = 1 }; const a = { queueMs: 2, "quoted": 3, ["computed"]: 4 }')).toEqual([
    'lastMs',
    'queueMs',
    'sendNow',
  ])
})

test.each([
  ['what the types of its door name', 'class A { shownAt = 0; wave() {} }; const a = { retryMs: 1 }'],
  [
    'what the platform names',
    'class A { written() {} bufferedAmount = 1; persisted = 2; constructor() {} encodeInto() {} }',
  ],
  ['what is only asked for', 'const { unref, ref: kept } = timer; timer.hasRef(); timer?.refresh()'],
  ['what stands in a string', `const a = { created: 1 }; a['crea' + 'ted']; lookUp('created')`],
])('%s keeps its name', (_, text) => {
  expect(named(text)).toEqual([])
})

test('the most frequent name is the shortest, and none is one that is there already', () => {
  const names = shortNames(['const a = { rarely: 1, often: 2, b: 3 }; a.often = a.often + a.b'], door())
  expect(Object.fromEntries(names)).toEqual({ often: 'c', rarely: 'd' })
})

test('short names are the same in every bundle, however a property is named there', async () => {
  const maker = `globalThis.made = { sentMs: 1, shorthand() { return this.sentMs }, ...globalThis.more }`
  const user = `const { sentMs, sentMs: other, ...rest } = made; made.sentMs++; delete made['x']
    globalThis.seen = [sentMs, other, made.sentMs, made?.shorthand(), 'sentMs' in rest, Object.keys(rest).length]`
  const names = new Map([
    ['sentMs', 'q'],
    ['shorthand', 'r'],
  ])
  const page = { more: { x: 1 } }
  const shrunk = await Promise.all([shrink(maker, false, names), shrink(user, false, names)])
  for (const text of shrunk) expect(text).not.toMatch(/\.(sentMs|shorthand)\b/)
  runInNewContext(shrunk.join(';'), page)
  expect(page).toMatchObject({ made: { q: 2 }, seen: [1, 1, 2, 2, false, 2] })
})

test('numbers stand where tables were asked for them, and rows that nobody writes are gone', () => {
  const text = `const clientMessages = { heartbeat: up(2001, {}), mapSet: down(1004, { path: data }), mapClear: down(1012, {}) };
    take(clientMessages.mapSet.code); clientMessages.heartbeat.write(writer, {}); otherMessages.mapSet.code;`
  expect(withoutTables(text).replaceAll(/\s+/g, ' ')).toBe(
    'const clientMessages = { heartbeat: up(2001, {}), }; ' +
      'take(1004); clientMessages.heartbeat.write(writer, {}); otherMessages.mapSet.code;',
  )
})
