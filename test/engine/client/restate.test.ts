// A session that goes on with its player, or begins anew: what mirrors and hooks make of it when all is said once more.
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { type ConnectionEvent, connect, type ProtocolError } from '../../../engine/client/client.ts'
import { SessionGate } from './session-gate.ts'

const AVATAR = 'avatar0000000001'
const OTHER = 'avatar0000000002'
const MONSTER = 'monster000000001'
const SPACE = 'space00000000001'

/** A client that has heard of a player, a space and two others, and is about to hear of it all from another gate. */
async function client() {
  const clock = new VirtualClock()
  const [first, second] = [
    new SessionGate(clock),
    new SessionGate(clock, { clientId: 'client0000000002', skewMs: 500 }),
  ]
  const errors: ProtocolError[] = []
  const log = new MemoryLog()
  const events: ConnectionEvent[] = []
  const heard: unknown[] = []
  first.began = () => {
    first.create(AVATAR, 'Avatar', { name: 'one', bag: { gold: 1, list: [1, { deep: true }] } }, true)
    first.create(SPACE, '__space__', { _K: 1, weather: 'sun' })
    first.create(OTHER, 'Avatar', { name: 'two' })
    first.create(MONSTER, 'Monster', { hp: 10 })
  }
  second.answer = () => 'player'
  const game = connect([first.connect, second.connect], {
    clock,
    log,
    random: seededRandom(1),
    moveIntervalMs: 0,
    observer: {
      onProtocolError: (error) => void errors.push(error),
      onPosition: (entity, x) => heard.push(['moved', entity.id, x]),
    },
  })
  for (const type of ['Avatar', 'Monster', '__space__'])
    game.on(type, {
      created() {
        heard.push(['created', this.id])
      },
      destroyed() {
        heard.push(['destroyed', this.id])
      },
      changed: Object.fromEntries(
        ['name', 'bag', 'hp', 'weather', '_K', 'title'].map((attr) => [
          attr,
          (value: unknown, place: unknown) => heard.push([attr, value, place]),
        ]),
      ),
      hears: (line: string) => heard.push(['hears', line]),
    })
  game.onConnection((event) => events.push(event))
  await clock.until(() => game.entities.size === 3)
  heard.length = 0
  events.length = 0
  const lose = async () => {
    first.isDown = true
    first.drop()
    await clock.until(() => game.connection === 'lost')
  }
  return { clock, first, second, game, errors, events, heard, log, lose }
}

const bag = { gold: 1, list: [1, { deep: true }] }

