// What an entity is made of, as a list: each part saves itself to plain data and comes back from it. Freeze and migration
// both go by this list, so neither can forget one. A new feature that an entity has is one more line here.
import { deserialize, serialize } from 'node:v8'
import type { Data } from '../wire/codec.ts'
import { Attrs } from './attrs.ts'
import type { SavedAwaited } from './awaiting.ts'
import { type EntityCore, core as inside, type Released } from './core.ts'
import { freshInputs } from './inputs.ts'
import { packLeftovers, persistentOf } from './schema.ts'
import type { SavedTimer } from './timers.ts'

/** How long ago it was saved, and whatever else a part must know. */
export interface Restoring {
  readonly elapsedMs: number
}

/** Takes in what stands for the state of an entity, value for value. */
export interface StampSink {
  add(value: unknown): void
}

interface Part {
  /** Plain data, or undefined for nothing to save. Changes nothing. */
  save(core: EntityCore): unknown
  /** What it adds to the stamp differs (by Object.is) whenever what `save` answers may. Much cheaper than that. */
  stamp(core: EntityCore, stamp: StampSink): void
  restore(core: EntityCore, saved: never, restoring: Restoring): void
}

const PARTS: Readonly<Record<string, Part>> = {
  // An entity is made with the first three: see `openSaved`.
  /** The persistent ones. */
  attrs: {
    save: ({ attrs, kind }) => persistentOf(kind, attrs),
    stamp: ({ attrs }, stamp) => stamp.add(Attrs.writes(attrs)),
    restore: () => {},
  },
  transient: {
    save: ({ attrs, kind: { layout } }) =>
      layout.persistent.includes(false) ? Attrs.plain(attrs, (index) => !layout.persistent[index]) : undefined,
    // Counted with the others.
    stamp: () => {},
    restore: () => {},
  },
  leftovers: {
    save: packLeftovers,
    stamp: ({ leftovers }, stamp) => stamp.add(leftovers),
    restore: () => {},
  },
  /** The plain fields that its contract names. */
  kept: {
    save: ({ kind, entity }) => {
      const { kept } = kind.contract
      if (!kept || kept.length === 0) return undefined
      const fields = entity as unknown as Record<string, unknown>
      return pack(Object.fromEntries(kept.map((name) => [name, fields[name]])))
    },
    stamp: ({ kind, entity }, stamp) => {
      const fields = entity as unknown as Record<string, unknown>
      for (const name of kind.contract.kept ?? []) {
        const value = fields[name]
        stamp.add(value === undefined || isSimple(value) ? value : unlike())
      }
    },
    restore: ({ kind, entity, world }, saved: Packed) => {
      const fields = unpack(saved) as Record<string, unknown>
      const { kept = [], drops = [], attrs = {} } = kind.contract
      for (const name of kept)
        if (Object.hasOwn(fields, name)) (entity as unknown as Record<string, unknown>)[name] = fields[name]
      for (const name of Object.keys(fields)) {
        if (kept.includes(name) || drops.includes(name) || fields[name] === undefined) continue
        // What is an attribute cannot be dropped by its name.
        const remedy = Object.hasOwn(attrs, name) ? '' : 'keep it as long as it is needed, or name it in `drops`'
        world.dropped(`${kind.name}.${name} was kept, but is not in \`kept\` any more`, remedy)
      }
    },
  },
  place: {
    save: ({ x, y, z, yaw, aoiRadius }) => [x, y, z, yaw, aoiRadius],
    stamp: ({ x, y, z, yaw, aoiRadius }, stamp) => {
      stamp.add(x)
      stamp.add(y)
      stamp.add(z)
      stamp.add(yaw)
      stamp.add(aoiRadius)
    },
    restore: (core, [x, y, z, yaw, aoiRadius]: [number, number, number, number, number]) => {
      core.x = x
      core.y = y
      core.z = z
      core.yaw = yaw
      // A class that has no part in AOI any more has none, one that has it now begins with its own.
      if (core.aoiRadius >= 0 && aoiRadius >= 0) core.aoiRadius = aoiRadius
    },
  },
  /** So that no late offer is taken twice. */
  released: {
    save: ({ released }) => released?.flatMap(({ gateId, clientId, handed }) => [gateId, clientId, handed]),
    stamp: ({ released }, stamp) => stamp.add(released),
    restore: (core, saved: readonly (number | string)[]) => {
      const released: Released[] = []
      for (let at = 0; at < saved.length; at += 3) {
        const [gateId, clientId, handed] = saved.slice(at) as [number, string, number]
        released.push({ gateId, clientId, handed })
      }
      core.released = released
    },
  },
  filters: {
    save: ({ filters }) => filters && [...filters].flat(),
    stamp: ({ filters }, stamp) => stamp.add(filters && JSON.stringify([...filters])),
    restore: (core, saved: readonly string[]) => {
      core.filters = new Map()
      for (let at = 0; at < saved.length; at += 2) core.filters.set(saved[at]!, saved[at + 1]!)
    },
  },
  /** Its client has lost its connection, and may come again: by its gate, or by another. */
  clientLost: {
    save: ({ client, clientLost }) => (client && clientLost) || undefined,
    stamp: ({ clientLost }, stamp) => stamp.add(clientLost),
    restore: (core) => {
      core.clientLost = true
    },
  },
  awaited: {
    save: ({ awaited, world }) => awaited && world.returns.save(awaited),
    stamp: ({ awaited }, stamp) => stamp.add(awaited && unlike()),
    restore: (core, saved: SavedAwaited) => core.world.returns.restore(core, saved),
  },
  syncing: {
    save: ({ clientSyncing }) => clientSyncing || undefined,
    stamp: ({ clientSyncing }, stamp) => stamp.add(clientSyncing),
    restore: (core) => {
      core.clientSyncing = true
    },
  },
  /** Its client may not have heard yet where the game has put it. */
  crossed: {
    save: ({ crossedUntilMs }) => crossedUntilMs > 0 || undefined,
    stamp: ({ crossedUntilMs }, stamp) => stamp.add(crossedUntilMs),
    restore: (core) => core.world.movement.disbelieve(core),
  },
  /** Which inputs have been run: they are not run again. */
  inputs: {
    save: ({ inputs }) => inputs && [inputs.clientId, inputs.no, inputs.seenMs],
    stamp: ({ inputs }, stamp) => {
      stamp.add(inputs?.clientId)
      stamp.add(inputs?.no)
      stamp.add(inputs?.seenMs)
    },
    restore: (core, [clientId, no, seenMs]: [string, number, number]) => {
      core.inputs = freshInputs(clientId, no, seenMs)
    },
  },
  timers: {
    save: (core) => {
      if (core.lastTimer === 0) return undefined
      const timers = core.world.timers.saved(core)
      return { last: core.lastTimer, timers: timers.map((timer) => ({ ...timer, args: pack(timer.args) })) }
    },
    stamp: ({ lastTimer, timers }, stamp) => {
      stamp.add(lastTimer)
      for (const { timer, at, cron, cronMs, args } of timers ?? []) {
        stamp.add(timer)
        stamp.add(cron ? cronMs : at)
        stamp.add(args.every(isSimple) || unlike())
      }
    },
    restore: (
      core,
      saved: { last: number; timers: (Omit<SavedTimer, 'args'> & { args: Packed })[] },
      { elapsedMs },
    ) => {
      core.lastTimer = saved.last
      const { world, kind } = core
      for (const timer of saved.timers) {
        const { method } = timer
        if (kind.method(method)) world.timers.restore(core, timer, unpack(timer.args) as unknown[], elapsedMs)
        else if (!kind.contract.drops?.includes(method))
          world.dropped(
            `a timer of ${kind.name}.${method}() was saved, but there is no such method any more`,
            'keep the method, or name it in `drops`',
          )
      }
    },
  },
  /** Whether calls to it go by its dispatcher, behind those that wait there. */
  detoured: {
    save: ({ detoured }) => (detoured >= 0 ? detoured : undefined),
    stamp: ({ detoured }, stamp) => stamp.add(detoured),
    restore: (core, saved: number) => core.world.migration.goOnCatchingUp(core, saved),
  },
  saved: {
    save: ({ saved }) => saved && [saved.epoch, saved.no],
    stamp: ({ saved }, stamp) => {
      stamp.add(saved?.epoch)
      stamp.add(saved?.no)
    },
    restore: (core, [epoch, no]: [number, number]) => {
      core.saved = { epoch, no }
    },
  },
  unsaved: {
    save: ({ unsaved }) => unsaved || undefined,
    stamp: ({ unsaved }, stamp) => stamp.add(unsaved),
    restore: (core) => core.attrsUnsaved(),
  },
}

