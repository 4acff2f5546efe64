// Calls, both ways: how `this.client.told(…)` and `call(id).hurt(…)` become packets, and packets become method calls.
//
// A caller is a plain object whose methods are made once: for clients from the contract, for entities on the first use
// of each name. So a call costs no Proxy, and the compiler knows what may be called.
import { messageOf, WireError } from '../base/errors.ts'
import { FILTER_OPERATORS, type FilterOperator } from '../wire/client-wire.ts'
import { encodeArgs, readArgs } from '../wire/codec.ts'
import { copyValue } from '../wire/copy.ts'
import { messages } from '../wire/messages.ts'
import { PacketReader, type PacketWriter } from '../wire/packet.ts'
import type { Actor } from './actor.ts'
import type { EntityId } from './contract.ts'
import type { EntityCore } from './core.ts'
import type { Entity } from './entity.ts'
import type { Method } from './kind.ts'
import type { Space } from './space.ts'
import type { World } from './world.ts'

/** The methods that its author wrote. */
export type OwnMethod<T> = {
  [K in keyof T]: K extends EngineName<T> ? never : T[K] extends (...args: any[]) => unknown ? K : never
}[keyof T]
/** What it has from the engine. */
type EngineName<T> = T extends Space<any> ? keyof Space : T extends Entity<any> ? keyof Entity : keyof Actor
/** What others can ask of a T. Calls go one way: a reply is a call back. */
export type Calls<T> = T extends unknown
  ? { readonly [K in OwnMethod<T>]: T[K] extends (...args: infer A) => unknown ? (...args: A) => void : never }
  : never
/** The same, answered: with what the method returns, or its promise resolves to. */
export type Asks<T> = T extends unknown
  ? {
      readonly [K in OwnMethod<T>]: T[K] extends (...args: infer A) => infer R
        ? (...args: A) => Promise<Awaited<R>>
        : never
    }
  : never

/** How long an answer is waited for, unless told. */
export const ASK_LIMIT_MS = 5000

const reader = new PacketReader()
/** Whom a caller calls: any name may be that of a method. */
const called = Symbol('called')

// --- to clients --------------------------------------------------------------------------------------------------

export type ClientCaller = object
export type AllClientsCaller = object
export type FilteredCaller = object

export interface FilteredTarget {
  readonly world: World
  readonly from: EntityCore | undefined
  readonly key: string
  readonly operator: FilterOperator
  readonly value: string
}

/** The classes of the three callers to clients, with a method for each name in the contract. */
export function clientCallers(names: readonly string[]) {
  const own = callerClass<EntityCore>(names, (target, method, args) =>
    target.world.views.callClient(target, method, args),
  )
  const all = callerClass<EntityCore>(names, (target, method, args) =>
    target.world.views.callAllClients(target, method, args),
  )
  const filtered = callerClass<FilteredTarget>(names, (target, method, args) => {
    target.from?.flushAttrs()
    target.world.views.callFiltered(target, method, args)
  })
  return { own, all, filtered } as {
    own: new (target: unknown) => ClientCaller
    all: new (target: unknown) => AllClientsCaller
    filtered: new (target: unknown) => FilteredCaller
  }
}

function callerClass<T>(names: readonly string[], send: (target: T, method: string, args: unknown[]) => void) {
  class Caller {
    readonly [called]: T
    constructor(whom: T) {
      this[called] = whom
    }
  }
  for (const name of names) {
    Object.defineProperty(Caller.prototype, name, {
      value(this: Caller, ...args: unknown[]) {
        send(this[called], name, args)
      },
    })
  }
  return Caller
}

/** Body of 1501, behind the type: the same bytes for every client. */
export function filteredBody(target: FilteredTarget, method: string, args: unknown[]): Record<string, unknown> {
  return { op: FILTER_OPERATORS.indexOf(target.operator), key: target.key, value: target.value, method, args }
}

// --- to entities -------------------------------------------------------------------------------------------------

/** The class of callers for which any name is a method: the first call of a name makes it. */
function openCaller<T extends object>(call: (target: T, method: string, args: unknown[]) => unknown) {
  class Caller {
    readonly [called]: T
    constructor(whom: T) {
      this[called] = whom
    }
  }
  // A name that is not there yet lands here; from then on it is a plain method of the class.
  Object.setPrototypeOf(
    Caller.prototype,
    new Proxy(Object.create(null), {
      get(_target, name) {
        // `await` and `String()` look for these on any object.
        if (typeof name !== 'string' || name === 'then' || name === 'toJSON') return undefined
        const method = function (this: Caller, ...args: unknown[]) {
          return call(this[called], name, args)
        }
        Object.defineProperty(Caller.prototype, name, { value: method })
        return method
      },
    }),
  )
  return Caller
}

