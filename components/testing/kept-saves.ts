// Listens to what games say is saved, to look at once and at the end whether it is.
import type { EntityCore } from '../../engine/entity/core.ts'
import { storedOf } from '../../engine/entity/schema.ts'
import { SpaceCore } from '../../engine/entity/space-core.ts'
import { isEarlier, Row } from '../../engine/storage/row.ts'
import { SPACE_KIND } from '../../engine/wire/client-wire.ts'
import type { Game } from '../game/game.ts'

export interface SavesWatcher {
  /** The newest save of each entity that was acknowledged, by type and id. */
  readonly keptSaves: Map<string, Row>
  saved(type: string, id: string): Promise<Row | undefined>
  fail(failure: string): void
}

export function watchSaves({ world: { saving } }: Game, watcher: SavesWatcher): void {
  const save = saving.save.bind(saving)
  saving.save = async (core: EntityCore) => {
    const saved = save(core)
    const version = core.saved
    if (!version || !core.kind.persistent) return saved
    // What no store takes has no row either: whoever saves it hears of that below.
    saved.catch(() => {})
    const data = storedOf(core)
    if (core instanceof SpaceCore) data[SPACE_KIND] = core.spaceKind
    const row = Row.of(data, { schema: core.kind.version, ...version })
    await saved
    const { name } = core.kind
    const key = `${name} ${core.id}`
    const before = watcher.keptSaves.get(key)
    if (!before || isEarlier(before, row)) watcher.keptSaves.set(key, row)
    const failure = saveFailure(name, core.id, row, await watcher.saved(name, core.id))
    if (failure !== undefined) watcher.fail(failure)
  }
}

/** What is wrong with what is stored, when `kept` was acknowledged. */
export function saveFailure(type: string, id: string, kept: Row, stored: Row | undefined): string | undefined {
  const wanted = `saves: save ${kept.epoch}/${kept.no} of ${type}<${id}> was acknowledged`
  if (!stored) return `${wanted}, and nothing of it is stored`
  if (isEarlier(stored, kept)) return `${wanted}, and stored is ${stored.epoch}/${stored.no}`
  const isOther = stored.epoch === kept.epoch && stored.no === kept.no && stored.text !== kept.text
  return isOther ? `${wanted} as ${kept.text}, and stored is ${stored.text}` : undefined
}
