// Answers that are waited for: each ends once, in the way that it was said to, or when its time is over.
import { expect, test } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { AskFailed, GameFrozen, Unanswered, Undelivered } from '../../../engine/base/errors.ts'
import { Requests } from '../../../engine/entity/requests.ts'
import { ANSWERED, FAILED, NOT_DELIVERED } from '../../../engine/wire/messages.ts'

function start(random = 0) {
  const clock = new VirtualClock()
  const requests = new Requests(clock, () => random)
  const sent: number[] = []
  const open = (what = 'ask', limitMs = 1000) => requests.open(what, limitMs, (no) => void sent.push(no))
  return { clock, requests, sent, open }
}

test('an answer goes to whoever has its number', async () => {
  const { requests, sent, open } = start()
  const [one, other] = [open(), open()]
  expect([requests.size, new Set(sent).size]).toEqual([2, 2])
  requests.settle(sent[1]!, ANSWERED, 'other')
  requests.settle(sent[0]!, ANSWERED, 'one')
  expect(await Promise.all([one, other])).toEqual(['one', 'other'])
  expect(requests.size).toBe(0)
})

test('whoever failed, and whoever was never there, can be told apart', async () => {
  const { requests, sent, open } = start()
  const failed = expect(open('ask of buy()')).rejects.toThrow(new AskFailed('ask of buy(): no money'))
  const nobody = expect(open('ask of sell()')).rejects.toThrow(new Undelivered('ask of sell(): nobody'))
  requests.settle(sent[0]!, FAILED, 'no money')
  requests.settle(sent[1]!, NOT_DELIVERED, 'nobody')
  await Promise.all([failed, nobody])
})

test('without an answer in time it is unanswered, and what comes later is dropped', async () => {
  const { clock, requests, sent, open } = start()
  const asked = open('ask of think()', 500)
  let ended = ''
  asked.catch((error: Error) => {
    ended = `${error.name}: ${error.message}`
  })
  await clock.advance(499)
  expect(ended).toBe('')
  await clock.advance(1)
  expect(ended).toBe('Unanswered: ask of think(): no answer in 500 ms')
  await expect(asked).rejects.toThrow(Unanswered)
  requests.settle(sent[0]!, ANSWERED, 'late')
  expect(requests.size).toBe(0)
})

test('the second of two answers is dropped, and so is one that nobody asked for', async () => {
  const { requests, sent, open } = start()
  const asked = open()
  requests.settle(sent[0]!, ANSWERED, 1)
  requests.settle(sent[0]!, FAILED, 'no')
  requests.settle(sent[0]! + 1, ANSWERED, 2)
  expect(await asked).toBe(1)
})

test('an answer in time ends the wait for it', async () => {
  const { clock, requests, sent, open } = start()
  const asked = open('ask', 100)
  requests.settle(sent[0]!, ANSWERED, undefined)
  await clock.advance(1000)
  expect(await asked).toBeUndefined()
})

test('when it cannot be sent nobody waits', () => {
  const { requests } = start()
  const send = () => {
    throw new TypeError('a function cannot be sent')
  }
  expect(() => requests.open('ask', 1000, send)).toThrow('a function cannot be sent')
  expect(requests.size).toBe(0)
})

test('all of them end at once when the game freezes', async () => {
  const { clock, requests, open } = start()
  const ends = Promise.allSettled([open('one'), open('other')])
  requests.close((what) => new GameFrozen(`${what}: frozen`))
  expect((await ends).map((end) => (end as PromiseRejectedResult).reason)).toEqual([
    new GameFrozen('one: frozen'),
    new GameFrozen('other: frozen'),
  ])
  expect(requests.size).toBe(0)
  await clock.advance(5000)
})

test('their numbers begin anywhere, fit in 32 bits, and are not used twice in a row', () => {
  const { sent, open } = start(1 - 2 ** -32)
  for (let n = 0; n < 3; n++) void open().catch(() => {})
  expect(sent).toEqual([0, 1, 2])
  const other = start(0.5)
  void other.open().catch(() => {})
  expect(other.sent).toEqual([2 ** 31 + 1])
})
