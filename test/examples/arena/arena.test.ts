// The rules of the arena as its clients meet them, on a cluster in memory.
import { afterEach, describe, expect, test } from 'vitest'
import type { Game } from '../../../engine/client/client.ts'
import type * as server from '../../../examples/arena/arena.ts'
import definition, { Monster, Pickup, Player } from '../../../examples/arena/arena.ts'
import { COURT, FOUNDRY, mapOf } from '../../../examples/arena/shared/maps.ts'
import { MITE, MOOD } from '../../../examples/arena/shared/monsters.ts'
import { HEART, LANCE_GUN } from '../../../examples/arena/shared/pickups.ts'
import { predictPlayer } from '../../../examples/arena/shared/prediction.ts'
import { DASH, FIRE, STEP_MS } from '../../../examples/arena/shared/step.ts'
import { TestCluster } from '../../components/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

async function start({ games = 1, gates = 1 } = {}): Promise<void> {
  cluster = await TestCluster.start({ definition, bootEntity: 'Account', games, gates })
}

const until = (condition: () => unknown, what: string) => cluster.clock.until(() => Boolean(condition()), 20_000, what)

/** Who plays by the SDK, as a page does. */
class Visitor {
  readonly client: Game<typeof server>
  readonly own: ReturnType<typeof predictPlayer>
  readonly heard: string[] = []
  scores: readonly (readonly unknown[])[] = []

  private constructor(client: Game<typeof server>, name: string, arena: number) {
    this.client = client
    this.own = predictPlayer(client)
    const { heard } = this
    client.on('Account', {
      created() {
        if (this.isOwn) this.server.join(name, 3, arena, false)
      },
      hall: (entries) => void (entries.length > 0 && heard.push(`hall: ${JSON.stringify(entries)}`)),
    })
    client.on('Player', {
      died: (killer, backMs) => void heard.push(`died by ${killer}, back in ${backMs}`),
      hit: (amount, _x, _z, isDead) => void heard.push(`hit ${amount}${isDead ? ', dead' : ''}`),
      hurt: (amount) => void heard.push(`hurt ${amount}`),
      took: (kind) => void heard.push(`took ${kind}`),
      said: (who, _color, line) => void heard.push(`${who}: ${line}`),
      scores: (best) => {
        this.scores = best
      },
    })
    client.on('__space__', {
      killed: (killer: string, _c: number, victim: string, _v: number, how: string) =>
        void heard.push(`${killer} killed ${victim}${how && ` by ${how}`}`),
    })
  }

  static async come(name: string, arena = COURT, gateId = 1): Promise<Visitor> {
    await until(() => cluster.games.some(({ world }) => world.game.registry.get(`arena/${arena}`)), 'the arenas')
    const visitor = new Visitor(await cluster.client<typeof server>(gateId), name, arena)
    await until(() => visitor.client.player?.type === 'Player' && visitor.client.space?.kind === arena, 'to be in')
    return visitor
  }

  get mirror() {
    const { player } = this.client
    if (player?.type !== 'Player') throw new Error('it does not play')
    return player
  }

  /** The player as the server has it. */
  get player(): Player {
    const found = cluster.games
      .flatMap(({ world }) => world.game.entitiesOf(Player))
      .find(({ id }) => id === this.mirror.id)
    if (!found) throw new Error('there is no such player')
    return found
  }

  /** Holds controls for so many steps. */
  async hold(steps: number, controls: { x?: number; z?: number; aim?: number; buttons?: number }): Promise<void> {
    const { x = 0, z = 0, aim = 0, buttons = 0 } = controls
    for (let step = 0; step < steps; step++) {
      this.own.input({ moveX: x, moveZ: z, aim: aim * 10, buttons })
      await cluster.clock.advance(STEP_MS)
    }
  }

  /** Puts it where a test needs it, ready to be shot at. */
  async stand(x: number, z: number): Promise<void> {
    this.player.position = { x, y: 0, z }
    this.player.attrs.isSafe = false
    await cluster.clock.advance(300)
  }
}

const monsters = () => cluster.games.flatMap(({ world }) => world.game.entitiesOf(Monster))
const pickups = () => cluster.games.flatMap(({ world }) => world.game.entitiesOf(Pickup))
/** For tests of players among themselves. */
const banish = () => monsters().forEach((monster) => monster.destroy())

