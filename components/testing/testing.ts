// The public door 'goworld/testing': a whole cluster with your game in one test, where things go wrong as a seed will have it.
//
//     test('whatever goes wrong, nobody loses gold', async () => {
//       for (const seed of seeds(50)) await simulate({ definition, bootEntity: 'Account', play, seed, faults: { drops: true } })
//     })
export type { Bot, Play } from './bot.ts'
export type { FaultRates } from './faults.ts'
export { seeds } from './seeds.ts'
export { type SimulateOptions, type SimulationReport, simulate } from './simulate.ts'
export type { Simulation } from './simulation.ts'
