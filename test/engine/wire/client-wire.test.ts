// GoWorld's protocol table: its numbers are promises to clients that exist.
import { describe, expect, it } from 'vitest'
import { ADDRESSED_HEADER_BYTES, clientMessages, FILTER_OPERATORS } from '../../../engine/wire/client-wire.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import type { Message } from '../../../engine/wire/table.ts'
import { tableSuite } from './table-suite.ts'

describe('the client protocol', () => {
  tableSuite(clientMessages as unknown as Record<string, Message>)

  it('has the numbers of GoWorld of 2022', () => {
    expect(Object.fromEntries(Object.entries(clientMessages).map(([name, { code }]) => [name, code]))).toEqual({
      callFromClient: 11,
      positionFromClient: 12,
      heartbeat: 2001,
      createEntity: 1002,
      destroyEntity: 1003,
      mapSet: 1004,
      mapDelete: 1005,
      listSet: 1006,
      listPop: 1007,
      listAppend: 1008,
      callOnClient: 1009,
      mapClear: 1012,
      callFiltered: 1501,
      positions: 1502,
    })
    expect(FILTER_OPERATORS).toEqual(['=', '!=', '>', '<', '>=', '<='])
  })

  it('puts the gate and the client in front of everything that is for one client', () => {
    const toClient = Object.entries(clientMessages).filter(([, { to }]) => to[0] === 'client')
    const addressed = toClient.filter(([name]) => name !== 'callFiltered' && name !== 'positions')
    for (const [, { fields }] of addressed) expect(Object.keys(fields).slice(0, 2)).toEqual(['gateId', 'clientId'])
    const writer = new PacketWriter()
    clientMessages.destroyEntity.write(writer, {
      gateId: 1,
      clientId: 'c'.repeat(16),
      type: 'Avatar',
      entityId: 'e'.repeat(16),
    })
    expect(writer.at).toBe(ADDRESSED_HEADER_BYTES + 4 + 'Avatar'.length + 16)
  })
})
