// What the engine knows of an entity class, worked out once when a game is put together from its classes. Whatever is
// wrong with a class is found here, at start-up, and named.
import type { Check } from '../base/check.ts'
import { OperatorError } from '../base/errors.ts'
import { DEFAULT_STEP, STEP_MAX, stepOf } from '../wire/compact.ts'
import { Actor } from './actor.ts'
import { AttrLayout } from './attrs.ts'
import { type AllClientsCaller, type ClientCaller, clientCallers, type FilteredCaller } from './calls.ts'
import type { Contract, EntityClass } from './contract.ts'
import { Entity } from './entity.ts'
import { HISTORY_MAX_MS } from './hindsight.ts'
import type { Operation, Operations } from './operations.ts'
import { shownBy } from './retelling.ts'
import { checkSchema } from './schema.ts'
import { Service } from './service.ts'
import { hearsServices } from './services.ts'
import { Space } from './space.ts'

/** A method that others may call by its name. */
export interface Method {
  readonly name: string
  readonly run: (...args: unknown[]) => unknown
  readonly operation: Operation
  /** Checks of the arguments when the own client calls, or undefined when it may not. */
  readonly ownClient: readonly Check<unknown>[] | undefined
  /** The same for any other client. */
  readonly anyClient: readonly Check<unknown>[] | undefined
  /** Of an input: how many a second are run. */
  readonly inputRate: number | undefined
}

const TYPE_NAME_MAX = 64
const SHARDS_MAX = 1000
/** What a contract may say. */
const ANY_CONTRACT: readonly (keyof Contract)[] = ['attrs', 'persistent', 'kept', 'version', 'migrations', 'drops']
const SERVICE_CONTRACT: readonly (keyof Contract)[] = [...ANY_CONTRACT, 'shards']
const PLACED_CONTRACT: readonly (keyof Contract)[] = [...ANY_CONTRACT, 'ownClient', 'allClients', 'client', 'aoi']
const ENTITY_CONTRACT: readonly (keyof Contract)[] = [...PLACED_CONTRACT, 'inputs']
const SPACE_CONTRACT: readonly (keyof Contract)[] = [...PLACED_CONTRACT, 'positionStep', 'history']
const INPUT_RATE_MAX = 1000

export class Kind {
  readonly name: string
  readonly type: EntityClass
  readonly contract: Contract
  readonly layout: AttrLayout
  readonly #methods: ReadonlyMap<string, Method>
  /** How far it sees, or -1 for what has no part in AOI. */
  readonly aoiRadius: number
  /** Of a space: the step in which our own clients hear of places in it; see `compact.ts`. */
  readonly positionStep: number
  readonly persistent: boolean
  /** The version of what it saves. */
  readonly version: number
  /** What it shows to clients; see retelling.ts. */
  readonly shown: string
  readonly isSpace: boolean
  readonly isService: boolean
  /** Of a space: how long it remembers, 0: not at all. */
  readonly historyMs: number
  /** Whether the class wants to hear of what enters and leaves its AOI. */
  readonly hearsAoi: boolean
  /** Whether the class wants to hear of services that are placed. */
  readonly hearsServices: boolean
  /** Whether the class does anything when its entities are made. */
  readonly hearsInit: boolean
  /** Whether the class wants to hear of a freeze. */
  readonly hearsFrozen: boolean
  /** Whether the class wants to hear that it goes on. */
  readonly hearsRestored: boolean
  /** How many there are of a service. */
  readonly shards: number
  readonly #operations: Operations
  /** The one that was asked for last: what is said to many is asked for once for each. */
  #method: Method | undefined
  readonly #hooks = new Map<string, Operation>()
  #instanceChecked = false
  readonly callers: {
    readonly own: new (target: unknown) => ClientCaller
    readonly all: new (target: unknown) => AllClientsCaller
    readonly filtered: new (target: unknown) => FilteredCaller
  }

