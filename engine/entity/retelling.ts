// What clients were told of an entity before a freeze, and newer code has otherwise: attributes that are new, that a migration
// has made another, that are gone, or that others may know of now. They are told of these when time goes on, and of nothing else.
import { clientMessages } from '../wire/client-wire.ts'
import { type Data, writeData } from '../wire/codec.ts'
import { AUDIENCE_ALL, AUDIENCE_OWN } from '../wire/messages.ts'
import { PacketWriter } from '../wire/packet.ts'
import { sameData } from '../wire/same-data.ts'
import { type AttrChange, Attrs } from './attrs.ts'
import type { EntityCore } from './core.ts'
import type { Kind } from './kind.ts'
import type { SavedEntity } from './saved-entity.ts'
import type { World } from './world.ts'

/** Who is told of an attribute, by its name: AUDIENCE_OWN or AUDIENCE_ALL. What nobody is told of is not in it. */
type Audiences = Readonly<Record<string, number>>
/** The same of every class. */
export type AllAudiences = Readonly<Record<string, Audiences>>

/** An attribute, and who was told of it: nobody when it is undefined. */
interface Difference {
  readonly name: string
  readonly before: number | undefined
}

const writer = new PacketWriter(1024)

export class Retelling {
  readonly #world: World
  /** Of those that froze the game; undefined when they do not say so. */
  #before: AllAudiences | undefined
  readonly #now: AllAudiences
  readonly #differences = new Map<EntityCore, readonly Difference[]>()

  constructor(world: World) {
    this.#world = world
    this.#now = audiencesOf(world)
  }

  /** Who was told of what. */
  read(before: AllAudiences | undefined): void {
    this.#before = before
  }

  /** It is made again of what was saved, which is what its clients know. */
  add(core: EntityCore, { type, parts }: SavedEntity): void {
    const now = this.#now[core.kind.name]
    const before = this.#before ? this.#before[type] : now
    if (!before || !now) return
    const { attrs = {}, transient = {} } = parts as Readonly<Record<string, Readonly<Record<string, Data>> | undefined>>
    const seen = Attrs.plain(core.attrs, (index) => core.kind.layout.audience[index]! >= 0) as Record<string, Data>
    const differences: Difference[] = []
    const compare = (name: string) => {
      const known = name in attrs ? attrs[name] : transient[name]
      const heard = known === undefined ? undefined : before[name]
      const hears = seen[name] === undefined ? undefined : now[name]
      if (heard !== hears || (hears !== undefined && !sameData(known, seen[name])))
        differences.push({ name, before: heard })
    }
    for (const name in now) compare(name)
    for (const name in before) if (now[name] === undefined) compare(name)
    if (differences.length > 0) this.#differences.set(core, differences)
  }

  /** Time goes on, and nothing has been written yet. */
  tell(): void {
    for (const [core, differences] of this.#differences) {
      // It was made once more since.
      if (core.gone || !core.isSeen) continue
      const now = this.#now[core.kind.name]!
      const seen = Attrs.plain(core.attrs, (index) => core.kind.layout.audience[index]! >= 0)
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
    const change: AttrChange = { audience, type, body: writer.copy() }
    this.#world.views.changeAttr(core, change)
  }
}

export function audiencesOf({ kinds }: World): AllAudiences {
  return Object.fromEntries([...kinds.values()].map((kind) => [kind.name, audiencesIn(kind)]))
}

function audiencesIn({ layout: { names, audience } }: Kind): Audiences {
  return Object.fromEntries(names.flatMap((name, at) => (audience[at]! >= 0 ? [[name, audience[at]!]] : [])))
}
