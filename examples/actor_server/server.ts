// Runs the actor server until it is told to stop: `make server`.
import { parseFlags, runProgram } from 'goworld'
import { serve } from 'goworld/server'
import actorServer from './actor_server.ts'

const FLAGS = {
  port: { type: 'int', default: 4000, min: 0, max: 65535, help: 'where clients connect; 0 = any that is free' },
} as const

await runProgram('actor_server', async () => {
  const about = 'A server of actors, one for each WebSocket client.'
  const flags = parseFlags(process.argv.slice(2), FLAGS, { name: 'actor_server', about })
  const server = await serve(actorServer, {
    bootEntity: 'Session',
    json: { port: flags.port, path: '/ws', greeting: '{"msg":"success"}' },
  })
  console.log(`starting HTTP server on port ${server.port}`)
  console.log('server !')
  // Once ends it in order; who cannot wait asks twice.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.stop())
})