const EntityCaller = openCaller<{ world: World; id: string }>(({ world, id }, method, args) => {
  world.calling.call(id, method, args)
})
const EntitiesCaller = openCaller<{ world: World; ids: readonly string[] }>(({ world, ids }, method, args) => {
  world.calling.callEach(ids, method, args)
})
const EntityAsker = openCaller<{ world: World; id: string; limitMs: number }>(({ world, id, limitMs }, method, args) =>
  world.calling.ask(id, method, args, limitMs),
)

export const callEntity = <T>(world: World, id: EntityId<T> | readonly EntityId<T>[]): Calls<T> =>
  Array.isArray(id) ? callEntities(world, id) : (new EntityCaller({ world, id: id as string }) as unknown as Calls<T>)

/** Calls to each of several. */
export const callEntities = <T>(world: World, ids: readonly string[]): Calls<T> =>
  new EntitiesCaller({ world, ids }) as unknown as Calls<T>

export const askEntity = <T>(world: World, id: EntityId<T>, limitMs = ASK_LIMIT_MS): Asks<T> =>
  new EntityAsker({ world, id, limitMs }) as unknown as Asks<T>

/** Appends a `callEntity` frame. */
export function writeCall(world: World, id: string, method: string, args: unknown[]): void {
  writeFrame(world, id, messages.callEntity.code, method, args, () => {})
}

/** Appends an `askEntity` frame. */
export function writeAsk(world: World, id: string, no: number, method: string, args: unknown[]): void {
  writeFrame(world, id, messages.askEntity.code, method, args, (writer) => {
    writer.u16(world.gameId)
    writer.u32(no)
  })
}

function writeFrame(
  world: World,
  id: string,
  code: number,
  method: string,
  args: unknown[],
  header: (writer: PacketWriter) => void,
): void {
  let said: PacketWriter
  try {
    said = encodeArgs(args)
  } catch (error) {
    throw new TypeError(`call of ${method}(): ${messageOf(error)}`)
  }
  const link = world.cluster.toEntity(id)
  const { out } = link
  link.begin(code)
  out.id(id)
  header(out)
  out.varstr(method)
  out.raw(said.bytes, 0, said.at)
  link.end()
}

/** Arguments for an entity of the same game: as they would arrive over the wire, so that nothing is shared. */
export const localArgs = (args: unknown[]): unknown[] => (mayShare(args) ? args : (copyValue(args) as unknown[]))

/** Whether nobody can change what they are, so that all who are called may have the same. */
export function mayShare(args: unknown[]): boolean {
  for (const arg of args) {
    const type = typeof arg
    // Nor `undefined`: the wire makes null of it.
    if (type !== 'string' && type !== 'number' && type !== 'boolean' && arg !== null) return false
  }
  return true
}

// --- from others ---------------------------------------------------------------------------------------------------

/** Why a call was not run; counted by reason. */
export type Refusal =
  | 'unknown method'
  | 'not exposed to this client'
  | 'not an input'
  | 'wrong arguments'
  | 'unreadable'

/** Who calls: what may be called, and with what, goes by that. */
export type Caller = 'server' | 'ownClient' | 'anyClient' | 'input'

/** Hears how a method ended: `ok` with what it returned, else with what it threw. */
export type Outcome = (ok: boolean, value: unknown) => void

/** Runs the call in `bytes` (method, arguments) on `core`. Answers why not, or undefined. */
export function receiveCall(
  core: EntityCore,
  bytes: Uint8Array,
  start: number,
  end: number,
  caller: Caller,
  outcome?: Outcome,
): Refusal | undefined {
  let method: Method | undefined
  let args: unknown[]
  try {
    reader.reset(bytes, start, end)
    method = core.kind.method(reader.varstr())
    if (!method) return 'unknown method'
    args = readArgs(reader)
    reader.finish()
  } catch (error) {
    if (error instanceof WireError) return 'unreadable'
    throw error
  }
  if (caller !== 'server') {
    const checks = method[caller === 'input' ? 'ownClient' : caller]
    if (!checks) return 'not exposed to this client'
    if (caller === 'input' && method.inputRate === undefined) return 'not an input'
    if (args.length > checks.length) return 'wrong arguments'
    for (let at = 0; at < checks.length; at++) if (!checks[at]!(args[at])) return 'wrong arguments'
    if (method.inputRate !== undefined && !core.world.inputs.mayRun(core, method)) return undefined
  }
  core.world.runMethod(core, method, args, outcome)
  return undefined
}

/** The name of a timer's method. Throws for closures and private methods: neither survives a freeze. */
export function timerMethod(core: EntityCore, method: (...args: never[]) => unknown): string {
  const found = core.kind.method(method.name)
  const { entity } = core
  if (found && (entity[method.name as keyof Entity] as unknown) === method) return method.name
  throw new TypeError(
    `${core.kind.name}: a timer needs a public method of the class, not ${method.name ? `'${method.name}'` : 'a closure'}, because only a name survives a freeze`,
  )
}
