// All bots of a run, in this thread or spread over several.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Fleet, type FleetEvents } from './fleet.ts'
import type { Settings } from './settings.ts'
import { merged, newTally, type Tally } from './tally.ts'
import type { WorkerReport, WorkerTask } from './worker.ts'

export interface Crew {
  /** As the threads last reported it. */
  tally(): Tally
  /** Ends all connections in order; answers the last tally, with those that played before. */
  stop(): Promise<Tally>
}

export const startCrew = (settings: Settings, workers: number, events: FleetEvents): Crew =>
  workers > 1 ? crewOfWorkers(settings, workers, events) : crewOfOne(settings, events)

function crewOfOne(settings: Settings, events: FleetEvents): Crew {
  const fleet = new Fleet(settings, 0, 1, events)
  fleet.start()
  return {
    tally: () => fleet.tally,
    async stop() {
      const { playing } = fleet.tally
      await fleet.stop()
      return { ...fleet.tally, playing }
    },
  }
}

function crewOfWorkers(settings: Settings, count: number, events: FleetEvents): Crew {
  const tallies: Tally[] = Array.from({ length: count }, newTally)
  const workers = tallies.map((_tally, from) => {
    const workerData: WorkerTask = { settings, from, by: count }
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData })
    worker.on('message', (report: WorkerReport) => {
      if (report.kind === 'told') events.tell(report.text)
      else if (report.kind === 'faulted') events.faulted()
      else tallies[from] = report.tally
    })
    return worker
  })
  return {
    tally: () => merged(tallies),
    async stop() {
      const exits = workers.map((worker) => once(worker, 'exit'))
      for (const worker of workers) worker.postMessage('stop')
      await Promise.all(exits)
      return merged(tallies)
    },
  }
}
