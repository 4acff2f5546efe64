// What the compiler knows of a game: nothing here needs to run, it is `tsc` that finds fault.
import { describe, expect, expectTypeOf, it } from 'vitest'
import { integer, string } from '../../../engine/base/check.ts'
import { connect, type Data, type Game } from '../../../engine/client/client.ts'
import type { EntityClass } from '../../../engine/entity/contract.ts'
import { attr, list, map } from '../../../engine/entity/contract.ts'
import { GateSide } from './gate-side.ts'

const contract = {
  attrs: {
    name: attr('noname', 'allClients'),
    prof: attr('mage' as 'mage' | 'thief', 'client'),
    bag: map(integer, 'client', 'persistent'),
    marks: list(string, 'allClients'),
    secret: attr(0, 'persistent'),
  },
  ownClient: { say: [string] },
  allClients: { poke: [integer] },
  client: { heard(_from: string, _line: string) {} },
} as const
declare class AvatarEntity {
  say(line: string): void
  poke(times: number): void
  hidden(): void
}
interface Server {
  Avatar: EntityClass<AvatarEntity, typeof contract>
  helper: () => void
}

// A hook's `this`, its arguments, and what it may not do.
function use(game: Game<Server>): void {
  game.on('Avatar', {
    created() {
      expectTypeOf(this.attrs.name).toEqualTypeOf<string>()
      expectTypeOf(this.attrs.prof).toEqualTypeOf<'mage' | 'thief'>()
      expectTypeOf(this.attrs.bag).toEqualTypeOf<{ readonly [key: string]: number }>()
      expectTypeOf(this.attrs.marks).toEqualTypeOf<readonly string[]>()
      expectTypeOf(this.type).toEqualTypeOf<'Avatar'>()
      this.server.say('hello')
      this.server.poke(2)
      // @ts-expect-error not exposed to clients
      this.server.hidden()
      // @ts-expect-error another argument is wanted
      this.server.say(2)
      // @ts-expect-error saved, but never shown to a client
      this.attrs.secret
      // @ts-expect-error the server's to change
      this.attrs.name = 'other'
    },
    heard(from, line) {
      expectTypeOf(from).toEqualTypeOf<string>()
      expectTypeOf(line).toEqualTypeOf<string>()
      expectTypeOf(this.isOwn).toEqualTypeOf<boolean>()
    },
    changed: {
      bag(bag, place) {
        expectTypeOf(place).toEqualTypeOf<readonly (string | number)[]>()
        expectTypeOf(bag).toEqualTypeOf<{ readonly [key: string]: number }>()
        expectTypeOf(this.attrs.name).toEqualTypeOf<string>()
      },
    },
  })
  // @ts-expect-error no such method of the client
  game.on('Avatar', { herd() {} })
  // @ts-expect-error no such attribute
  game.on('Avatar', { changed: { nam() {} } })
  // @ts-expect-error no such class
  game.on('Avatra', {})
  // @ts-expect-error not a class
  game.on('helper', {})
  game.on('__space__', {
    created() {
      expectTypeOf(this.kind).toEqualTypeOf<number>()
    },
  })
  if (game.player) expectTypeOf(game.player.attrs.name).toEqualTypeOf<string>()
}

// What draws and predicts.
function draw(game: Game<Server>): void {
  game.smooth('Avatar', { mode: 'reckon', reckon: (_place, _ms, mirror) => void mirror.attrs.name })
  // @ts-expect-error no such class
  game.smooth('Avatra', {})
  const me = game.predict('Avatar', {
    method: 'say',
    stepMs: 50,
    step(state: { x: number }, input: { dx: number }) {
      state.x += input.dx
    },
    state: ({ position, attrs }) => {
      expectTypeOf(attrs.prof).toEqualTypeOf<'mage' | 'thief'>()
      return { x: position.x }
    },
  })
  if (me.state) expectTypeOf(me.state.x).toEqualTypeOf<number>()
  if (me.mirror) expectTypeOf(me.mirror.attrs.name).toEqualTypeOf<string>()
  me.update({ dx: 1 })
  // @ts-expect-error another input is wanted
  me.update({ dy: 1 })
  const options = { stepMs: 50, step() {}, state: () => ({}) }
  // @ts-expect-error not exposed to clients
  game.predict('Avatar', { ...options, method: 'hidden' })
  game.expectSpawn('Avatar', { matches: (avatar) => avatar.attrs.name === 'ghost' })
  game.expectCall('Avatar', 'heard', {
    matches: (avatar, from, line) => avatar.isOwn && from.length > line.length,
  })
  // @ts-expect-error nothing that the server calls
  game.expectCall('Avatar', 'herd')
}

describe('a game', () => {
  it('of classes that are not known takes any', () => {
    const game = connect(new GateSide(), { heartbeatMs: 0 })
    game.on('Whatever', {
      created() {
        expectTypeOf(this.attrs['name']).toEqualTypeOf<Data>()
      },
      heard(_from: string) {},
      changed: { name: (value) => expectTypeOf(value).toEqualTypeOf<Data>() },
    })
    expect(game.player).toBeUndefined()
    expect(use).toBeTypeOf('function')
    expect(draw).toBeTypeOf('function')
  })
})