describe('who comes', () => {
  test.each([
    ['  Ada\u202e\u0000   Love  ', 'Ada Love'],
    ['a'.repeat(100_000), 'aaaaaaaaaaaaaa'],
    ['👩‍🚀 in space 👩‍🚀', expect.stringMatching(/^👩 🚀 in space 👩$/u)],
    [' \u200b\u2066 ', expect.stringMatching(/^Guest \d+$/)],
  ])('under name %# of these is called something that can be read', async (given, name) => {
    await start()
    const visitor = await Visitor.come(given)
    expect(visitor.mirror.attrs.name).toEqual(name)
  })

  test('joins once, in an arena that there is', async () => {
    await start()
    const ada = await Visitor.come('Ada')
    const bo = new (Visitor as any)(await cluster.client(), 'Bo', 99) as Visitor
    await until(() => bo.client.space?.kind === COURT && bo.client.player?.type === 'Player', 'Bo to be in the court')
    await until(() => ada.scores.length === 2, 'the scores')
    expect(ada.scores.map(([, name]) => name).sort()).toEqual(['Ada', 'Bo'])
  })

  test('watches the fight before', async () => {
    await start()
    await Visitor.come('Ada')
    const guest = await cluster.client<typeof server>()
    await until(() => [...guest.entities.values()].some((one) => one.type === 'Player'), 'to see Ada')
    expect(guest.player?.type).toBe('Account')
  })

  test('is seen by others, and goes', async () => {
    await start()
    const ada = await Visitor.come('Ada')
    const bo = await Visitor.come('Bo')
    const isSeen = () => ada.client.entities.has(bo.mirror.id)
    await bo.stand(ada.player.position.x + 3, ada.player.position.z)
    await until(isSeen, 'Ada to see Bo')
    const { id } = bo.mirror
    bo.client.close()
    await until(() => !ada.client.entities.has(id) && ada.scores.length === 1, 'Bo to be gone')
  })
})

describe('a player', () => {
  test('goes where its inputs lead, as it was predicted, and not through walls', async () => {
    await start()
    const ada = await Visitor.come('Ada')
    banish()
    await ada.stand(0, 8)
    await ada.hold(20, { x: 100 })
    expect(ada.player.position.x).toBeCloseTo(20 * 0.19, 4)
    await ada.hold(60, { z: -100, x: -100 })
    await cluster.clock.advance(500)
    const { x, z } = ada.player.position
    expect(ada.own.state).toMatchObject({ x, z })
    expect(Math.hypot(x, z)).toBeGreaterThan(3.2 + 0.59)
    expect(ada.client.motion.correctionMax).toBeLessThan(30)
    expect(ada.client.motion.waitingInputs).toBe(0)
  })

  test('is no faster for saying more', async () => {
    await start()
    const ada = await Visitor.come('Ada')
    banish()
    await ada.stand(0, 20.5)
    for (let n = 0; n < 400; n++) ada.own.input({ moveX: 100, moveZ: 0, aim: 0, buttons: 0 })
    await cluster.clock.advance(1000)
    // A second's worth at once, and no more.
    expect(ada.player.position.x).toBeLessThan(45 * 0.2)
    const { x } = ada.player.position
    // Without a number they count as well.
    for (let n = 0; n < 400; n++) ada.mirror.server.steer(-100, 0, 0, 0)
    await cluster.clock.advance(200)
    expect(ada.player.position.x).toBeLessThan(x)
    expect(x - ada.player.position.x).toBeLessThan(45 * 0.2)
  })

  test('dashes, and then not for a while', async () => {
    await start()
    const ada = await Visitor.come('Ada')
    banish()
    await ada.stand(0, 20.5)
    await ada.hold(1, { x: 100, buttons: DASH })
    expect(ada.player.isDashing).toBe(true)
    expect(ada.player.harm(10, ada.player)).toBe(false)
    await ada.hold(9, { x: 100, buttons: DASH })
    expect(ada.player.isDashing).toBe(false)
    expect(ada.player.position.x).toBeCloseTo(6 * 0.6 + 4 * 0.19, 3)
    expect(ada.own.state).toMatchObject({ x: ada.player.position.x, dash: ada.player.attrs.dash })
  })

  test('speaks to all, in clean lines, and not without end', async () => {
    await start()
    const ada = await Visitor.come('Ada')
    const bo = await Visitor.come('Bo', FOUNDRY)
    for (const line of ['hello\u0007 \n there', '   ', 'x'.repeat(5000), '3', '4', '5', '6'])
      ada.mirror.server.say(line)
    await until(() => bo.heard.length >= 4, 'Bo to hear')
    await cluster.clock.advance(1000)
    const said = bo.heard.filter((line) => line.startsWith('Ada'))
    expect(said).toEqual(['Ada: hello there', `Ada: ${'x'.repeat(120)}`, 'Ada: 3', 'Ada: 4'])
    await cluster.clock.advance(10_000)
    ada.mirror.server.say('again')
    await until(() => bo.heard.at(-1) === 'Ada: again', 'Bo to hear again')
  })
})

