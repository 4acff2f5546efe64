// Who is in a space, in the order in which they came, and how many of each class: authors ask for that whenever somebody leaves.
import type { Entity } from './entity.ts'

export class Members extends Set<Entity> {
  /** By the name of the class. */
  readonly #counts = new Map<string, number>()

  /** How many of the class of that name are there. */
  count(typeName: string): number {
    return this.#counts.get(typeName) ?? 0
  }

  override add(entity: Entity): this {
    if (!this.has(entity)) this.#count(entity, 1)
    return super.add(entity)
  }

  override delete(entity: Entity): boolean {
    const wasThere = super.delete(entity)
    if (wasThere) this.#count(entity, -1)
    return wasThere
  }

  #count({ constructor: { name } }: Entity, by: 1 | -1): void {
    this.#counts.set(name, this.count(name) + by)
  }
}
