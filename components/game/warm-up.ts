// A successor that has just been loaded runs cold: the first thousand entities that it restores take many times as long as
// those after them. So while it stands by, it freezes and restores a small world of classes of its own.

import { integer } from '../../engine/base/check.ts'
import { realClock, VirtualClock } from '../../engine/base/clock.ts'
import { IdMaker } from '../../engine/base/id.ts'
import { silentLog } from '../../engine/base/log.ts'
import { seededRandom } from '../../engine/base/random.ts'
import { Turn } from '../../engine/base/turn.ts'
import { Census } from '../../engine/cluster/census.ts'
import { value } from '../../engine/entity/collections.ts'
import { attr, list, map } from '../../engine/entity/contract.ts'
import { entity } from '../../engine/entity/entity.ts'
import { freezeWorld } from '../../engine/entity/freezing.ts'
import { nowhere } from '../../engine/entity/nowhere.ts'
import { restoreWorld } from '../../engine/entity/restoring.ts'
import { space } from '../../engine/entity/space.ts'
import { World } from '../../engine/entity/world.ts'
import { MemoryKvdb } from '../../engine/kvdb/memory.ts'
import { MemoryStorage } from '../../engine/storage/memory.ts'

const ENTITIES = 1500
const SIDE = 600
const LIMIT_MS = 500
const ROUNDS_MAX = 8

class WarmSpace extends space({}) {}

class WarmEntity extends entity({
  aoi: 50,
  kept: ['steps'],
  attrs: {
    name: attr('somebody', 'allClients', 'persistent'),
    level: attr(1, 'allClients'),
    place: attr(0.5, 'client'),
    flag: attr(true),
    skills: list(integer, 'client', 'persistent'),
    bag: map(value, 'client', 'persistent'),
  },
}) {
  steps = 0
  rest() {}
}

/** Takes half a second at the most. */
export function warmUp(): void {
  const end = realClock.now() + LIMIT_MS
  const world = warmWorld()
  world.start()
  const field = world.game.createSpace(WarmSpace, 1)
  const random = seededRandom(1)
  for (let n = 0; n < ENTITIES; n++) {
    const one = world.game.create(WarmEntity, { name: `entity ${n}` })
    one.attrs.skills.push(n, n + 1)
    one.attrs.bag.set('sword', { item: 'sword', count: n })
    one.every(60_000, one.rest)
    void one.enterSpace(field, { x: random() * SIDE, y: 0, z: random() * SIDE })
  }
  const census = new Census()
  for (let round = 0; round < ROUNDS_MAX && realClock.now() < end; round++) {
    restoreWorld(warmWorld(), freezeWorld(world))
    for (const { id, epoch } of world.all()) census.addText(id, epoch)
  }
}

/** Nothing of it leaves it. */
function warmWorld(): World {
  const clock = new VirtualClock()
  return new World({
    gameId: 1,
    types: [WarmEntity, WarmSpace],
    clock,
    turn: new Turn(clock),
    log: silentLog,
    ids: new IdMaker(clock, seededRandom(2)),
    random: seededRandom(3),
    cluster: nowhere(),
    storage: new MemoryStorage(),
    kvdb: new MemoryKvdb(),
    saveIntervalMs: 3_600_000,
  })
}