  constructor(type: EntityClass, operations: Operations) {
    this.#operations = operations
    this.name = type.name
    this.type = type
    this.contract = type.contract
    if (!this.name || this.name.length > TYPE_NAME_MAX || this.name.startsWith('__'))
      throw new OperatorError(`'${this.name}' is no name for an entity class`)
    if (!(type.prototype instanceof Actor))
      throw new OperatorError(`${this.name} is not made by entity(), space() or service()`)
    this.isSpace = type.prototype instanceof Space
    this.isService = type.prototype instanceof Service
    const allowed = this.isService ? SERVICE_CONTRACT : this.isSpace ? SPACE_CONTRACT : ENTITY_CONTRACT
    checkContract(this.name, this.contract, allowed)
    this.layout = new AttrLayout(this.name, this.contract.attrs ?? {})
    this.version = checkSchema(this.name, this.contract, this.isSpace)
    this.shown = shownBy(this.layout, this.version)
    this.persistent = this.contract.persistent ?? this.layout.hasPersistent
    this.aoiRadius = checkRadius(this.name, this.contract.aoi)
    this.positionStep = checkStep(this.name, this.contract.positionStep)
    this.historyMs = checkUpTo(this.name, 'history', this.contract.history, HISTORY_MAX_MS) ?? 0
    checkInputs(this.name, this.contract)
    this.#methods = methodsOf(this.name, type, operations)
    this.hearsAoi = hearsAoi(type.prototype)
    this.hearsInit = type.prototype.onInit !== Actor.prototype.onInit
    this.hearsFrozen = type.prototype.onFrozen !== Actor.prototype.onFrozen
    this.hearsRestored = type.prototype.onRestored !== Actor.prototype.onRestored
    this.hearsServices = hearsServices(type.prototype)
    this.shards = checkShards(this.name, this.contract.shards)
    checkKept(this.name, type.prototype, this.contract)
    this.callers = clientCallers(Object.keys(this.contract.client ?? {}))
  }

