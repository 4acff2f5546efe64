// The SDK's own tests once more, on the single files in the place of the sources: that names in them are short harms nothing.
import { describe, expect, test, vi } from 'vitest'
import * as client from '../../../engine/client/client.ts'
import { motion } from '../../../engine/client/motion.ts'

vi.mock('../../../engine/client/client.ts', async () => (await import('./bundled.ts')).client)
vi.mock('../../../engine/client/motion.ts', async () => (await import('./bundled.ts')).motion)

test('what is tested here are the single files', () => {
  for (const made of [client.connect, motion]) expect(String(made)).not.toMatch(/\n|options|owner/)
})

const SUITES: Readonly<Record<string, () => Promise<unknown>>> = {
  attributes: () => import('../../engine/client/attr-tree.test.ts'),
  expectations: () => import('../../engine/client/expectations.test.ts'),
  'a recorded session': () => import('../../engine/client/golden.test.ts'),
  latency: () => import('../../engine/client/latency.test.ts'),
  'the overlay': () => import('../../engine/client/overlay.test.ts'),
  'own movement': () => import('../../engine/client/own-movement.test.ts'),
  'what is said again': () => import('../../engine/client/restate.test.ts'),
  'the clock of the server': () => import('../../engine/client/server-clock.test.ts'),
  messages: () => import('../../engine/client/session.test.ts'),
  connections: () => import('../../engine/client/session-line.test.ts'),
  streams: () => import('../../engine/client/streams.test.ts'),
  'in a cluster': () => import('../sdk-sessions.test.ts'),
  prediction: () => import('../prediction/walking.test.ts'),
}

describe.each(Object.entries(SUITES))('%s', async (_, suite) => {
  await suite()
})
