// Somebody in the chat room, by the client SDK: remembers all that it hears.
import { connect } from 'goworld/client'
import { tcpStream } from 'goworld/client/tcp'
import { onTestFinished } from 'vitest'
import type * as server from '../../../examples/chatroom/chatroom.ts'
import { until } from '../../program.ts'

export const PASSWORD = 'open sesame'

export class Guest {
  /** `name: text` of each line, and `!` before what went wrong. */
  readonly heard: string[] = []
  readonly game

  /** `gate`: the host and port of its TCP door. It speaks as GoWorld's clients do. */
  constructor(gate: string) {
    this.game = connect<typeof server>(tcpStream(gate))
    onTestFinished(() => this.game.close())
    const { heard } = this
    this.game.on('Account', {
      ShowError: (message) => void heard.push(`! ${message}`),
      ShowInfo: (message) => void heard.push(message),
    })
    this.game.on('Avatar', {
      ShowError: (message) => void heard.push(`! ${message}`),
      OnRecvChat: (name, text) => void heard.push(`${name}: ${text}`),
    })
  }

  get account() {
    const { player } = this.game
    if (player?.type !== 'Account') throw new Error(`no account, but ${player?.type}`)
    return player
  }

  get avatar() {
    const { player } = this.game
    if (player?.type !== 'Avatar') throw new Error(`no avatar, but ${player?.type}`)
    return player
  }

  get isIn(): boolean {
    return this.game.player?.type === 'Avatar'
  }

  connected(): Promise<void> {
    return until(() => this.game.player !== undefined, 'the account is there')
  }

  /** Resolves to the next thing that is heard. */
  async hears(): Promise<string> {
    const before = this.heard.length
    await until(() => this.heard.length > before, 'something is heard')
    return this.heard.at(-1)!
  }

  async registered(name: string): Promise<this> {
    await this.connected()
    this.account.server.Register(name, PASSWORD)
    await this.hears()
    return this.loggedIn(name)
  }

  async loggedIn(name: string): Promise<this> {
    await this.connected()
    this.account.server.Login(name, PASSWORD)
    await until(() => this.isIn, `${name} is in`)
    return this
  }

  async inRoom(name: string, ...people: string[]): Promise<void> {
    const isThere = () => {
      const { attrs } = this.avatar
      return attrs.chatroom === name && attrs.people.join() === people.join()
    }
    await until(isThere, `${people} are in ${name}`)
  }
}
