// A dispatcher as a part of a process: made from the configuration, started, with its figures. It can be handed over to a
// successor that stands by; and it can be that successor:
//
//     successor ── copy ─────> all that it knows, for a rehearsal
//               ── release ──> listens no more; the successor does, and whoever comes there waits
//               ── take ─────> ends its connections and says nothing any more: all that it knows
//               restores it: whatever fails up to here, the dispatcher takes all back
//               ── done ─────> ends. Its peers have come back already, and are let in   (components/process/swap-channel.ts)
import { type Address, formatAddress } from '../../engine/base/address.ts'
import { realClock } from '../../engine/base/clock.ts'
import { messageOf } from '../../engine/base/errors.ts'
import { type Log, silentLog } from '../../engine/base/log.ts'
import { machineRandom } from '../../engine/base/random.ts'
import type { Config } from '../../engine/config/config.ts'
import { addressInUse } from '../../engine/config/program.ts'
import type { Transport } from '../../engine/net/connection.ts'
import type { Part } from '../process/part.ts'
import { SwapClient, type Swapped, SwappedIsGone, SwapServer } from '../process/swap-channel.ts'
import { Dispatcher } from './dispatcher.ts'

export interface DispatcherPartOptions {
  readonly id: number
  readonly config: Config
  readonly links: Transport
  readonly listen: Address
  readonly log: Log
  /** The socket by which a successor takes it over; without it none can. */
  readonly swapPath?: string
}

/** What a swap took, in milliseconds. */
export interface DispatcherSwapTimes {
  /** Until all that it knew had come. */
  readonly takeMs: number
  readonly restoreMs: number
  /** Until the one before had said that it is not the dispatcher any more. */
  readonly leaveMs: number
  /** Until all its peers were back. */
  readonly returnMs: number
  /** All of it: how long games and gates did not reach each other by it. */
  readonly blackoutMs: number
  readonly bytes: number
  /** Games and gates that were connected, and how many of them did not come back in time. */
  readonly peers: number
  readonly missing: number
}

/** Code that has not run yet takes many times as long: the rehearsal is repeated until it does not, or for so long. */
const WARM_UP_MS = 300
const WARM_UP_ROUNDS = 10
const LOOK_MS = 1
/** Whoever was killed needs a moment to let go of the address. */
const ADDRESS_WITHIN_MS = 5000
const ADDRESS_LOOK_MS = 20

export async function startDispatcher(options: DispatcherPartOptions): Promise<Part> {
  const part = new DispatcherPart(options)
  await part.start()
  await part.listen()
  return part
}

/**
 * Takes the place of the running dispatcher, which goes on by itself when this rejects. `isGone`: whether its process has
 * ended.
 */
export async function succeedDispatcher(
  options: DispatcherPartOptions & { readonly swapPath: string },
  isGone: () => Promise<boolean>,
): Promise<Part> {
  const part = new DispatcherPart(options)
  const swap = await SwapClient.connect(options.swapPath)
  try {
    await part.succeed(swap, isGone)
  } catch (error) {
    await part.stop()
    swap.fail(messageOf(error))
    throw error
  }
  await part.listen()
  return part
}

class DispatcherPart implements Part {
  readonly #options: DispatcherPartOptions
  readonly #dispatcher: Dispatcher
  readonly #server: SwapServer | undefined
  #swapped: DispatcherSwapTimes | undefined

  constructor(options: DispatcherPartOptions) {
    this.#options = options
    this.#dispatcher = newDispatcher(options)
    const { swapPath, log } = options
    if (swapPath !== undefined) this.#server = new SwapServer(swapPath, log, this.#asSwapped())
  }

  get ready(): boolean {
    return this.#dispatcher.status().ready
  }

  get addresses() {
    const { address } = this.#dispatcher
    return { links: `${address.kind === 'tcp' ? 'tcp://' : ''}${formatAddress(address)}` }
  }

