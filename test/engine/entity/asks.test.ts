// Calls that are answered, between entities of one game and to others: with what the method returns, or with why not.
import { afterEach, describe, expect, test } from 'vitest'
import {
  AskFailed,
  type EntityClass,
  type EntityId,
  entity,
  GameFrozen,
  Unanswered,
  Undelivered,
} from '../../../components/game/goworld.ts'
import { coreOf } from '../../../engine/entity/core.ts'
import { encode } from '../../../engine/wire/codec.ts'
import { ANSWERED, FAILED, NOT_DELIVERED } from '../../../engine/wire/messages.ts'
import { client, Harness } from './harness.ts'

class Bank extends entity({}) {
  readonly ran: string[] = []
  readonly safe = { gold: [1, 2, 3], owner: new Map<string, number>() }

  balance(of: string, bonus = 0): number {
    this.ran.push(of)
    return of.length * 100 + bonus
  }
  nothing(): void {}
  async later(ms: number): Promise<string> {
    await new Promise<void>((resolve) => void this.game.after(ms, resolve))
    return `after ${ms}`
  }
  thrown(): void {
    throw new Error('no money')
  }
  thrownText(): void {
    throw 'just text'
  }
  async rejected(): Promise<void> {
    throw new RangeError('too much')
  }
  never(): Promise<void> {
    return new Promise(() => {})
  }
  gold(): number[] {
    return this.safe.gold
  }
  keep(given: { list: number[] }): { list: number[] } {
    given.list.push(4)
    return given
  }
  secret(): unknown {
    return this.safe
  }
  async secretLater(): Promise<unknown> {
    return { deep: [() => 1] }
  }
  bytes(given: Uint8Array): Uint8Array {
    return given
  }
  _private(): number {
    return 1
  }
}
class Player extends entity({ client: { target(_id: string) {} } }) {
  target(name: string): string {
    return `${name} is the target`
  }
}

let open: Harness[] = []
afterEach(() => {
  for (const harness of open) harness.stop()
  open = []
})
function start(types: readonly EntityClass[] = [Bank, Player]) {
  const h = new Harness(types)
  open.push(h)
  const [bank, player] = [h.game.create(Bank), h.game.create(Player)]
  h.take()
  return { h, bank, player, ask: player.ask(bank.id) }
}
const FAR = 'far-away-bank-01' as EntityId<Bank>

describe('an ask of an entity of the same game', () => {
  test('resolves to what the method returns', async () => {
    const { h, bank, player, ask } = start()
    expect(await ask.balance('ann', 5)).toBe(305)
    // As it would arrive from another game.
    expect(await ask.nothing()).toBeNull()
    expect(await h.game.ask(bank.id).balance('al')).toBe(200)
    expect(await bank.ask(bank.id).balance('a')).toBe(100)
    expect(player.isGone).toBe(false)
    expect(h.take()).toEqual([])
  })

  test('resolves to what its promise resolves to', async () => {
    const { h, ask } = start()
    const asked = ask.later(300)
    await h.clock.advance(300)
    expect(await asked).toBe('after 300')
  })

  test('runs the method when the asker has returned, in the order of all its calls', async () => {
    const { bank, player, ask } = start()
    const call = player.call(bank.id)
    const asked = [ask.balance('one')]
    call.balance('two')
    asked.push(ask.balance('three'))
    expect(bank.ran).toEqual([])
    await Promise.all(asked)
    expect(bank.ran).toEqual(['one', 'two', 'three'])
  })

  test('fails with the message of what the method throws, and is not logged: the asker knows', async () => {
    const { h, bank, ask } = start()
    await expect(ask.thrown()).rejects.toThrow(new AskFailed(`ask of thrown() of ${bank.id}: no money`))
    await expect(ask.rejected()).rejects.toThrow(new AskFailed(`ask of rejected() of ${bank.id}: too much`))
    await expect(ask.thrownText()).rejects.toThrow('just text')
    expect([h.log.matching('error', ''), h.world.authorErrors]).toEqual([[], 0])
  })

  test('is not delivered where there is no such method, or none that others may call', async () => {
    const { bank, ask } = start()
    const open = ask as unknown as Record<string, () => Promise<unknown>>
    for (const name of ['fly', '_private', 'destroy'])
      await expect(open[name]!()).rejects.toThrow(
        new Undelivered(`ask of ${name}() of ${bank.id}: ${bank}: unknown method`),
      )
    expect(bank.isGone).toBe(false)
  })

  test('is unanswered when its time is over, and late answers are dropped', async () => {
    const { h, bank, player, ask } = start()
    const ends: string[] = []
    const note = (error: Error) => void ends.push(`${h.clock.now()} ${error.name}: ${error.message}`)
    ask.never().catch(note)
    player.ask(bank.id, 200).later(1000).catch(note)
    await h.clock.advance(4999)
    expect(ends).toEqual([`200 Unanswered: ask of later() of ${bank.id}: no answer in 200 ms`])
    await h.clock.advance(1)
    expect(ends[1]).toBe(`5000 Unanswered: ask of never() of ${bank.id}: no answer in 5000 ms`)
    await h.clock.advance(5000)
    expect([ends.length, h.world.requests.size]).toEqual([2, 0])
  })

  test('shares nothing with the asker, neither arguments nor result', async () => {
    const { bank, ask } = start()
    const given = { list: [1, 2, 3] }
    const kept = await ask.keep(given)
    expect([given.list, kept.list]).toEqual([
      [1, 2, 3],
      [1, 2, 3, 4],
    ])
    const gold = (await ask.gold()) as number[]
    gold.push(99)
    expect(bank.safe.gold).toEqual([1, 2, 3])
    const bytes = new Uint8Array([1, 2])
    const echoed = await ask.bytes(bytes)
    bytes[0] = 9
    expect(echoed).toEqual(new Uint8Array([1, 2]))
  })

  test('whose result cannot be sent fails, as it would between games', async () => {
    const { h, ask } = start()
    let ends = 0
    for (const asked of [ask.secret(), ask.secretLater()])
      asked.catch((error) => {
        expect(error).toBeInstanceOf(AskFailed)
        expect(error.message).toContain('the answer cannot be sent')
        ends++
      })
    await h.clock.advance(1)
    expect(ends).toBe(2)
  })

  test('whose arguments cannot be sent is rejected at once, and waits for nothing', async () => {
    const { h, ask } = start()
    await expect(ask.balance((() => {}) as never)).rejects.toThrow(TypeError)
    expect(h.world.requests.size).toBe(0)
  })

  test('who is destroyed before its turn goes on to the dispatcher, which knows that nobody is there', async () => {
    const { h, bank, ask } = start()
    const asked = ask.balance('ann')
    bank.destroy()
    const refused = expect(asked).rejects.toThrow(Undelivered)
    await h.settle()
    const said = h.take().find(({ name }) => name === 'askEntity')!
    expect(said.values).toMatchObject({ entityId: bank.id, gameId: 1, method: 'balance' })
    h.world.requests.settle(said.values['no'] as number, NOT_DELIVERED, 'there is no such entity')
    await refused
    expect(bank.ran).toEqual([])
  })

  test('of itself that is destroyed meanwhile ends all the same', async () => {
    const { h, bank } = start()
    const asked = bank.ask(bank.id).later(100)
    await h.settle()
    bank.destroy()
    await h.clock.advance(100)
    expect(await asked).toBe('after 100')
  })

  test('may be of a method by any name', async () => {
    const { h, player } = start()
    expect(await player.ask(player.id).target('ann')).toBe('ann is the target')
    h.world.views.bind(coreOf(player), client(1))
    h.take()
    player.client.target('bob')
    player.call('far-away-player1' as EntityId<Player>).target('cid')
    expect(h.take().map(({ name }) => name)).toEqual(['callClient', 'callEntity'])
  })

  test('is awaited by a game that ends, or is rejected by one that freezes', async () => {
    const { h, ask } = start()
    const asked = ask.never()
    const frozen = expect(asked).rejects.toThrow(GameFrozen)
    let idle = false
    void h.world.openWork.idle(1000).then(() => {
      idle = true
    })
    await h.clock.advance(10)
    expect(idle).toBe(false)
    h.world.requests.close((what) => new GameFrozen(what))
    await frozen
    await h.clock.advance(1)
    expect(idle).toBe(true)
  })
})

