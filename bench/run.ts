// Runs the benchmarks, each in a process of its own: `node bench/run.ts [name]`. Every other file here is one.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { cpus } from 'node:os'
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
  const [cpu] = cpus()
  console.log(
    `Node.js ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpu?.model ?? '?'}`,
  )
  for (const name of chosen) {
    console.log(`\n== ${name}`)
    const file = join(import.meta.dirname, `${name}.ts`)
    const { status } = spawnSync(process.execPath, [...process.execArgv, file], { stdio: 'inherit' })
    if (status !== 0) process.exitCode = 1
  }
})
