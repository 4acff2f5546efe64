// The route table follows from the protocol's table: every message goes one way, nobody says another's.
import { expect, test } from 'vitest'
import { ACTIONS, FORBIDDEN, HANDLED, HANDLED_NAMES } from '../../../components/dispatcher/routes.ts'
import { type MessageName, messages } from '../../../engine/wire/messages.ts'

test('every message has a way from those that may send it, and none from others', () => {
  for (const [name, message] of Object.entries(messages)) {
    const from: readonly string[] = message.from
    const to: readonly string[] = message.to
    for (const sender of ['game', 'gate'] as const) {
      const action = ACTIONS[sender][message.code]
      if (from.includes(sender)) expect([name, action]).not.toEqual([name, FORBIDDEN])
      else expect([name, action]).toEqual([name, FORBIDDEN])
      if (from.includes(sender)) expect([name, action === HANDLED]).toEqual([name, to.includes('dispatcher')])
    }
    expect([name, HANDLED_NAMES.get(message.code)]).toEqual([name, to.includes('dispatcher') ? name : undefined])
  }
})

test('a message of a type that the table does not have is forbidden', () => {
  const codes = new Set(Object.keys(messages).map((name) => messages[name as MessageName].code))
  for (let code = 0; code < 65536; code++)
    if (!codes.has(code)) expect(ACTIONS.game[code]! + ACTIONS.gate[code]!).toBe(0)
})
