// The table of what our own processes say to each other.
import { describe, expect, it } from 'vitest'
import { type Messages, messages } from '../../../engine/wire/messages.ts'
import { id, type Message, u16 } from '../../../engine/wire/table.ts'
import { tableSuite } from './table-suite.ts'

const rows = Object.entries(messages) as [keyof Messages, Message][]

describe('the protocol between our processes', () => {
  tableSuite(messages as unknown as Record<string, Message>)

  it('begins each routed message with what it is routed by', () => {
    const first = { entity: ['entityId', id], game: ['gameId', u16], gate: ['gateId', u16] } as const
    for (const [name, { by, fields }] of rows) {
      if (by) expect([name, ...Object.entries(fields)[0]!]).toEqual([name, ...first[by]])
    }
  })

  it('routes whatever goes from a game or gate to another', () => {
    for (const [name, { from, to, by }] of rows) {
      const passesThrough = !from.includes('dispatcher') && !to.includes('dispatcher')
      if (passesThrough) expect([name, by]).not.toEqual([name, undefined])
    }
  })
})
