// One client of the actor server: logs in, says every two seconds where its player is, and prints what others do:
// `make client`.
import { randomInt } from 'node:crypto'
import { parseFlags, runProgram } from 'goworld'
import { type PlayerState, printed, type SessionState } from './state.ts'

const FLAGS = {
  port: { type: 'int', default: 4000, min: 1, max: 65535, help: 'of the server on this machine' },
} as const
const STATE_MS = 2000
/** How long a server may take to answer our goodbye. */
const GOODBYE_MS = 1000

await runProgram('actor_client', async () => {
  const about = 'A player of the actor server.'
  const { port } = parseFlags(process.argv.slice(2), FLAGS, { name: 'actor_client', about })
  play(`ws://127.0.0.1:${port}/ws`)
})

function play(url: string): void {
  const socket = new WebSocket(url)
  let states: NodeJS.Timeout | undefined
  let connected = false
  let leaving = false
  const say = (type: string, data: object) => socket.send(JSON.stringify({ type, data: btoa(JSON.stringify(data)) }))

  socket.addEventListener('open', () => {
    connected = true
    say('Login', { clientID: randomInt(2 ** 48 - 1), username: `player${randomInt(1000)}` })
    say('PlayerState', randomState())
    states = setInterval(() => say('PlayerState', randomState()), STATE_MS)
  })
  socket.addEventListener('message', ({ data }) => {
    const state = readState(String(data))
    if (state) console.log(`need to update the state of player ${printed(state)}`)
  })
  socket.addEventListener('close', ({ reason }) => {
    clearInterval(states)
    if (leaving) return
    const lost = reason === '' ? 'the connection was lost' : `the server closed the connection: ${reason}`
    console.error(`actor_client: ${connected ? lost : `there is no server at ${url}`}`)
    process.exitCode = 1
  })
  // The close that follows says it.
  socket.addEventListener('error', () => {})
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      leaving = true
      clearInterval(states)
      socket.close()
      setTimeout(() => process.exit(0), GOODBYE_MS).unref()
    })
  }
}

const randomState = (): PlayerState => ({ hp: 100, postition: { x: randomInt(1000), y: randomInt(1000) } })

/** The state that a message brings; undefined for the greeting. */
function readState(text: string): SessionState | undefined {
  const { type, data } = JSON.parse(text) as { readonly type?: string; readonly data: string }
  return type === 'state' ? (parseExact(atob(data), keepDigits) as SessionState) : undefined
}

// The compiler does not know yet that a reviver is told how a number was written.
const parseExact = JSON.parse as (text: string, reviver: typeof keepDigits) => unknown

/** A number that a double cannot hold becomes a bigint. */
function keepDigits(_key: string, value: unknown, { source }: { readonly source: string }): unknown {
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(source) : value
}