  /** Throws for a kept field that the class does not have: it would be lost without a word. */
  checkInstance(entity: object): void {
    if (this.#instanceChecked) return
    for (const name of this.contract.kept ?? [])
      if (!(name in entity)) throw new TypeError(`${this.name}: kept: there is no field ${name}; give it a first value`)
    this.#instanceChecked = true
  }

  /** The method that others may call by this name, if there is one. */
  method(name: string): Method | undefined {
    if (this.#method?.name !== name) this.#method = this.#methods.get(name)
    return this.#method
  }

  /** The account of what a hook costs. */
  hook(name: string): Operation {
    let operation = this.#hooks.get(name)
    if (!operation) {
      operation = this.#operations.of(this.name, name)
      this.#hooks.set(name, operation)
    }
    return operation
  }
}

function hearsAoi(prototype: unknown): boolean {
  if (!(prototype instanceof Entity)) return false
  const own = Entity.prototype
  return prototype.onEnteredAoi !== own.onEnteredAoi || prototype.onLeftAoi !== own.onLeftAoi
}

/** Every class of a game by its name. */
export function kindsOf(types: readonly EntityClass[], operations: Operations): Map<string, Kind> {
  const kinds = new Map<string, Kind>()
  for (const type of types) {
    const kind = new Kind(type, operations)
    if (kinds.has(kind.name)) throw new OperatorError(`two entity classes are called ${kind.name}`)
    kinds.set(kind.name, kind)
  }
  return kinds
}

function checkRadius(typeName: string, radius: number | undefined): number {
  if (radius === undefined) return -1
  if (!Number.isFinite(radius) || radius < 0)
    throw new OperatorError(`${typeName}: aoi = ${radius}; a distance of 0 or more is wanted`)
  return radius
}

function checkStep(typeName: string, length: number | undefined): number {
  if (length === undefined) return DEFAULT_STEP
  const step = stepOf(length)
  if (Math.abs(step) <= STEP_MAX) return step
  throw new OperatorError(
    `${typeName}: positionStep = ${length}; a length from 2^-${STEP_MAX} to 2^${STEP_MAX} is wanted`,
  )
}

function checkUpTo(typeName: string, key: string, number: number | undefined, max: number): number | undefined {
  if (number === undefined || (number > 0 && number <= max)) return number
  throw new OperatorError(`${typeName}: ${key} = ${number}; a number above 0, up to ${max} is wanted`)
}

function checkInputs(typeName: string, { inputs = {}, ownClient = {}, allClients = {} }: Contract): void {
  for (const [name, rate] of Object.entries(inputs)) {
    checkUpTo(typeName, `inputs: ${name}`, rate, INPUT_RATE_MAX)
    if (Object.hasOwn(ownClient, name) && !Object.hasOwn(allClients, name)) continue
    throw new OperatorError(`${typeName}: inputs: ${name} has to be in ownClient, and in nothing else`)
  }
}

function checkContract(typeName: string, contract: object, allowed: readonly string[]): void {
  for (const key of Object.keys(contract))
    if (!allowed.includes(key))
      throw new OperatorError(`${typeName}: its contract has '${key}'; it may have ${allowed.join(', ')}`)
}

function checkShards(typeName: string, shards = 1): number {
  if (Number.isInteger(shards) && shards >= 1 && shards <= SHARDS_MAX) return shards
  throw new OperatorError(`${typeName}: shards = ${shards}; a number from 1 to ${SHARDS_MAX} is wanted`)
}

function checkKept(typeName: string, prototype: object, { kept = [] }: Contract): void {
  for (const name of kept) {
    if (name.startsWith('#')) throw new OperatorError(`${typeName}: kept: ${name} is private: nobody else can read it`)
    if (name in engineBase(prototype)) throw new OperatorError(`${typeName}: kept: ${name} belongs to the engine`)
    if (isReadOnly(prototype, name)) throw new OperatorError(`${typeName}: kept: ${name} cannot be set`)
  }
}

/** Whether the class has a getter of this name and no setter, or a method. */
function isReadOnly(prototype: object, name: string): boolean {
  for (let at = prototype; at; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, name)
    if (found) return found.set === undefined
  }
  return false
}

/** The class of the engine that an author's class extends. */
const engineBase = (prototype: object): object =>
  prototype instanceof Space
    ? Space.prototype
    : prototype instanceof Entity
      ? Entity.prototype
      : prototype instanceof Service
        ? Service.prototype
        : Actor.prototype

/** The class's own methods: neither what the engine has, nor hooks, nor what is marked private by an underscore. */
function methodsOf(typeName: string, type: EntityClass, operations: Operations): Map<string, Method> {
  const methods = new Map<string, Method>()
  const { ownClient = {}, allClients = {}, inputs = {} } = type.contract as Contract
  for (let at = type.prototype; at && !isEngine(at); at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (name === 'constructor' || name.startsWith('_') || name in engineBase(type.prototype) || methods.has(name))
        continue
      const { value: run } = Object.getOwnPropertyDescriptor(at, name)!
      if (typeof run !== 'function') continue
      const anyClient = Object.hasOwn(allClients, name) ? allClients[name] : undefined
      methods.set(name, {
        name,
        run,
        operation: operations.of(typeName, name),
        anyClient,
        ownClient: Object.hasOwn(ownClient, name) ? ownClient[name] : anyClient,
        inputRate: Object.hasOwn(inputs, name) ? inputs[name] : undefined,
      })
    }
  }
  for (const name of [...Object.keys(ownClient), ...Object.keys(allClients)]) {
    if (methods.has(name)) continue
    throw new OperatorError(
      name in engineBase(type.prototype)
        ? `${typeName} may not let clients call ${name}(): it belongs to the engine`
        : `${typeName} lets clients call ${name}(), but has no such method`,
    )
  }
  return methods
}

const isEngine = (prototype: object) =>
  prototype === Actor.prototype ||
  prototype === Entity.prototype ||
  prototype === Space.prototype ||
  prototype === Service.prototype
