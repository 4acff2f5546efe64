// The last accepted run of the benchmarks, and the table that README.md makes of it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Machine, type Reported, short } from './report.ts'

const ROOT = join(import.meta.dirname, '../..')
const BASELINE = join(ROOT, 'bench/baseline.json')
const README = join(ROOT, 'README.md')
const BEGIN = '<!-- figures: made by `make bench ACCEPT=1` -->'
const END = '<!-- end of figures -->'

export interface Run {
  readonly bench: string
  readonly machine: Machine
  readonly figure: Reported
}

export const keyOf = ({ scenario, metric }: Pick<Reported, 'scenario' | 'metric'>): string => `${scenario} | ${metric}`

export const readRuns = (): Run[] => (existsSync(BASELINE) ? (JSON.parse(readFileSync(BASELINE, 'utf8')) as Run[]) : [])

/** The accepted value of each figure. */
export const readBaseline = (): Map<string, number> =>
  new Map(readRuns().map(({ figure }) => [keyOf(figure), figure.value]))

/** These benchmarks are accepted as they ran, or only what was measured of them; what others were stays, and in its place. */
export function accept(runs: readonly Run[], isPart: boolean): void {
  const benches = new Set(runs.map(({ bench }) => bench))
  const scenarios = new Set(runs.map(({ figure }) => figure.scenario))
  const isNew = ({ bench, figure }: Run) => benches.has(bench) && (!isPart || scenarios.has(figure.scenario))
  const before = readRuns()
  const all = before.filter((run) => !isNew(run))
  const at = before.findIndex(isNew)
  all.splice(at < 0 ? all.length : at, 0, ...runs)
  all.sort((a, b) => (a.bench < b.bench ? -1 : a.bench > b.bench ? 1 : 0))
  writeFileSync(BASELINE, `[\n${all.map((run) => JSON.stringify(run)).join(',\n')}\n]\n`)
  writeFileSync(README, withFigures(readFileSync(README, 'utf8'), all))
}

/** README.md with the table of these runs: what GoWorld was measured at, or what has a target. */
export function withFigures(readme: string, runs: readonly Run[]): string {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin < 0 || end < begin) throw new Error('README.md has no place for the figures')
  const rows = runs
    .map(({ figure }) => figure)
    .filter(({ goworld, target, unit }) => unit !== '' && (goworld !== null || target !== null))
    .map((figure) => {
      const { scenario, metric, value, unit, goworld, target, atMost, ok } = figure
      const wanted = target === null ? '' : `${atMost ? '≤' : '≥'} ${short(target)}${ok ? '' : ', missed'}`
      return `| ${scenario} | ${metric} | ${short(value)} ${unit} | ${goworld === null ? '' : short(goworld)} | ${wanted} |`
    })
  const table = ['| scenario | figure | goworld | GoWorld | wanted |', '|---|---|---|---|---|', ...rows].join('\n')
  return `${readme.slice(0, begin)}${BEGIN}\n${table}\n${readme.slice(end)}`
}