  status(): Record<string, unknown> {
    return { ...this.#dispatcher.status(), ...(this.#swapped && { swap: this.#swapped }) }
  }

  async start(): Promise<void> {
    await this.#dispatcher.start().catch((error) => this.#refuseAddress(error))
  }

  /** From now on a successor may come. */
  async listen(): Promise<void> {
    await this.#server?.listen()
  }

  async stop(): Promise<void> {
    await this.#server?.settled()
    this.#server?.close()
    await this.#dispatcher.stop()
  }

  #asSwapped(): Swapped {
    const { log } = this.#options
    const dispatcher = this.#dispatcher
    return {
      looks: { copy: async () => dispatcher.copy() },
      steps: {
        release: async () => {
          log.info('a successor stands by')
          dispatcher.stopListening()
          return { peers: dispatcher.connections.connected }
        },
        take: async () => dispatcher.handOver(),
      },
      back: async (why) => {
        log.error(`its successor has failed, so it goes on: ${why}`)
        await this.#takeBack()
      },
      done: () => {
        log.info('handed over to its successor')
        process.exit(0)
      },
    }
  }

  async #takeBack(): Promise<void> {
    const end = realClock.now() + ADDRESS_WITHIN_MS
    for (;;) {
      try {
        return await this.#dispatcher.takeBack()
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || realClock.now() >= end) throw error
        await sleep(ADDRESS_LOOK_MS)
      }
    }
  }

  /** Becomes the dispatcher that `swap` is the end of. */
  async succeed(swap: SwapClient, isGone: () => Promise<boolean>): Promise<void> {
    const dispatcher = this.#dispatcher
    this.#rehearse(await swap.askBytes('copy'))
    const { peers } = await swap.ask<{ readonly peers: number }>('release')
    await dispatcher.standBy().catch((error) => this.#refuseAddress(error))
    const document = await swap.askBytes('take')
    const takenMs = realClock.wallMs()
    const silentSinceMs = dispatcher.restore(document)
    const restoredMs = realClock.wallMs()
    await swap.done().catch(async (error) => {
      // It may have taken all back, and is about to end us; or it is dead, and we know all that it knew.
      if (!(error instanceof SwappedIsGone) || !(await isGone())) throw error
    })
    const leftMs = realClock.wallMs()
    dispatcher.goOn()
    const missing = await this.#untilBack(peers)
    const nowMs = realClock.wallMs()
    this.#swapped = {
      takeMs: takenMs - silentSinceMs,
      restoreMs: restoredMs - takenMs,
      leaveMs: leftMs - restoredMs,
      returnMs: nowMs - leftMs,
      blackoutMs: nowMs - silentSinceMs,
      bytes: document.length,
      peers,
      missing,
    }
    this.#options.log.info('goes on as the dispatcher', { ...this.#swapped })
  }

  /** In a dispatcher that nobody hears of. Throws what `restore` will throw. */
  #rehearse(document: Uint8Array): void {
    const end = realClock.now() + WARM_UP_MS
    for (let round = 0; round < WARM_UP_ROUNDS && (round === 0 || realClock.now() < end); round++) {
      const trial = newDispatcher({ ...this.#options, log: silentLog })
      trial.restore(document)
      trial.copy()
      void trial.stop()
    }
  }

  /** Resolves to how many have not come back when their time is over. */
  async #untilBack(peers: number): Promise<number> {
    const end = realClock.now() + this.#options.config.cluster.linkGraceMs
    while (this.#dispatcher.connections.connected < peers && realClock.now() < end) await sleep(LOOK_MS)
    return Math.max(0, peers - this.#dispatcher.connections.connected)
  }

  #refuseAddress(error: unknown): never {
    const { id, listen } = this.#options
    throw addressInUse(error, `dispatcher${id} listen_addr`, listen)
  }
}

function newDispatcher({ id, config, links, listen, log }: DispatcherPartOptions): Dispatcher {
  return new Dispatcher({
    id,
    clock: realClock,
    random: machineRandom,
    log,
    transport: links,
    listen,
    deployment: { games: config.deployment.desiredGames, gates: config.deployment.desiredGates },
    cluster: config.cluster,
  })
}

const sleep = (ms: number) => new Promise<void>((resolve) => void realClock.after(ms, resolve))
