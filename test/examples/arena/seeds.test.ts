// The arena where things go wrong: connections break, those of players too, games are swapped under them. Whoever plays goes on, and what
// the game promises of itself stays true.
import { afterEach, expect, test, vi } from 'vitest'
import { type Bot, type Simulation, seeds, simulate } from '../../../components/testing/testing.ts'
import type * as server from '../../../examples/arena/arena.ts'
import definition, { ArenaSpace, Monster, Player } from '../../../examples/arena/arena.ts'
import { MAPS, mapOf } from '../../../examples/arena/shared/maps.ts'
import { HP_MAX } from '../../../examples/arena/shared/pickups.ts'
import { predictPlayer } from '../../../examples/arena/shared/prediction.ts'
import { PLAYER_RADIUS, STEP_MS } from '../../../examples/arena/shared/step.ts'

const SEEDS = 6
afterEach(() => vi.restoreAllMocks())

/** Walks and shoots about, through portals too, for as long as it is let. */
async function play(bot: Bot<typeof server>, sim: Simulation<typeof server>) {
  const own = predictPlayer(bot.game)
  const controls = { moveX: 0, moveZ: 0, aim: 0, buttons: 0 }
  bot.game.on('Account', {
    created() {
      if (this.isOwn) this.server.join(`bot ${sim.below(100)}`, sim.below(10), 1 + sim.below(3), false)
    },
  })
  while (bot.isPlaying) {
    await bot.sleep(STEP_MS)
    if (bot.player?.type !== 'Player' || !bot.game.space) continue
    if (sim.random() < 0.1) {
      const spots = [...mapOf(bot.game.space.kind).portals, ...mapOf(bot.game.space.kind).pads]
      const spot = spots[sim.below(spots.length)]!
      const { x, z } = bot.player.position
      const length = Math.max(1, Math.hypot(spot.x - x, spot.z - z))
      controls.moveX = Math.round(((spot.x - x) / length) * 100)
      controls.moveZ = Math.round(((spot.z - z) / length) * 100)
      controls.aim = sim.below(3600)
      controls.buttons = sim.below(4)
    }
    own.input(controls)
  }
}

function check({ games, bots }: Simulation<typeof server>): string[] {
  const wrong: string[] = []
  const players = games.flatMap((game) => game.entitiesOf(Player))
  const arenas = games.flatMap((game) => game.entitiesOf(ArenaSpace)).filter(({ isNil }) => !isNil)
  for (const { kind, name } of MAPS) if (!arenas.some((arena) => arena.kind === kind)) wrong.push(`there is no ${name}`)
  for (const player of players) {
    const { hp } = player.attrs
    if (!(player.space instanceof ArenaSpace)) wrong.push(`${player} is in no arena`)
    else {
      const { x, z } = player.position
      const { halfWidth, halfDepth } = player.space.map
      if (Math.abs(x) > halfWidth - PLAYER_RADIUS + 0.01 || Math.abs(z) > halfDepth - PLAYER_RADIUS + 0.01)
        wrong.push(`${player} is outside of its arena`)
    }
    if (!(hp >= 0 && hp <= HP_MAX)) wrong.push(`${player} has ${hp} hp`)
    if (player.attrs.score < 0) wrong.push(`${player} has ${player.attrs.score} points`)
  }
  const playing = bots.filter((bot) => bot.player?.type === 'Player').length
  if (players.length !== playing) wrong.push(`${players.length} players for ${playing} who play`)
  return wrong
}

test('whatever goes wrong, everybody is in an arena, in one piece', async () => {
  for (const seed of seeds(SEEDS)) {
    let isCalm = false
    const report = await simulate<typeof server>({
      definition,
      bootEntity: 'Account',
      play,
      check(sim) {
        // What moves by itself for ever is never on clients as it is: monsters have their time before.
        if (!isCalm) vi.spyOn(ArenaSpace.prototype, 'brood').mockImplementation(() => {})
        isCalm = true
        for (const monster of sim.games.flatMap((game) => game.entitiesOf(Monster))) monster.destroy()
        return check(sim)
      },
      seed,
      games: 2,
      gates: 2,
      bots: 4,
      sessions: 3,
      seconds: 8,
      faults: { drops: true, swaps: true, clientDrops: true },
    })
    expect(report.faults.length).toBeGreaterThan(3)
    vi.restoreAllMocks()
  }
})
