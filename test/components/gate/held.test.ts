// What very many hear later: everybody hears all that is meant for the player that it has at the time, in its order, and
// nothing is kept any longer.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { BufferPool } from '../../../components/gate/buffers.ts'
import { Clients } from '../../../components/gate/clients.ts'
import { FrameCopy } from '../../../components/gate/frame-copy.ts'
import { Held } from '../../../components/gate/held.ts'
import { Output } from '../../../components/gate/output.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { FEATURES } from '../../../engine/wire/client-wire.ts'
import { SYNC_OWN, SYNC_WATCHERS } from '../../../engine/wire/messages.ts'
import { getU32 } from '../../../engine/wire/packet.ts'
import type { SessionClient } from '../session-client.ts'
import { SessionStage } from './session-stage.ts'
import { bodyOf, destroyBody, type FakeClient, idOf, Pipe, type Stage } from './stage.ts'

const frameOf = (text: string) => {
  const frame = new FrameCopy()
  const bytes = Buffer.from(text)
  frame.set(1501, bytes, 0, bytes.length)
  return frame
}
const framesIn = (bytes: Uint8Array) => {
  const texts: string[] = []
  for (let at = 0; at < bytes.length; at += 4 + getU32(bytes, at))
    texts.push(Buffer.from(bytes.subarray(at + 6, at + 4 + getU32(bytes, at))).toString())
  return texts
}
const textOf = (frame: FrameCopy) => {
  const bytes = new Uint8Array(frame.length)
  frame.copyTo(bytes, 0)
  return Buffer.from(bytes.subarray(6)).toString()
}

afterEach(() => vi.restoreAllMocks())

describe('what is held', () => {
  test.each([1, 2, 3, 4, 5])('is given to whom it is for, once and in its order, then let go: seed %d', (seed) => {
    const random = seededRandom(seed)
    const below = (limit: number) => Math.floor(random() * limit)
    const held = new Held(new Clients())
    const wanted = new Map<number, string[]>()
    const marks = new Map<number, number>()
    const takers = Array.from({ length: 300 }, (_, slot) => {
      const heard: string[] = []
      marks.set(slot, held.next)
      wanted.set(slot, [])
      return { slot, heard, addHeld: (frame: FrameCopy) => void heard.push(textOf(frame)) }
    })
    const take = (slot: number) => {
      const taker = takers[slot]!
      const before = taker.heard.length
      held.give(taker, marks.get(slot)!)
      marks.set(slot, held.next)
      expect(taker.heard.slice(before)).toEqual(wanted.get(slot))
      wanted.set(slot, [])
    }
    for (let step = 0; step < 1500; step++) {
      if (random() < 0.6) {
        const text = `${step} ${'x'.repeat(random() < 0.05 ? 10_000 : below(300))}`
        const frame = frameOf(text)
        const taken = new Set<number>()
        for (let count = below(300); count > 0; count--) {
          // Some twice, and some take what there is while it is said.
          const slot = below(300)
          if (random() < 0.02) {
            take(slot)
            taken.add(slot)
          } else if (!taken.has(slot)) {
            held.add(slot, frame)
            wanted.get(slot)!.push(text)
          }
        }
        held.end()
      } else if (random() < 0.3) {
        const slot = below(300)
        held.skip(slot, marks.get(slot)!)
        marks.set(slot, held.next)
        wanted.set(slot, [])
      } else {
        for (let count = below(100); count > 0; count--) take(below(300))
      }
    }
    for (const { slot } of takers) take(slot)
    expect(held.size).toBe(0)
  })

  test('goes on though all take it while it is said', () => {
    const held = new Held(new Clients())
    const heard: string[] = []
    const taker = (slot: number) => ({
      slot,
      addHeld: (frame: FrameCopy) => void heard.push(`${slot}: ${textOf(frame)}`),
    })
    held.add(1, frameOf('one'))
    held.give(taker(1), 0)
    held.add(2, frameOf('one'))
    held.end()
    held.add(2, frameOf('two'))
    held.end()
    held.give(taker(2), 0)
    expect([heard, held.size]).toEqual([['1: one', '2: one', '2: two'], 0])
  })

  test('takes a frame for each time that it is for the same, however many they are', () => {
    const held = new Held(new Clients())
    for (let slot = 0; slot < 3000; slot++) for (let time = 0; time < 3; time++) held.add(slot, frameOf('thrice'))
    held.end()
    expect(held.size).toBe(3)
    const heard: string[] = []
    held.give({ slot: 1234, addHeld: (frame) => void heard.push(textOf(frame)) }, 0)
    expect(heard).toEqual(['thrice', 'thrice', 'thrice'])
  })

  test('is what many hear, of those that there are', () => {
    const clients = new Clients()
    const held = new Held(clients)
    expect([15, 16].map((count) => held.pays(count))).toEqual([false, true])
    Object.defineProperty(clients, 'size', { value: 1600 })
    expect([16, 99, 100].map((count) => held.pays(count))).toEqual([false, false, true])
  })
})