describe('a session that goes on with its player', () => {
  it('tells of nothing when nothing is different, and keeps every mirror', async () => {
    const { clock, second, game, errors, events, heard, lose } = await client()
    const mirrors = [...game.entities.values(), game.space]
    const attrs = game.player?.attrs
    second.began = () => {
      second.create(AVATAR, 'Avatar', { bag, name: 'one' }, true)
      second.create(SPACE, '__space__', { _K: 1, weather: 'sun' })
      second.create(MONSTER, 'Monster', { hp: 10 })
      second.create(OTHER, 'Avatar', { name: 'two' })
      second.send('restated', { missed: true })
      second.send('callOnClient', { entityId: OTHER, method: 'hears', args: ['hello'] })
    }
    await lose()
    await clock.until(() => heard.length > 0)
    expect(heard).toEqual([['hears', 'hello']])
    expect([...game.entities.values(), game.space]).toEqual(mirrors)
    expect(mirrors.every((mirror) => mirror === (game.entities.get(mirror!.id) ?? game.space))).toBe(true)
    expect(game.player?.attrs).toBe(attrs)
    expect(events.map(({ state, missed }) => [state, missed]).slice(-2)).toEqual([
      ['open', false],
      ['restated', true],
    ])
    expect(errors).toEqual([])
  })

  it('tells of what is different: changed, gone, new, and elsewhere', async () => {
    const { clock, second, game, errors, heard, lose } = await client()
    const { player } = game
    const list = (player!.attrs['bag'] as { list: unknown }).list
    second.began = () => {
      second.create(AVATAR, 'Avatar', { bag: { ...bag, gold: 2 }, title: 'king' }, true, 7)
      second.create(SPACE, '__space__', { _K: 1, weather: 'rain' })
      second.create(MONSTER, 'Monster', { hp: 10 })
      second.create('avatar0000000003', 'Avatar', { name: 'three' })
      second.send('restated', { missed: false })
    }
    await lose()
    await clock.until(() => heard.length >= 7)
    expect(heard).toEqual([
      ['moved', AVATAR, 7],
      ['name', undefined, []],
      ['bag', { ...bag, gold: 2 }, []],
      ['title', 'king', []],
      ['weather', 'rain', []],
      ['created', 'avatar0000000003'],
      ['destroyed', OTHER],
    ])
    expect(game.player).toBe(player)
    expect(player!.attrs).toEqual({ bag: { ...bag, gold: 2 }, title: 'king' })
    expect(list).toEqual([1, { deep: true }])
    expect(player!.position.x).toBe(7)
    expect([...game.entities.keys()].sort()).toEqual([AVATAR, 'avatar0000000003', MONSTER].sort())
    expect(errors).toEqual([])
  })

  it('has another player and space where the server says so, and takes a player that is none any more for another', async () => {
    const { clock, second, game, errors, heard, lose } = await client()
    second.began = () => {
      second.create(OTHER, 'Avatar', { name: 'two' }, true)
      second.create('space00000000002', '__space__', { _K: 2 })
      second.create(AVATAR, 'Avatar', { name: 'one', bag })
      second.send('restated', { missed: false })
    }
    await lose()
    await clock.until(() => heard.length >= 7)
    expect(heard).toEqual([
      ['destroyed', OTHER],
      ['destroyed', AVATAR],
      ['created', OTHER],
      ['destroyed', SPACE],
      ['created', 'space00000000002'],
      ['created', AVATAR],
      ['destroyed', MONSTER],
    ])
    expect(game.player?.id).toBe(OTHER)
    expect(game.player?.isOwn).toBe(true)
    expect(game.entities.get(AVATAR)?.isOwn).toBe(false)
    expect(game.space?.kind).toBe(2)
    expect(errors).toEqual([])
  })

  it('lets go of the player and its space last when nothing is said of them', async () => {
    const { clock, second, game, heard, lose } = await client()
    second.began = () => second.send('restated', { missed: false })
    await lose()
    await clock.until(() => heard.length >= 4)
    expect(heard).toEqual([OTHER, MONSTER, SPACE, AVATAR].map((id) => ['destroyed', id]))
    expect([game.player, game.space, game.entities.size]).toEqual([undefined, undefined, 0])
  })

  it('goes on restating with the next connection, in whichever way that goes on', async () => {
    for (const how of ['stream', 'player'] as const) {
      const { clock, second, errors, events, heard, lose } = await client()
      const begin = () => {
        second.create(AVATAR, 'Avatar', { name: 'one', bag }, true)
        second.create(SPACE, '__space__', { _K: 1, weather: 'sun' })
      }
      second.began = () => {
        begin()
        // It is lost before all is said.
        clock.after(100, () => second.drop())
        second.answer = () => how
        second.began = begin
      }
      await lose()
      await clock.until(() => second.hellos.length === 2)
      second.create(MONSTER, 'Monster', { hp: 9 })
      second.send('restated', { missed: false })
      await clock.until(() => events.at(-1)?.state === 'restated')
      expect(heard, how).toEqual([
        ['hp', 9, []],
        ['destroyed', OTHER],
      ])
      expect(errors).toEqual([])
    }
  })

  it('hears of all of it, whatever one of the hooks throws', async () => {
    const { clock, second, game, events, log, lose } = await client()
    const fail = () => {
      throw new Error('it went wrong')
    }
    game.on('Avatar', { changed: { name: fail, bag: fail }, destroyed: fail })
    second.began = () => {
      second.create(AVATAR, 'Avatar', { name: 'three', bag: {} }, true)
      second.send('restated', { missed: false })
    }
    await lose()
    await clock.until(() => events.at(-1)?.state === 'restated')
    expect(game.player?.attrs).toEqual({ name: 'three', bag: {} })
    expect(game.entities.size).toBe(1)
    expect(log.lines.map(({ message }) => message.split('\n')[0])).toEqual([
      `Avatar<${AVATAR}>.name: Error: it went wrong`,
      `Avatar<${AVATAR}>.bag: Error: it went wrong`,
      `Avatar<${OTHER}>.destroyed: Error: it went wrong`,
    ])
  })

  it('does not repeat calls that may have run, counts them, and says those that were made since', async () => {
    const { clock, first, second, game, lose } = await client()
    second.began = () => {
      second.create(AVATAR, 'Avatar', { name: 'one', bag }, true)
      second.send('restated', { missed: false })
    }
    await clock.advance(1000)
    game.call(AVATAR, 'say', 0)
    await clock.advance(1000)
    first.isDeaf = true
    game.call(AVATAR, 'say', 1)
    game.move(1, 1, 1, 1)
    await clock.advance(10)
    await lose()
    game.call(AVATAR, 'say', 2)
    expect(game.move(2, 2, 2, 2)).toBe(false)
    game.call(AVATAR, 'say', 3)
    await clock.until(() => second.calls.length === 2)
    expect(first.calls).toEqual([[0]])
    expect(second.calls).toEqual([[2], [3]])
    // What the server says of the place is newer than what we wanted it to be.
    expect(second.heard.map(({ name }) => name)).toEqual(['callFromClient', 'callFromClient'])
    expect(game.player?.position.x).toBe(1)
    expect(game.counters).toMatchObject({ unsureCalls: 1, droppedCalls: 0 })
  })
})

