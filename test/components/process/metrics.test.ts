// Tests of components/process/metrics.ts: the figures of /status in Prometheus' text format.
import { describe, expect, test } from 'vitest'
import { formatMetrics } from '../../../components/process/metrics.ts'

const of = (status: Record<string, unknown>) =>
  formatMetrics({ role: 'game', id: 1, pid: 4711, ...status }).replace(/^# TYPE (\w+) untyped\n(?=\1\{)/gm, '')

describe('the metrics of a process', () => {
  test('are its figures by their names, with its id', () => {
    const status = {
      role: 'gate',
      id: 2,
      pid: 4711,
      ready: true,
      rssBytes: 5e9,
      loopDelayMs: 0.5,
      saves: { oldestMs: 7 },
    }
    expect(formatMetrics(status)).toBe(`# TYPE goworld_gate_ready untyped
goworld_gate_ready{id="2"} 1
# TYPE goworld_gate_rss_bytes untyped
goworld_gate_rss_bytes{id="2"} 5000000000
# TYPE goworld_gate_loop_delay_ms untyped
goworld_gate_loop_delay_ms{id="2"} 0.5
# TYPE goworld_gate_saves_oldest_ms untyped
goworld_gate_saves_oldest_ms{id="2"} 7
`)
  })

  test('tell the items of a list apart, with the lines of one name together', () => {
    const games = [
      { id: 3, held: false, placed: 5 },
      { id: 4, held: true, placed: 6 },
    ]
    expect(of({ role: 'dispatcher', games })).toBe(`goworld_dispatcher_games_held{id="1",games="3"} 0
goworld_dispatcher_games_held{id="1",games="4"} 1
goworld_dispatcher_games_placed{id="1",games="3"} 5
goworld_dispatcher_games_placed{id="1",games="4"} 6
`)
    expect(of({ links: [{ up: true }, { up: false }] })).toBe(
      'goworld_game_links_up{id="1",links="1"} 1\ngoworld_game_links_up{id="1",links="2"} 0\n',
    )
    expect(of({ slowGames: [2, 5], gates: [] })).toBe(
      'goworld_game_slow_games{id="1"} 2\ngoworld_game_gates{id="1"} 0\n',
    )
  })

  test('have no figure for what is none', () => {
    expect(
      of({
        configfile: '/srv/goworld.ini',
        addresses: { tcp: 'tcp://…' },
        freezeError: undefined,
        was: null,
        ever: Infinity,
      }),
    ).toBe('')
  })

  test('stay readable whatever an author or an operator names', () => {
    expect(of({ operations: [{ name: 'A"b\\c\nd.say', count: 1 }] })).toBe(
      'goworld_game_operations_count{id="1",operations="A\\"b\\\\c\\nd.say"} 1\n',
    )
    expect(of({ refusedCalls: { 'no such-method': 2 } })).toBe('goworld_game_refused_calls_no_such_method{id="1"} 2\n')
  })
})