describe('an output', () => {
  function outputWith(...texts: string[]) {
    const held = new Held(new Clients())
    const touched: Output[] = []
    const pipe = new Pipe()
    const owner = { held, touched: (one: Output) => void touched.push(one), overflowed() {} }
    const output = new Output(3, 'client0000000001', pipe, new BufferPool(), owner, 4096)
    for (const text of texts) {
      held.add(3, frameOf(text))
      held.end()
    }
    const written = () => {
      for (const one of touched.splice(0)) one.flush()
      return pipe.writes.flatMap(({ bytes }) => framesIn(bytes))
    }
    return { held, output, pipe, written }
  }

  test('writes what is held in front of what comes: messages, positions, the end', () => {
    const one = outputWith('a', 'b')
    expect(one.written()).toEqual([])
    one.output.append(frameOf('c'))
    expect([one.written(), one.held.size]).toEqual([['a', 'b', 'c'], 0])
    const two = outputWith('a')
    two.output.appendRecord(new Uint8Array(32).fill(65), 0, false)
    expect(two.written()).toEqual(['a', 'A'.repeat(32)])
    const three = outputWith('a')
    three.output.close('enough')
    expect([three.written(), three.held.size, three.pipe.ended]).toEqual([['a'], 0, 'enough'])
  })

  test('that is to forget what was for it, or is over, takes nothing and holds up nothing', () => {
    for (const end of ['discard', 'gone', 'giveUp'] as const) {
      const { held, output, written } = outputWith('a', 'b')
      output[end]()
      expect([held.size, written()]).toEqual([0, []])
      held.add(3, frameOf('c'))
      held.end()
      output.takeHeld()
      output.leave()
      expect([held.size, written()]).toEqual([0, end === 'discard' ? ['c'] : []])
    }
  })

  test('that is over takes nothing of what is for the next one in its place', () => {
    const { held, output } = outputWith()
    const told: Output[] = []
    output.roomForCompact({ timeMs: 1, step: 6, told })
    output.gone()
    held.add(3, frameOf('hello'))
    held.end()
    // As it is told that all stands still.
    output.tellStill({ timeMs: 2, step: 0, told: undefined })
    expect(held.size).toBe(1)
  })

  test('takes what is held for a player before its client plays another', () => {
    const clients = new Clients()
    const seen: string[] = []
    const view = { destroyBody: Buffer.from(idOf('ann')), idAt: 0 }
    const client = { slot: 0, id: idOf('client'), output: { takeHeld: () => seen.push(playing()) } }
    const playing = () => {
      const bytes = Buffer.alloc(16)
      clients.putPlayer(0, new DataView(bytes.buffer, bytes.byteOffset), 0)
      return bytes.toString()
    }
    clients.add(client as never)
    for (const player of [view, undefined]) clients.setPlayer(client as never, player as never)
    expect(seen).toEqual(['\0'.repeat(16), idOf('ann')])
  })
})

describe('in a crowd to which very much is said', () => {
  test.each([1, 2, 3, 4, 5, 6])('everybody hears what is meant for it: seed %d', async (seed) => {
    const holds = vi.spyOn(Held.prototype, 'add')
    const gives = vi.spyOn(Held.prototype, 'give')
    const sessions = await SessionStage.start({ seed, clientBytesPerSecond: seed % 2 ? 0 : 20_000 })
    const { stage } = sessions
    const { random } = stage
    const below = (limit: number) => Math.floor(random() * limit)
    const crowd = new Crowd(sessions)
    for (let n = 0; n < 50; n++) await crowd.enter()
    await stage.settle()
    for (let step = 0; step < 600; step++) {
      const text = `${step}`
      const kind = random()
      const one = () => crowd.players[below(crowd.players.length)]!
      const some = (count: number) => Array.from({ length: count }, one)
      if (kind < 0.35) crowd.sayToAll(text)
      else if (kind < 0.45) crowd.sayWhere('level', `${below(3)}`, text)
      else if (kind < 0.7) crowd.sayToEach(some(20 + below(60)), text)
      else if (kind < 0.75) crowd.sayToEach(some(2), text)
      else if (kind < 0.8) crowd.sayTo(one(), text)
      else if (kind < 0.84) crowd.change(one(), text)
      else if (kind < 0.92) crowd.move(some(10))
      else if (kind < 0.94) crowd.ask(one())
      else if (kind < 0.96) crowd.playAnother(one())
      else if (kind < 0.98) await crowd.replace(one())
      else await crowd.drop(one(), text)
      if (step % 30 === 0) crowd.flushPositions()
      if (random() < 0.5) await stage.clock.advance(1)
    }
    await stage.interval()
    await stage.interval()
    for (const player of crowd.players) expect(crowd.heardBy(player)).toEqual(player.wanted)
    expect(holds.mock.calls.length).toBeGreaterThan(1000)
    expect((gives.mock.contexts[0] as Held).size).toBe(0)
  })
})

interface Player {
  readonly client: Pick<FakeClient, 'id'>
  readonly fake: FakeClient | undefined
  readonly session: SessionClient | undefined
  readonly level: number
  entityId: string
  handed: number
  /** What it is to hear, and as whom. */
  wanted: string[]
}

