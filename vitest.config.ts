// The whole suite: files run in worker processes, two at a time on a small machine; many of them wait more than they work.
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // A game has its tests beside it (docs/testing.md).
    include: ['**/*.test.ts'],
    pool: 'forks',
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
