// What players do, numbered by their clients: each input runs once and in order, as often as its class allows; at the end of
// the turn the client hears up to which number, with the place that came of it. So it knows which of its own it has to run
// again from there (docs/prediction.md).
//
//     input 7 ──seen before?──> dropped                        ┐
//        └──> more than its rate allows? ──> dropped, counted  ├──> end of turn: attributes, then inputDone 7, place, time
//                └──> the method runs                          ┘
//
// A client that calls the method without a number gets no answer, and pays the same.
//
// Numbers are of one client: who takes over the player begins anew. Places of players with inputs are f32, as on the wire,
// so that both ends go on from the same.
import { messages, SYNC_OWN } from '../wire/messages.ts'
import { type Refusal, receiveCall } from './calls.ts'
import type { EntityCore } from './core.ts'
import type { Method } from './kind.ts'
import type { World } from './world.ts'

/** What a player's client has sent. */
export interface InputState {
  readonly clientId: string
  /** The last that has been run. */
  no: number
  /** Which of the game's times the client was showing then, in milliseconds since 1970; 0 when it did not say. */
  seenMs: number
  /** Until when inputs are paid for, by method and `clock.now()`. */
  readonly paidMs: Map<string, number>
  /** The client is told at the end of the turn. */
  isTouched: boolean
}

/** So much of its rate a client may use at once: what the network held up comes in one piece. */
const BURST_MS = 1000

export class Inputs {
  /** Inputs that were run, that had been run before, and that were more than the class allows. */
  ran = 0
  repeated = 0
  shed = 0
  /** What a client said to have seen was no time that the space remembers. */
  clamped = 0
  readonly #world: World
  #touched: EntityCore[] = []

  constructor(world: World) {
    this.#world = world
  }

  /** Takes an input of the entity's own client: method and arguments are from `start` to `end`. */
  take(
    core: EntityCore,
    no: number,
    seenMs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Refusal | undefined {
    const state = this.#stateOf(core)
    this.touch(core, state)
    if (no <= state.no) {
      this.repeated++
      return undefined
    }
    state.no = no
    state.seenMs = seenMs === 0 ? 0 : unwrapped(seenMs, this.#world.clock.wallMs())
    return receiveCall(core, bytes, start, end, 'input')
  }

  /** Its own client calls an input: whether that is one that is run. */
  mayRun(core: EntityCore, { name, inputRate = 0 }: Method): boolean {
    if (!this.#pay(this.#stateOf(core), name, inputRate)) {
      this.shed++
      return false
    }
    this.#round(core)
    this.ran++
    return true
  }

  /** Tells its client of its place, if that one predicts it: then a position record would say nothing that it can go by. */
  tellOwn(core: EntityCore): void {
    if (core.moved & SYNC_OWN && isPredicted(core)) this.touch(core, core.inputs!)
  }

  touch(core: EntityCore, state: InputState): void {
    if (state.isTouched) return
    state.isTouched = true
    this.#touched.push(core)
  }

  /** Says to each client how far it has come, behind the attributes that came of it. */
  flush(): void {
    const touched = this.#touched
    if (touched.length === 0) return
    this.#touched = []
    this.#world.flushAttrs()
    for (const core of touched) {
      const { inputs, client } = core
      if (inputs) inputs.isTouched = false
      if (!inputs || !client || core.gone || !isPredicted(core)) continue
      this.#world.movement.toldOwn(core)
      const link = this.#world.cluster.toGate(client.gateId)
      link.begin(messages.inputDone.code)
      const { out } = link
      out.u16(client.gateId)
      out.id(client.clientId)
      out.id(core.id)
      out.u32(inputs.no)
      out.u32(this.#world.clock.wallMs() % 2 ** 32)
      out.f32(core.x)
      out.f32(core.y)
      out.f32(core.z)
      out.f32(core.yaw)
      link.end()
    }
  }

  status() {
    const { ran, repeated, shed, clamped } = this
    return { ran, repeated, shed, clamped }
  }

  #stateOf(core: EntityCore): InputState {
    const { clientId } = core.client!
    if (core.inputs?.clientId !== clientId) core.inputs = freshInputs(clientId)
    return core.inputs
  }

  /** A bucket that a second fills. */
  #pay({ paidMs }: InputState, method: string, rate: number): boolean {
    const nowMs = this.#world.clock.now()
    const nextMs = Math.max(paidMs.get(method) ?? Number.NEGATIVE_INFINITY, nowMs - BURST_MS) + 1000 / rate
    if (nextMs > nowMs) return false
    paidMs.set(method, nextMs)
    return true
  }

  #round(core: EntityCore): void {
    const { x, y, z, yaw } = core
    if (x !== Math.fround(x) || y !== Math.fround(y) || z !== Math.fround(z) || yaw !== Math.fround(yaw))
      this.#world.movement.move(core, x, y, z, yaw)
  }
}

/** Whether its client is one that goes on from the answers to what it does, and not from positions. */
export const isPredicted = ({ inputs, client }: EntityCore): boolean =>
  inputs !== undefined && client?.clientId === inputs.clientId

export const freshInputs = (clientId: string, no = 0, seenMs = 0): InputState => ({
  clientId,
  no,
  seenMs,
  paidMs: new Map(),
  isTouched: false,
})

/** The time near `nearMs` whose lower 32 bits are these. */
function unwrapped(ms: number, nearMs: number): number {
  const near = Math.floor(nearMs)
  return near + ((ms - (near % 2 ** 32)) | 0)
}
