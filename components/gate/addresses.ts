// How many connections there are from each address: whoever opens all that the gate has room for would lock everybody out.
//
//     192.0.2.7:50312              counts for 192.0.2.7, and so does ::ffff:192.0.2.7
//     2001:db8:1:2:aaaa::1:50312   counts for 2001:db8:1:2: who has one address of such a net has all of them
//     unix:/path                   is nobody's address, and is not counted
const NET_GROUPS = 4
const MAPPED_IPV4 = /^::ffff:(?=\d+\.)/i

export class Addresses {
  /** How many may be there from each; 0: any number. */
  readonly #max: number
  readonly #counts = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  /** Of how many addresses there are connections. */
  get size(): number {
    return this.#counts.size
  }

  /** Counts a connection; answers false, and does not count it, when there are as many as may be. */
  enter(remote: string): boolean {
    const address = this.#max === 0 ? undefined : addressOf(remote)
    if (address === undefined) return true
    const count = this.#counts.get(address) ?? 0
    if (count >= this.#max) return false
    this.#counts.set(address, count + 1)
    return true
  }

  /** One that was counted is over. */
  leave(remote: string): void {
    const address = this.#max === 0 ? undefined : addressOf(remote)
    if (address === undefined) return
    const left = this.#counts.get(address)! - 1
    if (left > 0) this.#counts.set(address, left)
    else this.#counts.delete(address)
  }
}

/** By what a peer, named as connections name it, is counted; undefined where it has no address. */
function addressOf(remote: string): string | undefined {
  const end = remote.lastIndexOf(':')
  if (end < 0 || remote.startsWith('unix:')) return undefined
  const host = remote.slice(0, end).replace(MAPPED_IPV4, '')
  return host.includes(':') ? netOf(host) : host
}

/** The first half of an IPv6 address, where `::` stands for as many zeros as are left out. */
function netOf(host: string): string {
  const [head = '', tail] = host.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const left = 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
    for (let zero = 0; zero < left; zero++) groups.push('0')
  }
  return groups.slice(0, NET_GROUPS).join(':')
}
