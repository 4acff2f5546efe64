// Bots that play the arena, so that nobody is alone in it: bots.ts -N 20 -configfile goworld.ini. `goworld start -bots 20`
// starts it beside the server.
import { OperatorError, parseFlags, readConfig, runProgram } from 'goworld'
import { compressed, tcpStream } from 'goworld/client/tcp'
import { Bot } from './bot.ts'
import { COURT, FOUNDRY, WILDS } from './shared/maps.ts'
import { STEP_MS } from './shared/step.ts'

const FLAGS = {
  N: { type: 'int', default: 12, min: 1, max: 1000, help: 'number of bots' },
  configfile: { type: 'string', default: 'goworld.ini', help: 'where the gates are written down' },
  quiet: { type: 'bool', help: 'says nothing' },
} as const

const NAMES =
  'Quill Vesper Moth Onyx Juno Pike Rook Sable Tansy Umbra Wren Yarrow Basil Cinder Dot Fable Gale Hex Isla Kestrel Lark Myrrh Nettle Opal'
const COLORS = 10
/** Of each ten bots so many begin in each. */
const ARENAS = [COURT, FOUNDRY, COURT, WILDS, COURT, FOUNDRY, COURT, FOUNDRY, WILDS, FOUNDRY]
/** On this machine nobody sits between: a certificate for the name that players know will do. */
const LOCAL = /^tls:\/\/(127\.|localhost:)/
/** They come one after the other, as people do. */
const COMING_MS = 60

await runProgram('bots', async () => {
  const {
    N: count,
    configfile,
    quiet,
  } = parseFlags(process.argv.slice(2), FLAGS, {
    name: 'bots',
    about: 'Bots that play the arena: they roam, hunt and shoot.',
  })
  const gates = gatesOf(configfile)
  const names = NAMES.split(' ')
  const bots: Bot[] = []
  const coming = setInterval(() => {
    const number = bots.length
    const name =
      names[number % names.length]! + (number < names.length ? '' : ` ${Math.floor(number / names.length) + 1}`)
    const { place, compress } = gates[number % gates.length]!
    const plain = () => tcpStream(place, { verify: !LOCAL.test(place) })
    const connect = () => (compress ? compressed(plain()) : plain())
    bots.push(new Bot(connect, name, number % COLORS, ARENAS[number % ARENAS.length]!))
    if (bots.length === count) clearInterval(coming)
  }, COMING_MS)
  const ticking = setInterval(() => {
    const nowMs = performance.now()
    for (const bot of bots) bot.tick(nowMs)
  }, STEP_MS)
  if (!quiet) console.log(`${count} bots play at ${gates.map(({ place }) => place).join(', ')}`)
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  clearInterval(coming)
  clearInterval(ticking)
  for (const { game } of bots) game.close()
})

interface GatePlace {
  readonly place: string
  /** Whether it speaks snappy. */
  readonly compress: boolean
}

function gatesOf(configFile: string): GatePlace[] {
  const config = readConfig(configFile)
  return config.gateIds.map((id) => {
    const { listenAddr, encryptConnection, compressConnection: compress } = config.gate(id)
    if (!listenAddr) throw new OperatorError(`${configFile}: [gate${id}] listen_addr is empty, but bots connect there`)
    if (listenAddr.kind === 'unix') return { place: `unix:${listenAddr.path}`, compress }
    const host = listenAddr.host === '0.0.0.0' || listenAddr.host === '::' ? '127.0.0.1' : listenAddr.host
    return { place: `${encryptConnection ? 'tls://' : ''}${host}:${listenAddr.port}`, compress }
  })
}
