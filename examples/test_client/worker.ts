// A thread with its share of the bots: reports once a second, and once more when it is told to stop.
import { parentPort, workerData } from 'node:worker_threads'
import { Fleet } from './fleet.ts'
import type { Settings } from './settings.ts'
import type { Tally } from './tally.ts'

export interface WorkerTask {
  readonly settings: Settings
  readonly from: number
  readonly by: number
}
/** From the worker. */
export type WorkerReport =
  | { readonly kind: 'tally'; readonly tally: Tally }
  | { readonly kind: 'told'; readonly text: string }
  | { readonly kind: 'faulted' }
  | { readonly kind: 'stopped'; readonly tally: Tally }

const REPORT_MS = 1_000

if (parentPort) work(workerData as WorkerTask, (report) => parentPort!.postMessage(report))

function work({ settings, from, by }: WorkerTask, report: (report: WorkerReport) => void): void {
  let faulted = false
  const fleet = new Fleet(settings, from, by, {
    tell: (text) => report({ kind: 'told', text }),
    faulted() {
      if (!faulted) report({ kind: 'faulted' })
      faulted = true
    },
  })
  const reporting = setInterval(() => report({ kind: 'tally', tally: fleet.tally }), REPORT_MS)
  // Anything that is said to a worker means: stop.
  parentPort!.once('message', async () => {
    clearInterval(reporting)
    // Who played is who did when it was time to stop.
    const { playing } = fleet.tally
    await fleet.stop()
    report({ kind: 'stopped', tally: { ...fleet.tally, playing } })
    parentPort!.close()
  })
  fleet.start()
}
