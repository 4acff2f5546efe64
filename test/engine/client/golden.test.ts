// What a real GoWorld said to two clients, replayed into the SDK: the world it builds must fit all of it.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { connect, type MirrorEntity, type Observer } from '../../../engine/client/client.ts'
import { clientMessages } from '../../../engine/wire/client-wire.ts'
import { GateSide } from './gate-side.ts'

interface Line {
  client: number
  dir: 'client>gate' | 'gate>client'
  hex: string
}
const lines = readFileSync(new URL('../../golden/goworld-session.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Line)

const framesTo = (client: number) =>
  lines.filter((line) => line.client === client && line.dir === 'gate>client').map(({ hex }) => bytesOf(hex))
const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown

/** A client that notes what happened to it, in order. */
function listen() {
  const heard: string[] = []
  const note = (what: string, entity: MirrorEntity | undefined, ...more: unknown[]) =>
    heard.push([what, entity?.type ?? '', ...more.map((value) => JSON.stringify(value))].join(' '))
  const observer: Observer = {
    onCreated: (entity) => note('created', entity),
    onDestroyed: (entity) => note('destroyed', entity),
    onChanged: (entity, attr) => note('changed', entity, attr, entity.attrs[attr]),
    onPosition: (entity, ...to) => note('moved', entity, ...to),
    onCall: (entity, method, args) => note(method, entity, ...args.values()),
    onFiltered: (method, args) => note(method, undefined, ...args.values()),
    onProtocolError: (error) => heard.push(String(error)),
  }
  const gate = new GateSide()
  return { heard, gate, game: connect(gate, { observer, heartbeatMs: 0, moveIntervalMs: 0 }) }
}

function stateOf({ heard, game }: ReturnType<typeof listen>) {
  return {
    heard,
    counters: { ...game.counters, bytesIn: 0 },
    space: game.space?.kind,
    entities: [...game.entities.values()].map(({ id, attrs, position, yaw, isOwn }) => ({
      id,
      attrs: plain(attrs),
      position: { ...position },
      yaw,
      isOwn,
    })),
  }
}

describe('a recorded session', () => {
  it.each([1, 2])('gives client %i a consistent world', (number) => {
    const client = listen()
    const { gate, game } = client
    let calls = 0
    game.on('Avatar', {
      OnTestListField(list: unknown) {
        calls++
        expect(this.attrs['testListField']).toEqual(list)
      },
      OnTestComplexAttrStep1() {
        calls++
        expect(this.attrs['complexAttr']).toEqual({ key1: { key2: [true, [{ finalkey: 'iamhere' }]] } })
      },
      OnTestComplexAttrClear() {
        expect(this.attrs['complexAttr']).toEqual({})
      },
      OnTestAOI(id: string) {
        calls++
        expect(game.entities.get(id)).toMatchObject({ type: 'AOITester', isOwn: false, position: this.position })
      },
    })
    for (const frame of framesTo(number)) gate.push(frame)

    expect(game.counters).toMatchObject({ protocolErrors: 0, hookErrors: 0, unheardCalls: 0 })
    expect(calls).toBeGreaterThan(0)
    expect(game.player).toMatchObject({ type: 'Avatar', isOwn: true })
    expect(game.space?.kind).toBe(number)
    expect([...game.entities.values()]).toEqual([game.player])
    expect(game.player?.space).toBe(game.space)
  })

  it('says the same however its bytes are cut', () => {
    const bytes = Buffer.concat(framesTo(2))
    const whole = listen()
    whole.gate.push(new Uint8Array(bytes))
    const state = stateOf(whole)

    const single = listen()
    for (let at = 0; at < bytes.length; at++) single.gate.push(new Uint8Array(bytes.subarray(at, at + 1)))
    expect(stateOf(single)).toEqual(state)

    const cutsMax = 1500
    const beginning = bytes.subarray(0, cutsMax)
    const uncut = listen()
    uncut.gate.push(new Uint8Array(beginning))
    const begun = stateOf(uncut)
    for (let cut = 1; cut < cutsMax; cut++) {
      const client = listen()
      client.gate.push(new Uint8Array(beginning.subarray(0, cut)))
      client.gate.push(new Uint8Array(beginning.subarray(cut)))
      expect(stateOf(client), `cut at ${cut}`).toEqual(begun)
    }
  })

  it('moves and calls as the recorded client did', () => {
    const client = listen()
    for (const frame of framesTo(1).slice(0, 4)) client.gate.push(frame)
    const said = lines.filter((line) => line.client === 1 && line.dir === 'client>gate')
    const moves = said
      .map(({ hex }) => bytesOf(hex))
      .filter((bytes) => bytes[4] === clientMessages.positionFromClient.code)
    for (const bytes of moves) {
      const { x, y, z, yaw } = clientMessages.positionFromClient.read(bytes, 6, bytes.length)
      client.game.move(x, y, z, yaw)
    }
    expect(client.gate.written).toEqual(moves)

    client.gate.written.length = 0
    const calls = said.map(({ hex }) => bytesOf(hex)).filter((bytes) => bytes[4] === clientMessages.callFromClient.code)
    const values = calls.map((bytes) => clientMessages.callFromClient.read(bytes, 6, bytes.length))
    for (const { entityId, method, args } of values) client.game.call(entityId, method, ...args)
    expect(client.gate.heard()).toEqual(values.map((value) => ({ name: 'callFromClient', values: value })))
  })
})
