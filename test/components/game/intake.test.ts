// What the log says of calls that are refused, and that nobody can fill it with them.
import { afterEach, expect, test } from 'vitest'
import { entity, integer } from '../../../components/game/goworld.ts'
import { Intake } from '../../../components/game/intake.ts'
import { Turn } from '../../../engine/base/turn.ts'
import { messages } from '../../../engine/wire/messages.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import { callBytes, client, Harness } from '../../engine/entity/harness.ts'

class Avatar extends entity({ ownClient: { earn: [integer] }, allClients: { wave: [integer] } }) {
  earn(_gold: number) {}
  wave(_times: number) {}
}

let harness: Harness
afterEach(() => harness.stop())

function start() {
  harness = new Harness([Avatar])
  const { world, log, clock } = harness
  const intake = new Intake({ world, log, turn: new Turn(clock), bootEntity: 'Avatar' })
  const avatar = harness.game.create(Avatar)
  const call = (clientNo: number, method: string, ...args: unknown[]) => {
    const writer = new PacketWriter()
    writer.u16(messages.callFromClient.code)
    writer.id(avatar.id)
    writer.id(client(clientNo).clientId)
    const said = callBytes(method, ...args)
    writer.raw(said, 0, said.length)
    intake.packet(writer.bytes, 0, writer.at)
  }
  const lines = () => log.matching('warn', 'refused a call')
  return { intake, avatar, call, lines }
}

test('what is wrong with a call is said once, and counted each time', () => {
  const { intake, avatar, call, lines } = start()
  for (let clientNo = 1; clientNo <= 50; clientNo++) {
    call(clientNo, 'wave', 'x')
    call(clientNo, 'wave', 'y')
    call(clientNo, 'earn', 1)
    call(clientNo, 'zork')
  }
  const of = `refused a call of client ${client(1).clientId} to ${avatar.id}: Avatar`
  expect(lines()).toEqual([
    `${of}.wave(): argument 1: an integer is wanted, not 'x' (further ones are only counted)`,
    `${of}.wave(): argument 1: an integer is wanted, not 'y' (further ones are only counted)`,
    `${of}.earn(): not exposed to this client (further ones are only counted)`,
    `${of}.zork(): unknown method (further ones are only counted)`,
  ])
  expect(Object.fromEntries(intake.refused)).toEqual({
    'wrong arguments': 100,
    'not exposed to this client': 50,
    'unknown method': 50,
  })
})

test('a client that makes arguments up does not fill the log', () => {
  const { intake, call, lines } = start()
  for (let n = 0; n < 5000; n++) call(1, 'wave', `made up ${n}`)
  expect(lines().length).toBe(10)
  expect(intake.refused.get('wrong arguments')).toBe(5000)
})

test('a client that makes names up does not fill the log, nor does it hide what others do wrong', () => {
  const { intake, call, lines } = start()
  for (let n = 0; n < 5000; n++) call(1, `made up ${n}`)
  expect(lines().length).toBe(100)
  call(2, 'wave', 1.5)
  expect(lines().at(-1)).toMatch(/Avatar\.wave\(\): argument 1: an integer is wanted, not 1\.5/)
  expect(intake.refused.get('unknown method')).toBe(5000)
})
