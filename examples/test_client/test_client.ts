// Bots that play test_game, as GoWorld's test_client: `test_client -N 1000 -duration 60 -strict`.
import { availableParallelism } from 'node:os'
import { runProgram } from 'goworld'
import { run, type Screen } from './run.ts'
import { readSettings } from './settings.ts'

const screen: Screen = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  live: process.stderr.isTTY === true,
}

await runProgram('test_client', async () => {
  const options = readSettings(process.argv.slice(2), availableParallelism())
  const stop = new AbortController()
  // Once ends the bots in order; who cannot wait asks twice.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const { exitCode } = await run(options, screen, stop.signal)
  process.exitCode = exitCode
})
