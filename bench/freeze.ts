// What it costs to freeze a game of 10,000 entities into its file and to restore it from there: 10 spaces, everybody with
// an area of interest of some 39 neighbours, attributes and a timer, one in ten with a client. Beside it, in the same
// run, writing as many bytes to a file and reading them back.
//
//     make bench ONLY=freeze          JSON=1 for an object a line, ENTITIES=100000 for more
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type FrozenProcess, readFrozen, writeFrozen } from '../components/game/frozen-file.ts'
import { attr, entity, game, integer, list, map, space, string } from '../components/game/goworld.ts'
import { VirtualClock } from '../engine/base/clock.ts'
import { IdMaker } from '../engine/base/id.ts'
import { silentLog } from '../engine/base/log.ts'
import { seededRandom } from '../engine/base/random.ts'
import { Turn } from '../engine/base/turn.ts'
import { freezeWorld, restoreWorld } from '../engine/entity/freezing.ts'
import type { PacketSink } from '../engine/entity/outbound.ts'
import { World } from '../engine/entity/world.ts'
import { MemoryKvdb } from '../engine/kvdb/memory.ts'
import { MemoryStorage } from '../engine/storage/memory.ts'
import { messages } from '../engine/wire/messages.ts'
import { PacketWriter } from '../engine/wire/packet.ts'
import { median, report } from './kit/report.ts'

const ENTITIES = Number(process.env['ENTITIES'] ?? 10_000)
const SPACES = 10
const RADIUS = 100
const NEIGHBOURS = 39
const ROUNDS = 7

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

/** Says things to nobody. */
function nowhere(): PacketSink {
  const out = new PacketWriter(1024)
  return {
    out,
    up: true,
    begin(type) {
      out.at = 0
      return out.beginFrame(type)
    },
    end() {
      out.at = 0
    },
    send(name, values) {
      out.at = 0
      messages[name].write(out, values as never)
    },
  }
}

function newWorld(): World {
  const clock = new VirtualClock()
  const sink = nowhere()
  const to = () => sink
  const world = new World({
    gameId: 1,
    types: definition.types,
    clock,
    turn: new Turn(clock),
    log: silentLog,
    ids: new IdMaker(clock, seededRandom(1)),
    random: seededRandom(2),
    cluster: { toEntity: to, toGate: to, toGame: to, toKey: to },
    storage: new MemoryStorage(),
    kvdb: new MemoryKvdb(),
    saveIntervalMs: 600_000,
  })
  world.players.gateUp(1)
  return world
}

function fullWorld(): World {
  const random = seededRandom(3)
  const world = newWorld()
  world.start()
  const side = Math.sqrt(((ENTITIES / SPACES) * Math.PI * RADIUS ** 2) / NEIGHBOURS)
  for (let n = 0; n < SPACES; n++) {
    const field = world.game.createSpace(Field, n + 1)
    for (let m = 0; m < ENTITIES / SPACES; m++) {
      const avatar = world.game.create(Avatar, { name: `avatar ${m}` })
      avatar.attrs.skills.push(1, 2, 3, 4, 5)
      for (let slot = 0; slot < 5; slot++) avatar.attrs.bag.set(`slot${slot}`, `item ${slot}`)
      avatar.every(60_000, avatar.rest)
      const core = world.find(avatar.id)!
      if (m % 10 === 0) core.client = { gateId: 1, clientId: String(n * ENTITIES + m).padStart(16, '0') }
      void avatar.enterSpace(field, { x: random() * side, y: 0, z: random() * side })
    }
  }
  return world
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** CPU seconds of what `work` does. */
function cpuOf<T>(work: () => T): { seconds: number; result: T } {
  const before = process.cpuUsage()
  const result = work()
  const { user, system } = process.cpuUsage(before)
  return { seconds: (user + system) / 1e6, result }
}

const folder = mkdtempSync(join(tmpdir(), 'goworld-bench-'))
const path = join(folder, 'game1.frozen')
try {
  const world = fullWorld()
  const known: FrozenProcess = { process: 'x'.repeat(16), ready: true, gates: [[1, 'y'.repeat(16)]], frozenAt: '' }
  const freezes: number[] = []
  const restores: number[] = []
  const references: number[] = []
  let bytes = 0
  for (let round = 0; round < ROUNDS; round++) {
    // What the round before has left behind is not this one's to clear away.
    collectGarbage()
    freezes.push(cpuOf(() => writeFrozen(path, { process: known, chunks: freezeWorld(world) })).seconds)
    bytes = statSync(path).size
    const restored = newWorld()
    collectGarbage()
    restores.push(cpuOf(() => restoreWorld(restored, readFrozen(path).chunks)).seconds)
    if (restored.size !== world.size) throw new Error(`${restored.size} entities of ${world.size} are back`)
    const plain = new Uint8Array(bytes)
    const copied = join(folder, 'plain')
    references.push(
      cpuOf(() => {
        writeFileSync(copied, plain)
        return readFileSync(copied)
      }).seconds,
    )
  }
  const scenario = `freeze: ${ENTITIES} entities in ${SPACES} spaces`
  const both = median(freezes.map((seconds, round) => seconds + restores[round]!))
  report({ scenario, metric: 'CPU of freeze and restore, file included', value: both, unit: 's', atMost: 0.3 })
  report({ scenario, metric: 'of which freeze', value: median(freezes), unit: 's' })
  report({ scenario, metric: 'of which restore', value: median(restores), unit: 's' })
  report({ scenario, metric: 'file', value: bytes / 1e6, unit: 'MB' })
  report({ scenario, metric: 'write and read as many bytes', value: median(references), unit: 's' })
  report({ scenario, metric: 'ratio', value: both / median(references), unit: '×' })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit()
