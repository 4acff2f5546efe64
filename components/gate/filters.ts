// Filter properties of clients: keys and values that games give to them, by which a call reaches some of the clients.
//
//     key ─> value ─> clients          `=` looks the value up; the other operators compare with each value there is
//
// As in GoWorld a client without the key matches nothing, not even `!=`, and an empty key means every client. Values
// are compared as numbers when both sides are, else as texts.

/** A decimal number as people write it; anything else is text. */
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i

interface Value {
  readonly text: string
  readonly number: number | undefined
  readonly clients: Set<number>
}

class Values {
  readonly byText = new Map<string, Value>()
  readonly byNumber = new Map<number, Set<Value>>()

  add(client: number, text: string): void {
    let value = this.byText.get(text)
    if (!value) {
      value = { text, number: numberIn(text), clients: new Set() }
      this.byText.set(text, value)
      if (value.number !== undefined) this.#alike(value.number).add(value)
    }
    value.clients.add(client)
  }

  remove(client: number, text: string): void {
    const value = this.byText.get(text)
    if (!value) return
    value.clients.delete(client)
    if (value.clients.size > 0) return
    this.byText.delete(text)
    if (value.number === undefined) return
    const alike = this.#alike(value.number)
    alike.delete(value)
    if (alike.size === 0) this.byNumber.delete(value.number)
  }

  /** Texts that say the same number. */
  #alike(number: number): Set<Value> {
    let alike = this.byNumber.get(number)
    if (!alike) {
      alike = new Set()
      this.byNumber.set(number, alike)
    }
    return alike
  }
}

export class Filters {
  readonly #keys = new Map<string, Values>()
  /** By client: its properties. */
  readonly #clients = new Map<number, Map<string, string>>()

  set(client: number, key: string, value: string): void {
    let properties = this.#clients.get(client)
    if (!properties) {
      properties = new Map()
      this.#clients.set(client, properties)
    }
    const before = properties.get(key)
    if (before === value) return
    if (before !== undefined) this.#remove(client, key, before)
    properties.set(key, value)
    let values = this.#keys.get(key)
    if (!values) {
      values = new Values()
      this.#keys.set(key, values)
    }
    values.add(client, value)
  }

  /** Takes all of a client's properties away. */
  clear(client: number): void {
    const properties = this.#clients.get(client)
    if (!properties) return
    this.#clients.delete(client)
    for (const [key, value] of properties) this.#remove(client, key, value)
  }

  /**
   * Calls `visit` for each client whose property `key` compares to `operand`. `operator`: its index in
   * `FILTER_OPERATORS`; one that is unknown matches nothing. An empty key is for the caller, who knows every client.
   */
  forEach(operator: number, key: string, operand: string, visit: (client: number) => void): void {
    const values = this.#keys.get(key)
    if (!values) return
    const number = numberIn(operand)
    if (operator === 0) {
      if (number === undefined) return values.byText.get(operand)?.clients.forEach(visit)
      return values.byNumber.get(number)?.forEach((value) => value.clients.forEach(visit))
    }
    for (const value of values.byText.values()) {
      if (holds(operator, compare(value, operand, number))) value.clients.forEach(visit)
    }
  }

  #remove(client: number, key: string, value: string): void {
    const values = this.#keys.get(key)
    if (!values) return
    values.remove(client, value)
    if (values.byText.size === 0) this.#keys.delete(key)
  }
}

/** Less than 0, 0 or more than 0, as the value is less than, equal to or more than the operand. */
function compare(value: Value, operand: string, number: number | undefined): number {
  if (value.number !== undefined && number !== undefined) return value.number - number
  return value.text < operand ? -1 : value.text > operand ? 1 : 0
}

function holds(operator: number, order: number): boolean {
  switch (operator) {
    case 0:
      return order === 0
    case 1:
      return order !== 0
    case 2:
      return order > 0
    case 3:
      return order < 0
    case 4:
      return order >= 0
    case 5:
      return order <= 0
    default:
      return false
  }
}

function numberIn(text: string): number | undefined {
  if (!NUMBER.test(text)) return undefined
  const number = Number(text)
  // A whole number that a double cannot tell from its neighbours, an id say, is compared as text.
  return Number.isSafeInteger(number) || (Number.isFinite(number) && !Number.isInteger(number)) ? number : undefined
}