describe('a session that is over for the server', () => {
  it('begins again: all is destroyed, then comes the new world', async () => {
    const { clock, second, game, errors, events, heard, lose } = await client()
    second.answer = () => 'no'
    second.began = () => second.create(OTHER, 'Account', {}, true)
    game.on('Account', { created: () => heard.push(['created', 'Account']) })
    game.call(AVATAR, 'say', 0)
    await lose()
    game.call(AVATAR, 'say', 1)
    game.onConnection(({ state }) => state === 'lost' || heard.push(state))
    await clock.until(() => game.player?.type === 'Account')
    expect(heard).toEqual([
      ['destroyed', OTHER],
      ['destroyed', MONSTER],
      ['destroyed', SPACE],
      ['destroyed', AVATAR],
      'restarted',
      'open',
      ['created', 'Account'],
    ])
    expect(events.map(({ state }) => state)).toEqual(['lost', 'lost', 'restarted', 'open'])
    game.call(OTHER, 'login')
    await clock.until(() => second.heard.length > 0)
    // What was said to the old world is not said to the new one.
    expect(second.heard).toEqual([{ name: 'callFromClient', values: { entityId: OTHER, method: 'login', args: [] } }])
    expect(game.counters).toMatchObject({ unsureCalls: 1, droppedCalls: 1 })
    expect(errors).toEqual([])
  })

  it('stays closed when a hook closes it meanwhile', async () => {
    const { clock, second, game, events, lose } = await client()
    second.answer = () => 'no'
    game.on('Monster', { destroyed: () => game.close() })
    await lose()
    await clock.until(() => game.closed !== undefined)
    expect(events.map(({ state }) => state)).toEqual(['lost', 'lost', 'closed'])
    expect(game.entities.size).toBe(0)
    await clock.advance(60_000)
    expect(second.hellos).toHaveLength(1)
    expect(second.isConnected).toBe(false)
  })
})
