// Runs the benchmarks, each in a process of its own: `node bench/run.ts [name]`. Every other file here is one; what they
// have in common is in kit/.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../engine/base/errors.ts'
import { runProgram } from '../engine/config/program.ts'

void runProgram('bench', async () => {
  const [only] = process.argv.slice(2)
  const all = readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
    .map((file) => file.slice(0, -'.ts'.length))
    .sort()
  const chosen = only === undefined ? all : all.filter((name) => name === only)
  if (only !== undefined && chosen.length === 0) {
    throw new OperatorError(`there is no benchmark ${only}; there are: ${all.join(', ') || 'none yet'}`)
  }
  for (const name of chosen) {
    if (process.env['JSON'] !== '1') console.log(`\n== ${name}`)
    const file = join(import.meta.dirname, `${name}.ts`)
    const { status } = spawnSync(process.execPath, [...process.execArgv, file], { stdio: 'inherit' })
    if (status !== 0) process.exitCode = 1
  }
})
