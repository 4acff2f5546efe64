// A gate with test_game behind it, in one object and to the letter of a script: what bots ask for is answered at once,
// and whatever a test wants to go wrong goes wrong.
import { createServer, type Server, type Socket } from 'node:net'
import { clientMessages as messages } from '../../../engine/wire/client-wire.ts'
import { FrameReader } from '../../../engine/wire/frame.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import { writeRecord } from '../../../engine/wire/sync.ts'
import type { ValuesOf } from '../../../engine/wire/table.ts'

type Messages = typeof messages
type Said<N extends keyof Messages> = Omit<ValuesOf<Messages[N]['fields']>, 'gateId' | 'clientId'>
/** Answers a call instead of the usual: by method. */
export type Script = Readonly<Record<string, (player: Player, args: readonly unknown[]) => void>>

export class FakeGate {
  /** How often each method was called. */
  readonly calls: Record<string, number> = {}
  readonly logins: string[] = []
  readonly players = new Set<Player>()
  /** Who has done something as a player. */
  readonly played = new Set<Player>()
  moves = 0
  mailFields = 0
  readonly script: Script
  readonly #server: Server
  #ids = 0

  constructor(script: Script = {}) {
    this.script = script
    this.#server = createServer((socket) => new Player(this, socket))
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => void this.#server.listen(0, '127.0.0.1', resolve))
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`
  }

  close(): void {
    this.#server.close()
    for (const player of this.players) player.socket.destroy()
  }

  newId(): string {
    return `fake${String(++this.#ids).padStart(12, '0')}`
  }
}

export class Player {
  readonly gate: FakeGate
  readonly socket: Socket
  readonly clientId: string
  readonly accountId: string
  readonly id: string
  avatar = false
  kind = 0
  spaceId = ''
  list: number[] = []
  #complex = false
  readonly #writer = new PacketWriter()

  constructor(gate: FakeGate, socket: Socket) {
    this.gate = gate
    this.socket = socket
    this.clientId = gate.newId()
    this.accountId = gate.newId()
    this.id = gate.newId()
    gate.players.add(this)
    const frames = new FrameReader((bytes, start, end) => this.#frame(bytes, start, end), { maxBytes: 1 << 20 })
    socket.on('data', (chunk) => frames.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.leaveSpace(false)
      gate.players.delete(this)
    })
    this.create(this.accountId, 'Account', {}, true)
  }

  send<N extends keyof Messages>(name: N, values: Said<N>): void {
    this.#writer.at = 0
    messages[name].write(this.#writer, { gateId: 1, clientId: this.clientId, ...values } as never)
    this.socket.write(this.#writer.copy())
  }

  create(entityId: string, type: string, attrs: object, isPlayer = false): void {
    const place = { x: 0, y: 0, z: 0, yaw: 0 }
    this.send('createEntity', { isPlayer, entityId, type, ...place, attrs: attrs as never })
  }

  hear(method: string, ...args: unknown[]): void {
    this.send('callOnClient', { entityId: this.id, method, args: args as never })
  }

  enterSpace(kind: number): void {
    this.leaveSpace()
    this.kind = kind
    this.spaceId = this.gate.newId()
    this.create(this.spaceId, '__space__', { _K: kind })
    for (const other of this.neighbours()) {
      this.create(other.id, 'Avatar', { testListField: other.list })
      other.create(this.id, 'Avatar', { testListField: this.list })
    }
  }

  leaveSpace(told = true): void {
    if (this.kind === 0) return
    for (const other of this.neighbours()) {
      if (told) this.send('destroyEntity', { type: 'Avatar', entityId: other.id })
      other.send('destroyEntity', { type: 'Avatar', entityId: this.id })
    }
    if (told) this.send('destroyEntity', { type: '__space__', entityId: this.spaceId })
    this.kind = 0
  }

  neighbours(): Player[] {
    if (this.kind === 0) return []
    return [...this.gate.players].filter((other) => other !== this && other.avatar && other.kind === this.kind)
  }

  /** What test_game does. */
  usual(method: string, args: readonly unknown[]): void {
    switch (method) {
      case 'Login':
        this.gate.logins.push(`${args[0]} ${args[1]}`)
        this.send('callOnClient', { entityId: this.accountId, method: 'OnLogin', args: [true] })
        this.send('destroyEntity', { type: 'Account', entityId: this.accountId })
        this.create(this.id, 'Avatar', { name: 'nobody', testListField: this.list }, true)
        this.avatar = true
        return this.enterSpace(7)
      case 'EnterSpace':
        return this.enterSpace(args[0] as number)
      case 'EnterRandomNilSpace':
        this.hear('OnEnterRandomNilSpace')
        return this.leaveSpace()
      case 'SendMail':
        this.gate.mailFields = Object.keys(args[1] as object).length
        return this.hear('OnSendMail', true)
      case 'GetMails':
        return this.hear('OnGetMails', true)
      case 'Say':
        for (const other of this.gate.players)
          other.send('callFiltered', {
            ...{ op: 0, key: '', value: '', method: 'OnSay' },
            args: [this.id, 'nobody', args[0] as string, args[1] as string],
          })
        return
      case 'TestListField': {
        const value = this.list.push(this.list.length)
        for (const seer of [this, ...this.neighbours()])
          seer.send('listAppend', { entityId: this.id, path: ['testListField'], value: value - 1 })
        return this.hear('OnTestListField', this.list)
      }
      case 'TestPublish':
        for (const other of this.gate.players) if (other.avatar) other.hear('OnTestPublish', this.id, 'npc', 'hello')
        return
      case 'TestAOI': {
        const id = this.gate.newId()
        const seers = [this, ...this.neighbours()]
        for (const seer of seers) seer.create(id, 'AOITester', {})
        this.hear('OnTestAOI', id)
        for (const seer of seers) seer.send('destroyEntity', { type: 'AOITester', entityId: id })
        return
      }
      case 'TestCallAll':
        for (const seer of [this, ...this.neighbours()])
          seer.send('callOnClient', { entityId: this.id, method: 'TestCallAllPlzEcho', args: [this.id] })
        return
      case 'TestComplexAttr':
        return this.#testComplexAttr()
      default:
        throw new Error(`a bot called ${method}`)
    }
  }

  #testComplexAttr(): void {
    const entityId = this.id
    const path = ['complexAttr']
    if (!this.#complex) this.send('mapSet', { entityId, path: null, key: 'complexAttr', value: {} })
    this.#complex = true
    this.send('mapSet', { entityId, path, key: 'key1', value: {} })
    this.send('mapSet', { entityId, path: ['key1', ...path], key: 'key2', value: [true, []] })
    this.send('listAppend', { entityId, path: [1, 'key2', 'key1', ...path], value: { finalkey: 'iamhere' } })
    this.hear('OnTestComplexAttrStep1')
    this.send('mapClear', { entityId, path })
    this.hear('OnTestComplexAttrClear')
  }

  #frame(bytes: Uint8Array, start: number, end: number): undefined {
    const type = bytes[start]! + bytes[start + 1]! * 256
    if (type === messages.heartbeat.code) return
    if (type === messages.positionFromClient.code) {
      const { entityId, x, y, z, yaw } = messages.positionFromClient.read(bytes, start + 2, end)
      if (entityId !== this.id) throw new Error('a bot moved another entity')
      this.gate.moves++
      const record = new PacketWriter(32)
      writeRecord(record, entityId, x, y, z, yaw)
      for (const other of this.neighbours()) other.send('positions', { records: record.copy() })
      return
    }
    const { entityId, method, args } = messages.callFromClient.read(bytes, start + 2, end)
    if (method === 'TestCallAllEcho') return this.#echo(entityId, args)
    if (entityId !== (method === 'Login' ? this.accountId : this.id)) throw new Error(`${method} on another entity`)
    const scripted = this.gate.script[method]
    if (scripted) scripted(this, args)
    else this.usual(method, args)
    this.gate.calls[method] = (this.gate.calls[method] ?? 0) + 1
    if (method !== 'Login') this.gate.played.add(this)
    return
  }

  /** Echoes go to whoever asked for them; one is enough here. */
  #echo(entityId: string, args: readonly unknown[]): undefined {
    const asker = [...this.gate.players].find(({ id }) => id === entityId)
    if (args[0] !== entityId || !asker) throw new Error('an echo to somebody else')
    if (asker === this) this.hear('OnTestCallAll')
    this.gate.calls['TestCallAllEcho'] = (this.gate.calls['TestCallAllEcho'] ?? 0) + 1
  }
}
