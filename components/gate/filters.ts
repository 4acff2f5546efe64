// Filter properties of clients, and who matches: a key's clients stand by their value, so that a comparison is made once
// for each value, and equality is one look.
import type { FilterOperator } from '../../engine/wire/client-wire.ts'
import type { GateClient } from './client.ts'

export class Filters {
  readonly #keys = new Map<string, Map<string, Set<GateClient>>>()

  set(client: GateClient, key: string, value: string): void {
    this.#remove(client, key)
    client.filters.set(key, value)
    let values = this.#keys.get(key)
    if (!values) {
      values = new Map()
      this.#keys.set(key, values)
    }
    const clients = values.get(value)
    if (clients) clients.add(client)
    else values.set(value, new Set([client]))
  }

  clear(client: GateClient): void {
    for (const key of [...client.filters.keys()]) this.#remove(client, key)
  }

  /** Calls `visit` with every client whose property compares so. A client without the property matches nothing. */
  forEachMatch(key: string, operator: FilterOperator, value: string, visit: (client: GateClient) => void): void {
    const values = this.#keys.get(key)
    if (!values) return
    for (const [held, clients] of values)
      if (compares(held, operator, value)) for (const client of clients) visit(client)
  }

  #remove(client: GateClient, key: string): void {
    const value = client.filters.get(key)
    if (value === undefined) return
    client.filters.delete(key)
    const values = this.#keys.get(key)!
    const clients = values.get(value)!
    clients.delete(client)
    if (clients.size === 0) values.delete(value)
    if (values.size === 0) this.#keys.delete(key)
  }
}

/** As numbers when both are, else as text. */
export function compares(left: string, operator: FilterOperator, right: string): boolean {
  const numeric = isNumber(left) && isNumber(right)
  const a = numeric ? Number(left) : left
  const b = numeric ? Number(right) : right
  switch (operator) {
    case '=':
      return a === b
    case '!=':
      return a !== b
    case '>':
      return a > b
    case '<':
      return a < b
    case '>=':
      return a >= b
    case '<=':
      return a <= b
  }
}

const isNumber = (text: string) => text.trim() !== '' && Number.isFinite(Number(text))