describe('an ask of an entity elsewhere', () => {
  test('travels with the number of the game and of the request, and is settled by it', async () => {
    const { h, player } = start()
    const asked = player.ask(FAR).balance('ann', 3)
    const [said] = h.take()
    expect(said).toMatchObject({ name: 'askEntity', values: { entityId: FAR, gameId: 1, method: 'balance' } })
    h.world.requests.settle(said!.values['no'] as number, ANSWERED, 12)
    expect(await asked).toBe(12)
  })

  test('that nobody answers is unanswered', async () => {
    const { h, player } = start()
    const refused = expect(player.ask(FAR, 50).balance('ann')).rejects.toThrow(Unanswered)
    await h.clock.advance(50)
    await refused
  })

  test('takes an id, and nothing else', async () => {
    const { h, player } = start()
    expect(() => player.ask('nobody' as EntityId<Bank>).balance('ann')).toThrow("'nobody' is no entity id")
    await expect(player.ask(FAR).balance(Symbol('x') as never)).rejects.toThrow('call of balance(): ')
    expect([h.world.requests.size, h.take()]).toEqual([0, []])
  })

  test('is none as long as no method is called', async () => {
    const { h, player } = start()
    await player.ask(FAR)
    expect([h.take(), h.world.requests.size]).toEqual([[], 0])
  })
})

describe('an answer to another game', () => {
  test('carries the value, the message of the error, or why it was not delivered', () => {
    const { h } = start()
    h.world.calling.outcomeFor(2, 7)(true, { gold: 3 })
    h.world.calling.outcomeFor(2, 8)(false, new Error('no money'))
    h.world.calling.outcomeFor(3, 9)(true, undefined)
    h.world.calling.answerUndelivered(2, 10, 'nobody')
    expect(h.take()).toEqual(
      [
        { gameId: 2, no: 7, outcome: ANSWERED, value: encode({ gold: 3 }) },
        { gameId: 2, no: 8, outcome: FAILED, value: encode('no money') },
        { gameId: 3, no: 9, outcome: ANSWERED, value: encode(null) },
        { gameId: 2, no: 10, outcome: NOT_DELIVERED, value: encode('nobody') },
      ].map((values) => ({ name: 'answer', values })),
    )
  })

  test('that cannot be sent says so', () => {
    const { h } = start()
    h.world.calling.outcomeFor(2, 7)(true, { run: () => {} })
    const [said] = h.take()
    expect(said!.values).toEqual({
      gameId: 2,
      no: 7,
      outcome: FAILED,
      value: encode('the answer cannot be sent: run: a function cannot be sent'),
    })
  })
})
