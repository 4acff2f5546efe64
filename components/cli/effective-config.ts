// The goworld.ini that `goworld start` makes when there is none, or when its flags change the one there is.
import { join } from 'node:path'
import { type Address, formatAddress } from '../../engine/base/address.ts'
import type { Config } from '../../engine/config/config.ts'
import { parseIni } from '../../engine/config/ini.ts'
import { camelCase, type Key, SECTIONS, type SectionName } from '../../engine/config/keys.ts'
import type { RunFolder } from '../process/run-folder.ts'

/** How many processes of each role. */
export interface Deployment {
  readonly dispatchers: number
  readonly games: number
  readonly gates: number
}

/** Without a file: processes of one machine talk over Unix sockets, and keep their logs out of the game's folder. */
export function defaultIni({ dispatchers, games, gates }: Deployment, run: RunFolder): string {
  const lines = deploymentLines({ dispatchers, games, gates })
  for (const role of ['dispatcher', 'game', 'gate']) {
    lines.push(`[${role}_common]`, `log_file=${quoted(join(run.path, `${role}.log`))}`)
  }
  for (let id = 1; id <= dispatchers; id++) {
    lines.push(`[dispatcher${id}]`, `listen_addr=${quoted(`unix:${join(run.socketFolder, `dispatcher${id}.link`)}`)}`)
  }
  return `${lines.join('\n')}\n`
}

/** The text of a file with another number of processes; its lines keep their numbers. */
export function withDeployment(text: string, path: string, deployment: Deployment): string {
  const lines = text.split(/\r\n|\n|\r/)
  for (const { name, entries } of parseIni(text, path)) {
    if (name === 'deployment') for (const { line } of entries) lines[line - 1] = ''
  }
  return [...lines, ...deploymentLines(deployment), ''].join('\n')
}

/** Every setting of a configuration, as a file that reads the same from any folder. */
export function formatConfig(config: Config): string {
  const lines = ['; Made by goworld start. It is written anew at each start: edit your own goworld.ini instead.']
  const add = (title: string, section: SectionName, values: object) => {
    lines.push('', `[${title}]`)
    for (const [key, spec] of Object.entries<Key>(SECTIONS[section].keys)) {
      if (spec.kind === 'half' || spec.kind === 'ignored') continue
      const value = (values as Record<string, unknown>)[camelCase(key)]
      if (spec.kind !== 'list') lines.push(`${key}=${formatValue(spec, value)}`)
      else for (const [at, one] of (value as string[]).entries()) lines.push(`${key}_${at + 1}=${quoted(one)}`)
    }
  }
  add('debug', 'debug', { debug: config.debug })
  for (const name of ['deployment', 'storage', 'kvdb', 'sql', 'cluster'] as const) add(name, name, config[name])
  for (const id of config.dispatcherIds) add(`dispatcher${id}`, 'dispatcher', config.dispatcher(id))
  for (const id of config.gameIds) add(`game${id}`, 'game', config.game(id))
  for (const id of config.gateIds) add(`gate${id}`, 'gate', config.gate(id))
  return `${lines.join('\n')}\n`
}

const deploymentLines = ({ dispatchers, games, gates }: Deployment): string[] => [
  '[deployment]',
  `desired_dispatchers=${dispatchers}`,
  `desired_games=${games}`,
  `desired_gates=${gates}`,
]

function formatValue(spec: Key, value: unknown): string {
  if (spec.kind !== 'address') return quoted(String(value))
  return value === undefined ? '' : quoted(formatAddress(value as Address))
}

/** As it is where that reads the same: quotes keep comment signs and spaces. */
function quoted(text: string): string {
  if (/^[\w./:@%+-]*$/.test(text)) return text
  const quote = ['"', "'", '`'].find((one) => !text.includes(one))
  return quote === undefined ? text : `${quote}${text}${quote}`
}