class Crowd {
  players: Player[] = []
  readonly #sessions: SessionStage
  readonly #stage: Stage
  #made = 0
  #timeMs = 0

  constructor(sessions: SessionStage) {
    this.#sessions = sessions
    this.#stage = sessions.stage
  }

  /** Every other one has a session, and hears of places in compact form, as a rule. */
  async enter(): Promise<void> {
    const entityId = idOf(`p${this.#made++}`)
    const level = this.#made % 3
    const fake = this.#made % 2 ? await this.#stage.player(entityId) : undefined
    const session = fake ? undefined : await this.#session(entityId)
    const client = fake ?? { id: this.#stage.asked('bootEntity').at(-1)!.clientId }
    this.players.push({ client, fake, session, level, entityId, handed: 0, wanted: [] })
    this.#level(this.players.at(-1)!)
  }

  async #session(entityId: string): Promise<SessionClient> {
    const features = this.#stage.random() < 0.7 ? FEATURES.compactPositions : 0
    const one = await this.#sessions.client().connect({ features })
    await this.#stage.settle()
    const { clientId, entityId: bootId } = this.#stage.asked('bootEntity').at(-1)!
    for (const player of [bootId, entityId]) this.#sessions.bind(clientId, player)
    await one.hears('createEntity', 2)
    one.heard = []
    return one
  }

  heardBy({ client, fake, session }: Player): string[] {
    return (fake ?? session!).heard.flatMap(({ name, values }) =>
      name === 'callOnClient'
        ? [
            `${values['method']} as ${values['entityId']}${values['clientId'] === client.id ? '' : ', which is another'}`,
          ]
        : name === 'callFiltered'
          ? [`${values['method']}`]
          : name === 'mapSet'
            ? [`${values['value']} of ${values['entityId']}`]
            : [],
    )
  }

  /** It goes; somebody else has its place at the gate. */
  async replace(player: Player): Promise<void> {
    const { client, fake } = player
    if (fake) fake.connection.close()
    else this.#stage.games.tell('closeClient', { clientId: client.id, handed: player.handed, reason: 'enough' })
    this.players = this.players.filter((one) => one !== player)
    await this.#stage.clock.advance(2)
    await this.enter()
  }

  /** Its connection is lost, and much is said until it has another. */
  async drop({ session }: Player, text: string): Promise<void> {
    if (!session) return
    session.drop()
    for (let n = 0; n < 5; n++) {
      this.sayToAll(`${text}.${n}`)
      await this.#stage.clock.advance(1)
    }
    await session.connect()
  }

  /** Its client plays another entity from now on. */
  playAnother(player: Player): void {
    const { client, entityId } = player
    const games = this.#stage.games
    games.tell('unbindPlayer', { clientId: client.id, entityId, epoch: 1, body: destroyBody(entityId, 'Avatar') })
    player.entityId = idOf(`p${this.#made++}`)
    this.#stage.bind(client as FakeClient, player.entityId, { handed: ++player.handed })
    this.#level(player)
  }

  sayToAll(text: string): void {
    const body = bodyOf('callFiltered', { op: 0, key: '', value: '', method: text, args: [] })
    this.#stage.games.tell('callFilteredClients', { body })
    for (const { wanted } of this.players) wanted.push(text)
  }

  sayWhere(key: string, value: string, text: string): void {
    const body = bodyOf('callFiltered', { op: 0, key, value, method: text, args: [] })
    this.#stage.games.tell('callFilteredClients', { body })
    for (const { level, wanted } of this.players) if (`${level}` === value) wanted.push(text)
  }

  sayToEach(players: readonly Player[], text: string): void {
    const said = bodyOf('callOnClient', { entityId: idOf('any'), method: text, args: [] }).slice(16)
    const calls = Buffer.from(players.map(({ client, entityId }) => client.id + entityId).join(''))
    this.#stage.games.tell('callClients', { run: 1, said, calls })
    for (const { entityId, wanted } of players) wanted.push(`${text} as ${entityId}`)
  }

  sayTo({ client, entityId, wanted }: Player, text: string): void {
    this.#stage.callClient(client as FakeClient, entityId, text)
    wanted.push(`${text} as ${entityId}`)
  }

  change({ entityId, wanted }: Player, text: string): void {
    this.#stage.set(entityId, 'key', text)
    wanted.push(`${text} of ${entityId}`)
  }

  move(players: readonly Player[]): void {
    for (const { entityId } of players) this.#stage.positions(SYNC_OWN | SYNC_WATCHERS, [entityId, this.#timeMs])
  }

  flushPositions(): void {
    this.#timeMs += 100
    this.#stage.games.tell('positionsFlushed', { gameId: 1, timeMs: this.#timeMs, intervalMs: 100 })
  }

  ask({ fake, session, entityId }: Player): void {
    if (fake) return fake.call(entityId, 'ask')
    session!.playerId = entityId
    session!.call('ask')
  }

  #level({ client, level }: Player): void {
    this.#stage.games.tell('setFilter', { clientId: client.id, key: 'level', value: `${level}` })
  }
}
