// The hooks that an author gave for each class of entity, and who among them hears what.
import { isThenable } from '../base/thenable.ts'
import { type Path, placeIn } from './attr-tree.ts'
import type { CallArguments } from './call-arguments.ts'
import { ProtocolError } from './errors.ts'
import type { MirrorEntity } from './mirror.ts'

/** What one `on(type, …)` gave: a function a method, and under `changed` one an attribute. */
export type HookTable = Readonly<Record<string, unknown>>
type Hook = (this: MirrorEntity, ...args: unknown[]) => unknown

/** Names in a table that no call from the server reaches. */
const RESERVED = ['created', 'destroyed', 'changed']

export class HookTables {
  readonly #byType = new Map<string, HookTable[]>()
  readonly #onRejected: (where: string, error: unknown) => void
  #running: MirrorEntity | undefined
  #runningName = ''

  /** `onRejected` hears of asynchronous hooks that fail; what a hook throws at once is the caller's. */
  constructor(onRejected: (where: string, error: unknown) => void) {
    this.#onRejected = onRejected
  }

  /** The hook that ran last, as a log names it. */
  get running(): string {
    return nameOf(this.#running, this.#runningName)
  }

  add(type: string, table: HookTable): void {
    const tables = this.#byType.get(type)
    if (tables) tables.push(table)
    else this.#byType.set(type, [table])
  }

  /** Notes who is about to run, for the log should it throw. */
  enter(mirror: MirrorEntity | undefined, name: string): void {
    this.#running = mirror
    this.#runningName = name
  }

  lifecycle(mirror: MirrorEntity, name: 'created' | 'destroyed'): void {
    const tables = this.#byType.get(mirror.type)
    if (!tables) return
    for (const table of tables) {
      const hook = table[name]
      if (isHook(hook)) this.#heed(hook.call(mirror), mirror, name)
    }
  }

  /** `path` and `last` as `placeIn` takes them. */
  changed(mirror: MirrorEntity, attr: string, path: Path, last: string | number | undefined): void {
    const tables = this.#byType.get(mirror.type)
    if (!tables) return
    let place: Path | undefined
    for (const { changed } of tables) {
      if (typeof changed !== 'object' || changed === null || !Object.hasOwn(changed, attr)) continue
      const hook = (changed as HookTable)[attr]
      if (!isHook(hook)) continue
      place ??= placeIn(path, last)
      this.#heed(hook.call(mirror, mirror.attrs[attr], place), mirror, attr)
    }
  }

  /** A call from the server. Answers whether anybody heard it. */
  call(mirror: MirrorEntity, method: string, args: CallArguments): boolean {
    const tables = this.#byType.get(mirror.type)
    if (!tables) return false
    if (RESERVED.includes(method)) throw new ProtocolError('reserved method', `${mirror} cannot hear ${method}()`)
    let values: unknown[] | undefined
    for (const table of tables) {
      const hook = table[method]
      if (!isHook(hook)) continue
      values ??= args.values()
      this.#heed(hook.apply(mirror, values), mirror, method)
    }
    return values !== undefined
  }

  /** Waits for an asynchronous hook to fail: by then others have run, so it is named now. */
  #heed(result: unknown, mirror: MirrorEntity, name: string): void {
    if (isThenable(result)) result.then(undefined, (error) => this.#onRejected(nameOf(mirror, name), error))
  }
}

const nameOf = (mirror: MirrorEntity | undefined, name: string) => `${mirror ?? 'client'}.${name}`

const isHook = (value: unknown): value is Hook => typeof value === 'function'
