// The figures of a process in Prometheus' text format, made of what it says in /status: whatever number is there is here too,
// under the names that lead to it. https://prometheus.io/docs/instrumenting/exposition_formats
//
//     { saves: { oldestMs: 7 } }           ->  goworld_game_saves_oldest_ms{id="1"} 7
//     { ready: true }                      ->  goworld_game_ready{id="1"} 1
//     { games: [{ id: 2, held: false }] }  ->  goworld_dispatcher_games_held{id="1",games="2"} 0
//     { operations: [{ name: 'A.say' …     ->  goworld_game_operations_count{id="1",operations="A.say"} 3
//     { slowGames: [2, 5] }                ->  goworld_gate_slow_games{id="1"} 2       how many there are

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** What names an item of a list, and is no figure. */
const NAMES = ['id', 'name']
/** In the labels, or of no use as a figure. */
const LEFT_OUT = ['id', 'pid']

type Label = readonly [key: string, value: string]

export function formatMetrics(status: Readonly<Record<string, unknown>>): string {
  const lines = new Map<string, string[]>()
  const root = `goworld_${snake(String(status['role']))}`
  const figures = Object.entries(status).filter(([key]) => !LEFT_OUT.includes(key))
  for (const [key, value] of figures) add(lines, `${root}_${snake(key)}`, value, [['id', String(status['id'])]])
  // All lines of one name stand together.
  return [...lines].map(([name, values]) => `# TYPE ${name} untyped\n${values.join('')}`).join('')
}

function add(lines: Map<string, string[]>, name: string, value: unknown, labels: readonly Label[]): void {
  if (typeof value === 'boolean' || Number.isFinite(value)) {
    const values = lines.get(name) ?? []
    lines.set(name, values)
    values.push(`${name}{${labels.map(labelText).join()}} ${Number(value)}\n`)
  } else if (Array.isArray(value)) {
    addList(lines, name, value, labels)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) add(lines, `${name}_${snake(key)}`, inner, labels)
  }
}

/** Items that have figures are told apart by a label of the list's name; of all others only their number is one. */
function addList(lines: Map<string, string[]>, name: string, list: readonly unknown[], labels: readonly Label[]): void {
  const items = list.filter((item) => typeof item === 'object' && item !== null)
  if (items.length === 0) return add(lines, name, list.length, labels)
  const last = name.slice(name.lastIndexOf('_') + 1)
  for (const [at, item] of items.entries()) {
    const fields = Object.entries(item)
    const [, of = at + 1] = fields.find(([key]) => NAMES.includes(key)) ?? []
    for (const [key, inner] of fields)
      if (!NAMES.includes(key)) add(lines, `${name}_${snake(key)}`, inner, [...labels, [last, String(of)]])
  }
}

const labelText = ([key, value]: Label): string => `${key}="${value.replace(/["\\\n]/g, escaped)}"`

const escaped = (character: string): string => (character === '\n' ? '\\n' : `\\${character}`)

/** `rssBytes` is `rss_bytes`; what no name may have becomes an underscore. */
const snake = (key: string): string =>
  key
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/\W/g, '_')
    .toLowerCase()
