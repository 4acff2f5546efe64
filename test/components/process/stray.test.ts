// Whose an exception is that nobody has caught: its stack says who called first.
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { isOfAuthor, keepWholeStacks } from '../../../components/process/stray.ts'
import { ROOT } from '../../program.ts'

const at = (...frames: string[]) => {
  const error = new Error('boom')
  error.stack = ['Error: boom', ...frames.map((frame) => `    at ${frame}`)].join('\n')
  return error
}
const ENGINE = pathToFileURL(join(ROOT, 'engine/entity/world.ts')).href
const GATE = join(ROOT, 'components/gate/gate.ts')
const TIMERS = 'Timeout._onTimeout (node:internal/timers:581:17)'

describe('an exception', () => {
  test.each([
    ['of a callback of the game', at('/games/chess/chess.ts:10:3', TIMERS)],
    ['by a URL', at('Chess.move (file:///games/chess/chess.ts:10:3)', TIMERS)],
    ['of a path with brackets', at('Chess.move (/games/chess (old)/chess.ts:10:3)', TIMERS)],
    [
      'of a library',
      at('Client.<anonymous> (/games/chess/node_modules/pg/lib/client.js:1:2)', 'emit (node:events:1:2)'),
    ],
    ['that the engine throws at it', at(`Attrs.set (${ENGINE}:5:7)`, '/games/chess/chess.ts:10:3', TIMERS)],
    ['of an example', at(`open (${join(ROOT, 'examples/arena/arena.ts')}:10:3)`, TIMERS)],
  ])('%s is the author’s', (_, error) => {
    expect(isOfAuthor(error)).toBe(true)
  })

  test.each([
    ['that the engine began', at('/games/chess/chess.ts:10:3', `World.run (${ENGINE}:5:7)`, TIMERS)],
    ['of a gate', at(`Gate.accept (${GATE}:5:7)`, 'emit (node:events:1:2)')],
    ['of Node.js', at('emit (node:events:1:2)', TIMERS)],
    ['without a stack', at()],
    ['that is no Error', 'boom'],
    ['whose stack is cut off', at(...Array.from({ length: 50 }, () => '/games/chess/chess.ts:10:3'))],
  ])('%s is not', (_, error) => {
    expect(isOfAuthor(error)).toBe(false)
  })

  test('of a real emitter is known for what it is', () => {
    keepWholeStacks()
    let caught: unknown
    const emitter = new EventEmitter().on('tick', () => {
      throw new Error('boom')
    })
    try {
      emitter.emit('tick')
    } catch (error) {
      caught = error
    }
    // The outermost frame is this runner's, which is not the engine's.
    expect(isOfAuthor(caught)).toBe(true)
  })
})