const PART_LIST = Object.entries(PARTS)
const PART_VALUES = Object.values(PARTS)

/** Of what may have changed within: like nothing else, nor like itself the next time. */
const unlike = (): object => ({})

/** Plain as it is, or the bytes of a structured clone: Map, Set, Date and the like, which MessagePack cannot say. */
type Packed = { readonly plain: unknown } | { readonly cloned: Uint8Array }

function pack(values: object): Packed {
  // Nearly always so, and many times cheaper.
  if (Object.values(values).every(isSimple)) return { plain: values }
  for (const [name, one] of Object.entries(values)) checkCloneable(name, one, new Set())
  return { cloned: serialize(values) }
}

/** Throws for what structured clone would turn into something else without a word: entities, and instances of classes. */
function checkCloneable(name: string, value: unknown, seen: Set<object>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  if (inside in value) throw new TypeError(`${name} is an entity: keep its id`)
  if (value instanceof Map || value instanceof Set || Array.isArray(value)) {
    for (const one of value) checkCloneable(name, one, seen)
    return
  }
  if (value instanceof Date || value instanceof RegExp || ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError(
      `${name} has an instance of ${prototype.constructor?.name}, which would come back without its methods`,
    )
  for (const one of Object.values(value)) checkCloneable(name, one, seen)
}

const unpack = (packed: Packed): unknown => ('plain' in packed ? packed.plain : deserialize(packed.cloned))

/** Whole numbers beyond those that are exact would come back as BigInts. */
const isSimple = (value: unknown): boolean =>
  typeof value === 'number'
    ? Number.isSafeInteger(value) || !Number.isInteger(value)
    : value === null || typeof value === 'string' || typeof value === 'boolean'

export type SavedParts = Readonly<Record<string, Data>>

/** Throws for what cannot be saved, and names the part. */
export function saveParts(core: EntityCore): SavedParts {
  const saved: Record<string, Data> = {}
  for (const [name, part] of PART_LIST) {
    try {
      const data = part.save(core)
      if (data !== undefined) saved[name] = data as Data
    } catch (error) {
      throw new Error(`${core}: its ${name} cannot be saved: ${(error as Error).message}`, { cause: error })
    }
  }
  return saved
}

/** What stands for all that is saved of it: see `Part.stamp`. */
export function stampParts(core: EntityCore, stamp: StampSink): void {
  for (const part of PART_VALUES) part.stamp(core, stamp)
}

export function restoreParts(core: EntityCore, saved: SavedParts, restoring: Restoring): void {
  // What is not saved is not there, though `onInit` has set it once more.
  core.world.timers.cancelAll(core)
  core.filters = undefined
  core.clientSyncing = false
  for (const name of Object.keys(saved)) {
    const part = PARTS[name]
    if (!part) throw new Error(`${core} was saved with a part '${name}' that this version does not know`)
    try {
      part.restore(core, saved[name] as never, restoring)
    } catch (error) {
      throw new Error(`${core}: its ${name} cannot be restored: ${(error as Error).message}`, { cause: error })
    }
  }
}
