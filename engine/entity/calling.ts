// Calls and asks among entities: those of this game run here, the others go to their dispatcher; and the answers.
//
//     call, ask ─> here ─> queue ─> when the caller has returned, in the order they were made ─> method ─┐
//              └─> elsewhere ─> dispatcher ─> its game ─> method ─> answer ─> …           answer <───────┘
import { messageOf } from '../base/errors.ts'
import { isId } from '../base/id.ts'
import { encode } from '../wire/codec.ts'
import { ANSWERED, FAILED, NOT_DELIVERED } from '../wire/messages.ts'
import { localArgs, mayShare, type Outcome, writeAsk, writeCall } from './calls.ts'
import type { EntityCore } from './core.ts'
import type { World } from './world.ts'

interface LocalCall {
  /** Whom it is for, as far as is known now: one, or each of several in turn. */
  readonly callees: EntityCore | EntityCore[]
  readonly method: string
  readonly args: unknown[]
  /** Of an ask. */
  readonly no: number | undefined
}

export class Calling {
  readonly #world: World
  #local: LocalCall[] = []
  #runsLocal = false

  constructor(world: World) {
    this.#world = world
  }

  call(id: string, method: string, args: unknown[]): void {
    this.#world.checkSeal()
    this.#call(id, this.#find(id), method, args)
  }

  /** A call to each of several. Throws TypeError before it calls any of them when one is no id. */
  callEach(ids: readonly string[], method: string, args: unknown[]): void {
    this.#world.checkSeal()
    const cores: (EntityCore | undefined)[] = []
    for (const id of ids) cores.push(this.#find(id))
    if (!mayShare(args)) {
      for (let at = 0; at < ids.length; at++) this.#call(ids[at]!, cores[at], method, args)
      return
    }
    const callees: EntityCore[] = []
    for (let at = 0; at < ids.length; at++) {
      const core = this.#here(cores[at])
      if (core) callees.push(core)
      else writeCall(this.#world, ids[at]!, method, args)
    }
    if (callees.length > 0) this.#runLater({ callees, method, args, no: undefined })
  }

  #call(id: string, found: EntityCore | undefined, method: string, args: unknown[]): void {
    const core = this.#here(found)
    if (core) this.#runLater({ callees: core, method, args: localArgs(args), no: undefined })
    else writeCall(this.#world, id, method, args)
  }

  /** A call that is answered. */
  ask(id: string, method: string, args: unknown[], limitMs: number): Promise<unknown> {
    if (!isId(id)) throw new TypeError(`'${id}' is no entity id`)
    const { requests, openWork } = this.#world
    try {
      const answer = requests.open(`ask of ${method}() of ${id}`, limitMs, (no) => {
        const core = this.#here(this.#find(id))
        if (!core) {
          writeAsk(this.#world, id, no, method, args)
          return this.#world.cluster.toEntity(id)
        }
        this.#runLater({ callees: core, method, args: localArgs(args), no })
        return undefined
      })
      return openWork.track(answer)
    } catch (error) {
      // It cannot be sent.
      return Promise.reject(error)
    }
  }

  /** Tells whoever asked. */
  answer(gameId: number, no: number, value: unknown, outcome = ANSWERED): void {
    const { gameId: own, requests, cluster } = this.#world
    if (gameId === own) return requests.settle(no, outcome, value)
    let bytes: Uint8Array
    try {
      bytes = encode(value)
    } catch (error) {
      return this.answer(gameId, no, unsendable(error), FAILED)
    }
    cluster.toGame(gameId).send('answer', { gameId, no, outcome, value: bytes })
  }

  answerUndelivered(gameId: number, no: number, reason: string): void {
    this.answer(gameId, no, reason, NOT_DELIVERED)
  }

  /** What tells the asker how the method ended. */
  outcomeFor(gameId: number, no: number): Outcome {
    return (ok, value) => this.answer(gameId, no, ok ? value : messageOf(value), ok ? ANSWERED : FAILED)
  }

  /** What has not run yet, of one entity that leaves or of all when the game freezes, goes to the dispatchers, which keep it. */
  postpone(only?: string): void {
    const calls = this.#local
    this.#local = []
    for (const call of calls) {
      const { method, args, no } = call
      const callees = Array.isArray(call.callees) ? call.callees : [call.callees]
      const stay = only === undefined ? [] : callees.filter(({ id }) => id !== only)
      for (const { id } of callees) {
        if (only !== undefined && id !== only) continue
        if (no === undefined) writeCall(this.#world, id, method, args)
        else writeAsk(this.#world, id, no, method, args)
      }
      if (stay.length > 0) this.#local.push({ callees: stay, method, args, no })
    }
  }

  /** The entity, if it is in this game. Throws TypeError for what is no id. */
  #find(id: string): EntityCore | undefined {
    const core = this.#world.find(id)
    if (!core && !isId(id)) throw new TypeError(`'${id}' is no entity id`)
    return core
  }

  /** The same, if calls to it need not go by its dispatcher. */
  #here(core: EntityCore | undefined): EntityCore | undefined {
    if (!core || core.detoured < 0) return core
    core.detoured++
    return undefined
  }

  #runLater(call: LocalCall): void {
    // Calls that calls make run in a later turn: entities that call each other for ever do not hold up the rest.
    if (this.#local.length === 0) {
      const run = () => this.#runLocal()
      if (this.#runsLocal) this.#world.clock.defer(run)
      else queueMicrotask(run)
    }
    this.#local.push(call)
  }

  #runLocal(): void {
    const { operations } = this.#world
    const calls = this.#local
    this.#local = []
    this.#runsLocal = true
    operations.goOn(false)
    for (const { callees, method, args, no } of calls) {
      if (!Array.isArray(callees)) this.#runOne(callees, method, args, no)
      else for (const callee of callees) this.#runOne(callee, method, args, no)
    }
    operations.goOn(false)
    this.#runsLocal = false
  }

  #runOne(callee: EntityCore, method: string, args: unknown[], no: number | undefined): void {
    const world = this.#world
    const { id } = callee
    // It may have gone meanwhile, and even be back as another.
    const core = callee.gone ? world.find(id) : callee
    if (no !== undefined) this.#runAsked(core, id, method, args, no)
    else if (core) world.run(core, method, args)
    else world.runFree(`call of ${method}()`, () => writeCall(world, id, method, args))
    // Calls are too many to look at the clock twice for each.
    world.operations.goOn(core !== undefined)
  }

  #runAsked(core: EntityCore | undefined, id: string, name: string, args: unknown[], no: number): void {
    const { requests } = this.#world
    if (!core) return writeAsk(this.#world, id, no, name, args)
    const method = core.kind.method(name)
    if (!method) return requests.settle(no, NOT_DELIVERED, `${core}: unknown method`)
    this.#world.runMethod(core, method, args, (ok, value) => {
      if (!ok) return requests.settle(no, FAILED, messageOf(value))
      try {
        // As it would arrive over the wire: nothing is shared.
        requests.settle(no, ANSWERED, localArgs([value])[0])
      } catch (error) {
        requests.settle(no, FAILED, unsendable(error))
      }
    })
  }
}

const unsendable = (error: unknown) => `the answer cannot be sent: ${messageOf(error)}`