describe('shots', () => {
  async function duel() {
    await start()
    const [ada, bo] = [await Visitor.come('Ada'), await Visitor.come('Bo')]
    banish()
    await ada.stand(-8, 20.5)
    await bo.stand(-2, 20.5)
    return { ada, bo }
  }

  test('hurt who stands in their way, as often as the weapon allows', async () => {
    const { ada, bo } = await duel()
    await ada.hold(12, { aim: 0, buttons: FIRE })
    expect(bo.player.attrs.hp).toBe(100 - 2 * 9)
    await cluster.clock.advance(100)
    expect(ada.heard).toEqual(['hit 9', 'hit 9'])
    expect(bo.heard).toEqual(['hurt 9', 'hurt 9'])
    await ada.hold(12, { aim: 90, buttons: FIRE })
    expect(bo.player.attrs.hp).toBe(82)
  })

  test('end at walls, and do nothing to who has just come', async () => {
    const { ada, bo } = await duel()
    await bo.stand(0, 14)
    await ada.stand(0, 20)
    await ada.hold(6, { aim: 270, buttons: FIRE })
    expect(bo.player.attrs.hp).toBe(100)
    await ada.stand(-4, 14)
    bo.player.attrs.isSafe = true
    await ada.hold(6, { aim: 0, buttons: FIRE })
    expect(bo.player.attrs.hp).toBe(100)
  })

  test('hit what their shooter saw, and not where it is by now', async () => {
    const { ada, bo } = await duel()
    ada.client.frame()
    await cluster.clock.advance(300)
    // Bo is gone from there, and Ada's page does not know yet.
    bo.player.position = { x: -2, y: 0, z: 5 }
    await ada.hold(1, { aim: 0, buttons: FIRE })
    expect(bo.player.attrs.hp).toBe(91)
    await cluster.clock.advance(600)
    ada.client.frame()
    await ada.hold(6, { aim: 0, buttons: FIRE })
    await ada.hold(6, { aim: 0, buttons: FIRE })
    expect(bo.player.attrs.hp).toBe(91)
  })

  test('kill: points for one, a pause for the other, and all hear of it', async () => {
    const { ada, bo } = await duel()
    bo.player.attrs.hp = 5
    await ada.hold(2, { aim: 0, buttons: FIRE })
    await until(() => bo.heard.some((line) => line.startsWith('died')), 'Bo to hear of it')
    expect(bo.heard).toContain('died by Ada, back in 3000')
    expect(bo.heard).toContain('Ada killed Bo by pulse')
    expect(ada.heard).toContain('hit 9, dead')
    expect(ada.mirror.attrs.score).toBe(10)
    await until(() => ada.scores[0]?.[3] === 10, 'the scores')
    // The dead do not walk.
    const { x } = bo.player.position
    await bo.hold(5, { x: 100, buttons: FIRE })
    expect(bo.player.position.x).toBe(x)
    await until(() => bo.mirror.attrs.hp === 100, 'Bo to be back')
    expect(bo.mirror.attrs.isSafe).toBe(true)
    await until(() => !bo.mirror.attrs.isSafe, 'Bo to be on its own again')
  })

  test('of a lance go through, until there are none left', async () => {
    const { ada, bo } = await duel()
    const cy = await Visitor.come('Cy')
    await cy.stand(2, 20.5)
    ada.player.attrs.weapon = LANCE_GUN
    ada.player.attrs.shots = 1
    await ada.hold(1, { aim: 0, buttons: FIRE })
    expect([bo.player.attrs.hp, cy.player.attrs.hp]).toEqual([45, 45])
    expect(ada.player.attrs.weapon).toBe(0)
  })
})

describe('in an arena', () => {
  test('monsters hunt who they see, and hurt them', async () => {
    await start()
    const ada = await Visitor.come('Ada')
    await until(() => monsters().length > 3, 'monsters')
    const mite = monsters().find(({ attrs, space }) => attrs.kind === MITE && space.kind === COURT)!
    for (const other of monsters()) if (other !== mite) other.destroy()
    await ada.stand(0, 20.5)
    mite.position = { x: 9, y: 0, z: 20.5 }
    await until(() => mite.attrs.mood === MOOD.hunts, 'it to hunt')
    await until(() => ada.player.attrs.hp < 100, 'it to bite')
    await until(() => ada.heard.includes('hurt 7'), 'Ada to feel it')
    // Shot dead it is gone, and worth a point.
    await cluster.clock.advance(500)
    mite.harm(18, ada.player)
    expect(ada.player.attrs.score).toBe(1)
    await until(() => mite.isGone, 'it to be gone')
  })

  test('hearts heal who needs it, and come back', async () => {
    await start()
    const ada = await Visitor.come('Ada')
    banish()
    const heart = pickups().find(({ attrs, space }) => attrs.kind === HEART && space.kind === COURT)!
    const { x, z } = heart.position
    await ada.stand(x - 2, z)
    await ada.hold(12, { x: 100 })
    expect(heart.attrs.isThere).toBe(true)
    await ada.stand(x - 2, z)
    ada.player.attrs.hp = 30
    ada.player.wound = 9
    await ada.hold(12, { x: 100 })
    expect(ada.heard).toEqual([`took ${HEART}`])
    expect(ada.player.attrs.hp).toBe(70)
    expect(heart.attrs.isThere).toBe(false)
    await until(() => heart.attrs.isThere, 'it to be back')
  })

  test('wounds heal by and by', async () => {
    await start()
    const ada = await Visitor.come('Ada')
    banish()
    await ada.stand(0, 20.5)
    ada.player.harm(20, ada.player)
    expect(ada.player.attrs.hp).toBe(80)
    await until(() => ada.mirror.attrs.hp === 100, 'it to heal')
  })
})

