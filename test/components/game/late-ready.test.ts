// A deployment that is whole only while a game freezes: the game that is restored hears of it, or this one when it goes on.
import { expect, test } from 'vitest'
import { Game } from '../../../components/game/game.ts'
import { entity, game, service, space } from '../../../components/game/goworld.ts'
import type { Address } from '../../../engine/base/address.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { Turn } from '../../../engine/base/turn.ts'
import { LinkAcceptor } from '../../../engine/cluster/link-acceptor.ts'
import { MemoryKvdb } from '../../../engine/kvdb/memory.ts'
import { MemoryNetwork } from '../../../engine/net/memory.ts'
import { MemoryStorage } from '../../../engine/storage/memory.ts'
import { messages } from '../../../engine/wire/messages.ts'
import { getU16 } from '../../../engine/wire/packet.ts'

const ADDRESS: Address = { kind: 'unix', path: '/d1' }
const LIMITS = { linkGraceMs: 3000, linkResendBytesMax: 8 * 1024 * 1024 }
const CONFIG = {
  bootEntity: 'Account',
  saveIntervalMs: 60_000,
  positionSyncIntervalMs: 100,
  banBootEntity: false,
  freezeWaitMs: 1000,
  restoreLimitMs: 60_000,
  journalWaitMs: 10_000,
  saveDeadlineMs: 30_000,
  reconnectGraceMs: 15_000,
  saves: { writesMax: 64, rate: 0, entitiesMax: 100_000 },
  ...LIMITS,
}

/** A game, and a dispatcher that says that all are there while it answers the game's `atHold`-th wish to be held. */
async function start(atHold: number) {
  const clock = new VirtualClock()
  const random = seededRandom(1)
  const log = new MemoryLog()
  const network = new MemoryNetwork(clock, { random })
  const turn = new Turn(clock)
  const asked: string[] = []
  let holds = 0
  const acceptor = new LinkAcceptor(
    {
      self: { role: 'dispatcher', id: 1 },
      clock,
      turn,
      log,
      random,
      graceMs: LIMITS.linkGraceMs,
      resendBytesMax: LIMITS.linkResendBytesMax,
    },
    (link) => ({
      up() {},
      down() {},
      packet(bytes, from, end) {
        const code = getU16(bytes, from)
        if (code === messages.loadEntity.code) asked.push(messages.loadEntity.read(bytes, from + 2, end).type)
        if (code !== messages.holdGame.code) return
        if (++holds === atHold) link.send('deploymentReady', {})
        link.send('gameHeld', { held: true })
      },
    }),
  )
  turn.stage(() => acceptor.flush())
  await network.transport.listen(ADDRESS, (connection) => acceptor.accept(connection))
  const heard: string[] = []
  class Account extends entity({}) {}
  class Bank extends service({}) {}
  class Hall extends space({}) {
    override onGameReady() {
      heard.push('ready')
    }
  }
  const definition = game([Account, Bank], { nilSpace: Hall })
  const storage = new MemoryStorage()
  const common = { clock, random, log, links: network.transport, dispatchers: [ADDRESS], kvdb: new MemoryKvdb() }
  const one = new Game({ ...common, id: 1, definition, config: CONFIG, storage })
  void one.start()
  await clock.advance(100)
  const freezing = one.freeze()
  await clock.until(() => holds === 2, 5000, 'the game is held twice')
  await clock.advance(100)
  return { one, clock, frozen: await freezing, heard, asked }
}

test('while it stands still for good, nothing is begun; when it goes on after all, it is as if said then', async () => {
  const { one, clock, frozen, heard, asked } = await start(2)
  expect([frozen.process.ready, one.ready, heard, asked]).toEqual([false, false, [], []])
  one.thaw()
  await clock.advance(10)
  expect([one.ready, heard, asked]).toEqual([true, ['ready'], ['Bank']])
  one.thaw()
  await clock.advance(10)
  expect(heard).toEqual(['ready'])
})

test('while it is held and still lives, all begins, and what is frozen knows that', async () => {
  const { frozen, heard, asked } = await start(1)
  expect([frozen.process.ready, heard, asked]).toEqual([true, ['ready'], ['Bank']])
})
