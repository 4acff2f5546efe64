// What clients were told of an entity before a freeze, or by another game, and the code here has otherwise: attributes that are
// new, that a migration has made another, that are gone, or that others may know of now. They are told of these before anybody
// changes them, and of nothing else.
import { clientMessages } from '../wire/client-wire.ts'
import { type Data, writeData } from '../wire/codec.ts'
import { AUDIENCE_ALL, AUDIENCE_OWN } from '../wire/messages.ts'
import { PacketWriter } from '../wire/packet.ts'
import { sameData } from '../wire/same-data.ts'
import { type AttrLayout, Attrs } from './attrs.ts'
import type { AttrSpec } from './contract.ts'
import type { EntityCore } from './core.ts'
import type { SavedEntity } from './saved-entity.ts'
import { formOf } from './schema.ts'
import type { World } from './world.ts'

/** What each class shows to clients, as `shownBy` says it. */
export type AllShown = Readonly<Record<string, string>>

/** By the name of an attribute, AUDIENCE_OWN or AUDIENCE_ALL. What nobody is told of is not in it. */
type Audiences = Readonly<Record<string, number>>

/** An attribute, and who was told of it: nobody when it is undefined. */
interface Difference {
  readonly name: string
  readonly before: number | undefined
}

interface Shown {
  readonly version: number
  readonly audiences: Audiences
  /** By name: what is held in it. */
  readonly shapes: Readonly<Record<string, unknown>>
}

/** What a class shows to clients, as text: where it is the same, all that was saved is seen as it was. */
export function shownBy({ names, specs, audience }: AttrLayout, version: number): string {
  const audiences: Record<string, number> = {}
  const shapes: Record<string, unknown> = {}
  for (const [at, name] of names.entries()) {
    if (audience[at]! < 0) continue
    audiences[name] = audience[at]!
    shapes[name] = shapeOf(specs[at]!)
  }
  return JSON.stringify({ version, audiences, shapes } satisfies Shown)
}

function shapeOf({ kind, initial, element, fields = {} }: AttrSpec): unknown {
  const within = typeof element === 'object' ? shapeOf(element) : null
  return [kind, formOf(initial), within, Object.entries(fields).map(([name, field]) => [name, shapeOf(field)])]
}

export const allShown = ({ kinds }: World): AllShown =>
  Object.fromEntries([...kinds.values()].map(({ name, shown }) => [name, shown]))

const writer = new PacketWriter(1024)

export class Retelling {
  readonly #world: World
  /** Of the code that has told clients; undefined when it does not say so, and is taken to have shown the same attributes. */
  #before: AllShown | undefined
  readonly #audiences = new Map<string, Audiences>()
  readonly #differences = new Map<EntityCore, readonly Difference[]>()

  constructor(world: World, before?: AllShown) {
    this.#world = world
    this.#before = before
  }

  /** What was shown. */
  read(before: AllShown | undefined): void {
    this.#before = before
  }

  /** It is made again of what was saved, which is what its clients know. */
  add(core: EntityCore, { type, parts }: SavedEntity): void {
    const { shown, layout } = core.kind
    const shownBefore = this.#before ? this.#before[type] : shown
    if (shownBefore === undefined || (this.#before && shownBefore === shown)) return
    const before = this.#audiencesIn(shownBefore)
    const now = this.#audiencesIn(shown)
    const { attrs = {}, transient = {} } = parts as Readonly<Record<string, Readonly<Record<string, Data>> | undefined>>
    const seen = Attrs.plain(core.attrs, (index) => layout.audience[index]! >= 0) as Record<string, Data>
    const differences: Difference[] = []
    for (const name of new Set([...Object.keys(now), ...Object.keys(before)])) {
      const known = name in attrs ? attrs[name] : transient[name]
      const heard = known === undefined ? undefined : before[name]
      const hears = seen[name] === undefined ? undefined : now[name]
      if (heard !== hears || (hears !== undefined && !sameData(known, seen[name])))
        differences.push({ name, before: heard })
    }
    if (differences.length > 0) this.#differences.set(core, differences)
  }

  #audiencesIn(shown: string): Audiences {
    const audiences = this.#audiences.get(shown) ?? (JSON.parse(shown) as Shown).audiences
    this.#audiences.set(shown, audiences)
    return audiences
  }

  /** Nothing has been written yet. */
  tell(): void {
    for (const [core, differences] of this.#differences) {
      // It was made once more since.
      if (core.gone || !core.isSeen) continue
      const { shown, layout } = core.kind
      const now = this.#audiencesIn(shown)
      const seen = Attrs.plain(core.attrs, (index) => layout.audience[index]! >= 0)
      for (const { name, before } of differences) {
        const audience = seen[name] === undefined ? undefined : now[name]!
        const isTakenBack = audience === undefined || (before === AUDIENCE_ALL && audience === AUDIENCE_OWN)
        if (before !== undefined && isTakenBack) this.#say(core, before, name)
        if (audience !== undefined) this.#say(core, audience, name, seen[name])
      }
    }
    this.#differences.clear()
  }

  /** Without a value, that it is gone. */
  #say(core: EntityCore, audience: number, name: string, value?: unknown): void {
    writer.at = 0
    writer.id(core.id)
    // The path of what is not within another attribute.
    writeData(writer, null)
    writer.varstr(name)
    if (value !== undefined) writeData(writer, value)
    const { code: type } = value === undefined ? clientMessages.mapDelete : clientMessages.mapSet
    this.#world.views.changeAttr(core, { audience, type, body: writer.copy() })
  }
}