describe('a portal', () => {
  test.each([1, 2])('leads to another arena, over %i games', async (games) => {
    await start({ games, gates: games })
    const ada = await Visitor.come('Ada', COURT, games)
    banish()
    ada.player.attrs.score = 42
    const portal = mapOf(COURT).portals.find(({ to }) => to === FOUNDRY)!
    await ada.stand(portal.x + 2.5, portal.z)
    await ada.hold(12, { x: -100 })
    await until(() => ada.client.space?.kind === FOUNDRY, 'to be in the foundry')
    banish()
    expect(ada.mirror.attrs).toMatchObject({ name: 'Ada', score: 42, isSafe: true })
    // It walks there as it did here.
    await ada.stand(3, 11)
    await ada.hold(10, { z: 100 })
    await cluster.clock.advance(300)
    expect(ada.player.position.z).toBeGreaterThan(12.5)
    expect(ada.own.state).toMatchObject({ x: ada.player.position.x, z: ada.player.position.z, kind: FOUNDRY })
  })

  test('that one died on the way through is over when one is there: nobody is moved again', async () => {
    await start()
    const ada = await Visitor.come('Ada')
    banish()
    ada.player.attrs.isSafe = false
    ada.player.harm(1000, ada.player)
    await ada.player.goTo(FOUNDRY)
    await until(() => ada.mirror.attrs.hp === 100, 'Ada to be whole')
    banish()
    await ada.stand(3, 11)
    await cluster.clock.advance(3500)
    expect(ada.player.position).toMatchObject({ x: 3, z: 11 })
  })
})

describe('over time', () => {
  test('who leaves with a score is remembered; bots are not', async () => {
    await start()
    const ada = await Visitor.come('Ada')
    ada.player.attrs.isBot = true
    ada.player.earn(80)
    ada.client.close()
    const bo = await Visitor.come('Bo')
    bo.player.earn(30)
    await cluster.clock.advance(2000)
    bo.client.close()
    await cluster.clock.advance(2000)
    const cy = await Visitor.come('Cy')
    expect(cy.heard).toContain('hall: [["Bo",30]]')
  })

  test('new code takes over in the middle of a fight, and nobody notices', async () => {
    await start()
    const [ada, bo] = [await Visitor.come('Ada'), await Visitor.come('Bo')]
    await until(() => monsters().length > 3, 'monsters')
    await ada.stand(-8, 20.5)
    await bo.stand(-2, 20.5)
    bo.player.attrs.hp = 5
    await ada.hold(2, { aim: 0, buttons: FIRE })
    const before = { score: ada.player.attrs.score, count: monsters().length, place: ada.player.position }
    const frozen = await cluster.freezeGame(1)
    await cluster.restoreGame(1, frozen)
    expect({ score: ada.player.attrs.score, count: monsters().length, place: ada.player.position }).toEqual(before)
    banish()
    await ada.hold(10, { x: -100 })
    await until(() => bo.mirror.attrs.hp === 100, 'Bo to be back')
    await until(() => ada.client.motion.waitingInputs === 0, 'every input to be answered')
    expect(ada.own.state).toMatchObject({ x: ada.player.position.x })
    await until(() => monsters().length > 0, 'monsters to come')
    expect(cluster.errors).toEqual([])
  })

  test('an arena whose game has died is made anew', async () => {
    await start({ games: 2 })
    const ada = await Visitor.come('Ada')
    const dead = cluster.games.findIndex(({ world }) => world.game.entitiesOf(Player).length > 0) + 1
    await cluster.crashGame(dead)
    await until(() => ada.client.closed, 'Ada to be closed')
    await cluster.startGame(dead)
    const bo = await Visitor.come('Bo')
    expect(bo.client.space?.kind).toBe(COURT)
  })
})
