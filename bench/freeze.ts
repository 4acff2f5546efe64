// What it costs to freeze a game of 10,000 entities into its file and to restore it from there: 10 spaces, everybody with
// an area of interest of some 39 neighbours, attributes and a timer, one in ten with a client. Beside it, in the same
// run, writing as many bytes to a file and reading them back; and what is left of it for a game that was copied ahead.
//
//     make bench ONLY=freeze          JSON=1 for an object a line, ENTITIES=100000 for more
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeFrozen, readFrozen, writeFrozen } from '../components/game/frozen-file.ts'
import { attr, entity, game, integer, list, map, space, string } from '../components/game/goworld.ts'
import { seededRandom } from '../engine/base/random.ts'
import { Copied, copyWorld, freezeWorld } from '../engine/entity/freezing.ts'
import { Restoring, restoreWorld } from '../engine/entity/restoring.ts'
import type { World } from '../engine/entity/world.ts'
import { median, report } from './kit/report.ts'
import { collectGarbage, cpuOf, newWorld, RADIUS, sideFor } from './kit/world.ts'

const ENTITIES = Number(process.env['ENTITIES'] ?? 10_000)
const SPACES = 10
const ROUNDS = 7
/** Of those that were copied ahead, one in so many has changed since. */
const CHANGED_OF = 10

class Field extends space({}) {}

class Avatar extends entity({
  aoi: RADIUS,
  kept: ['steps'],
  attrs: {
    name: attr('somebody', 'allClients', 'persistent'),
    level: attr(7, 'allClients', 'persistent'),
    hp: attr(100, 'allClients'),
    gold: attr(1000, 'client', 'persistent'),
    skills: list(integer, 'client', 'persistent'),
    bag: map(string, 'client', 'persistent'),
  },
}) {
  steps = 0
  rest() {}
}

const definition = game([Avatar, Field])

function fullWorld(): World {
  const random = seededRandom(3)
  const world = newWorld(definition)
  world.start()
  const side = sideFor(ENTITIES / SPACES)
  for (let n = 0; n < SPACES; n++) {
    const field = world.game.createSpace(Field, n + 1)
    for (let m = 0; m < ENTITIES / SPACES; m++) {
      const avatar = world.game.create(Avatar, { name: `avatar ${m}` })
      avatar.attrs.skills.push(1, 2, 3, 4, 5)
      for (let slot = 0; slot < 5; slot++) avatar.attrs.bag.set(`slot${slot}`, `item ${slot}`)
      avatar.every(60_000, avatar.rest)
      const core = world.find(avatar.id)!
      if (m % 10 === 0)
        core.client = { gateId: 1, clientId: String(n * ENTITIES + m).padStart(16, '0'), handed: 0, session: '' }
      void avatar.enterSpace(field, { x: random() * side, y: 0, z: random() * side })
    }
  }
  return world
}

const folder = mkdtempSync(join(tmpdir(), 'goworld-bench-'))
const path = join(folder, 'game1.frozen')
try {
  const world = fullWorld()
  const known = { process: 'x'.repeat(16), ready: true, gates: [[1, 'y'.repeat(16)]] as const, gameId: 1, frozenMs: 0 }
  const freezes: number[] = []
  const writes: number[] = []
  const restores: number[] = []
  const freezesSince: number[] = []
  const restoresSince: number[] = []
  const references: number[] = []
  let bytes = 0
  for (let round = 0; round < ROUNDS; round++) {
    // What the round before has left behind is not this one's to clear away.
    collectGarbage()
    const { seconds, result: chunks } = cpuOf(() => freezeWorld(world))
    writes.push(cpuOf(() => writeFrozen(path, describeFrozen(known, chunks))).seconds)
    freezes.push(seconds + writes.at(-1)!)
    bytes = statSync(path).size
    const restored = newWorld(definition)
    collectGarbage()
    restores.push(cpuOf(() => restoreWorld(restored, readFrozen(path).chunks)).seconds)
    if (restored.size !== world.size) throw new Error(`${restored.size} entities of ${world.size} are back`)
    const plain = new Uint8Array(bytes)
    const other = join(folder, 'plain')
    references.push(
      cpuOf(() => {
        writeFileSync(other, plain)
        return readFileSync(other)
      }).seconds,
    )
  }
  for (let round = 0; round < ROUNDS; round++) {
    const ahead = newWorld(definition)
    ahead.standStill()
    const copied = new Copied()
    const copy = await copyWorld(world, async () => {}, copied)
    const restoring = new Restoring(ahead)
    restoring.read(copy)
    restoring.makeAhead()
    for (const [n, one] of world.game.entitiesOf(Avatar).entries()) if (n % CHANGED_OF === 0) one.attrs.hp--
    world.flushAttrs()
    collectGarbage()
    const rest = cpuOf(() => freezeWorld(world, copied))
    freezesSince.push(rest.seconds)
    restoresSince.push(cpuOf(() => restoring.finish(rest.result)).seconds)
    if (ahead.size !== world.size) throw new Error(`${ahead.size} entities of ${world.size} are back`)
  }
  const scenario = `freeze: ${ENTITIES} entities in ${SPACES} spaces`
  const both = median(freezes.map((seconds, round) => seconds + restores[round]!))
  report({ scenario, metric: 'CPU of freeze and restore, file included', value: both, unit: 's', atMost: 0.3 })
  report({ scenario, metric: 'of which freeze', value: median(freezes), unit: 's' })
  report({ scenario, metric: 'of which its file, written', value: median(writes) * 1000, unit: 'ms' })
  report({ scenario, metric: 'of which restore', value: median(restores), unit: 's' })
  const since = `copied ahead, one in ${CHANGED_OF} changed since`
  report({ scenario, metric: `${since}: freeze`, value: median(freezesSince) * 1000, unit: 'ms' })
  report({ scenario, metric: `${since}: restore`, value: median(restoresSince) * 1000, unit: 'ms' })
  report({ scenario, metric: 'file', value: bytes / 1e6, unit: 'MB' })
  report({ scenario, metric: 'write and read as many bytes', value: median(references), unit: 's' })
  report({ scenario, metric: 'ratio', value: both / median(references), unit: '×' })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit()
