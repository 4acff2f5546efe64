// Runs the benchmarks, each in a process of its own: `node bench/run.ts [name]`. Every other file here is one; what they
// have in common is in kit/.
//
//     make bench                  a table
//     make bench ONLY=sync        one of them
//     make bench JSON=1           an object a line
//     make bench COMPARE=1        each figure beside the one of the last accepted run (baseline.json)
//     make bench ACCEPT=1         this run is the one that is accepted, and README.md's table is made from it; with ROW=2
//                                 that row of a benchmark alone
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { OperatorError } from '../engine/base/errors.ts'
import { runProgram } from '../engine/config/program.ts'
import { accept, keyOf, type Run, readBaseline } from './kit/baseline.ts'
import { type Machine, Printer, type Reported } from './kit/report.ts'

void runProgram('bench', async () => {
  const [only] = process.argv.slice(2)
  const all = readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
    .map((file) => file.slice(0, -'.ts'.length))
    .sort()
  const chosen = only === undefined ? all : all.filter((name) => name === only)
  if (only !== undefined && chosen.length === 0)
    throw new OperatorError(`there is no benchmark ${only}; there are: ${all.join(', ') || 'none yet'}`)
  const runs: Run[] = []
  for (const name of chosen) runs.push(...(await run(name)))
  if (process.env['ACCEPT'] === '1') accept(runs, process.env['ROW'] !== undefined)
})

/** Passes on what a benchmark says; answers with its figures. */
async function run(name: string): Promise<Run[]> {
  const isForPrograms = process.env['JSON'] === '1'
  const before = process.env['COMPARE'] === '1' ? readBaseline() : undefined
  const printer = new Printer()
  const runs: Run[] = []
  let machine: Machine | undefined
  if (!isForPrograms) console.log(`\n== ${name}`)
  const child = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, `${name}.ts`)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, JSON: '1' },
  })
  const ended = once(child, 'close')
  for await (const line of createInterface({ input: child.stdout })) {
    if (isForPrograms) console.log(line)
    const said = JSON.parse(line) as Machine | Reported
    if ('node' in said) {
      machine = said
      if (!isForPrograms) printer.machine(said)
      continue
    }
    runs.push({ bench: name, machine: machine!, figure: said })
    if (!isForPrograms) printer.figure(said, before?.get(keyOf(said)))
  }
  const [status] = (await ended) as [number | null]
  if (status !== 0) process.exitCode = 1
  return runs
}
