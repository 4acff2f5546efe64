// Holds the house to its floors (test/house/floors.ts), and the check to what it promises.
import { describe, expect, test } from 'vitest'
import { floorFaults } from './house/floors.ts'
import { sources } from './house/sources.ts'

const faultsOf = (path: string, text: string) => floorFaults([{ path, text }])

test('every import goes down, and only the clock reads the clock', () => {
  const all = sources()
  expect(all.length).toBeGreaterThan(50)
  expect(floorFaults(all)).toEqual([])
})

describe('the check', () => {
  test('refuses an import from a floor above', () => {
    expect(faultsOf('engine/net/a.ts', `import { x } from '../entity/entity.ts'`)).toEqual([
      'engine/net/a.ts imports ../entity/entity.ts: it is on a floor above',
    ])
    expect(faultsOf('engine/entity/a.ts', `import type { X } from '../../components/game/game.ts'`)).toHaveLength(1)
    expect(faultsOf('engine/entity/a.ts', `import { X } from '../net/tcp.ts'`)).toEqual([])
  })

  test('refuses an import from a neighbour, unless there is a door', () => {
    expect(faultsOf('components/gate/a.ts', `export * from '../game/load.ts'`)).toEqual([
      'components/gate/a.ts imports ../game/load.ts: it is on the same floor',
    ])
    expect(faultsOf('engine/kvdb/a.ts', `import { x } from '../storage/b.ts'`)).toEqual([])
    expect(faultsOf('engine/storage/a.ts', `import { x } from '../kvdb/b.ts'`)).toHaveLength(1)
  })

  test('sees imports over several lines, for their effect, for later, and of types', () => {
    expect(faultsOf('engine/base/a.ts', `import {\n  a,\n  type B,\n} from '../wire/b.ts'`)).toHaveLength(1)
    expect(faultsOf('engine/base/a.ts', `import '../wire/b.ts'`)).toHaveLength(1)
    expect(faultsOf('engine/base/a.ts', `const b = await import('../wire/b.ts')`)).toHaveLength(1)
    expect(faultsOf('engine/base/a.ts', `let b: typeof import('../wire/b.ts')`)).toHaveLength(1)
    expect(faultsOf('engine/base/a.ts', `// import '../wire/b.ts'\n/*\nimport '../wire/b.ts'\n*/`)).toEqual([])
  })

  test('refuses to let something that is on no floor in', () => {
    expect(faultsOf('engine/net/a.ts', `import '../../test/b.ts'`)).toHaveLength(1)
    expect(faultsOf('engine/net/a.ts', `import '../../examples/x/b.ts'`)).toHaveLength(1)
  })

  test('lets the client import base, wire, and types of entities', () => {
    expect(faultsOf('engine/client/a.ts', `import { x } from '../wire/b.ts'\nimport y from '../base/c.ts'`)).toEqual([])
    expect(faultsOf('engine/client/a.ts', `import type { X } from '../entity/b.ts'`)).toEqual([])
    expect(faultsOf('engine/client/a.ts', `import { x } from '../entity/b.ts'`)).toHaveLength(1)
    expect(faultsOf('engine/client/a.ts', `import type { X } from '../net/b.ts'`)).toHaveLength(1)
    expect(faultsOf('components/gate/a.ts', `import type { X } from '../../engine/client/b.ts'`)).toHaveLength(1)
  })

  test('lets examples import the doors, Node.js and their own files', () => {
    const path = 'examples/a/a.ts'
    expect(faultsOf(path, `import 'goworld'\nimport 'goworld/client'\nimport 'node:fs'\nimport './b.ts'`)).toEqual([])
    expect(faultsOf(path, `import '../../engine/base/id.ts'`)).toHaveLength(1)
    expect(faultsOf(path, `import '../b/b.ts'`)).toHaveLength(1)
    expect(faultsOf(path, `import 'pino'`)).toHaveLength(1)
    const tools = `import 'goworld/testing'\nimport 'vitest'`
    expect([faultsOf(path, tools).length, faultsOf('examples/a/a.test.ts', tools)]).toEqual([2, []])
  })

  test('keeps Node.js out of what runs in browsers', () => {
    expect(faultsOf('engine/base/a.ts', `import { readFileSync } from 'node:fs'`)).toHaveLength(1)
    expect(faultsOf('engine/wire/a.ts', `import type { Buffer } from 'node:buffer'`)).toHaveLength(1)
    expect(faultsOf('engine/client/client.ts', `import 'node:net'`)).toHaveLength(1)
    expect(faultsOf('engine/client/tcp.ts', `import 'node:net'`)).toEqual([])
  })

  test('finds whoever reads the clock or rolls dice', () => {
    const bad = 'const now = Date.now()\nsetTimeout(f, 1)\nconst r = Math.random()'
    expect(faultsOf('engine/net/a.ts', bad)).toHaveLength(3)
    expect(faultsOf('components/gate/gate.ts', bad)).toHaveLength(3)
    expect(faultsOf('components/gate/main.ts', bad)).toEqual([])
    expect(faultsOf('engine/base/clock.ts', bad)).toEqual([])
    expect(faultsOf('engine/net/a.ts', `// Date.now()\nconst text = 'Date.now()'\nconst d = new Date(5)`)).toEqual([])
  })
})
