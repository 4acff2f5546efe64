// The chat room's page: what goes to the server and what comes from it. `view.ts` shows it.
import { connect, type Mirror } from 'goworld/client'
import type * as server from '../chatroom.ts'
import { View, type Way } from './view.ts'

/** Who the reader is, for as long as the page is open: after a long absence it logs in by itself. */
let reader: { readonly way: Way; readonly username: string; readonly password: string } | undefined
/** Where it was before. */
let room: string | undefined
/** Who was there when the server last said. */
let people: ReadonlySet<string> | undefined

const game = connect<typeof server>('/ws')
const avatar = () => (game.player?.type === 'Avatar' ? game.player : undefined)

const view = new View({
  enter(way, username, password) {
    reader = { way, username, password }
    if (game.player?.type === 'Account') enter(game.player)
  },
  say: (text) => avatar()?.server.SendChat(text),
  join: (name) => avatar()?.server.SendChat(`/join ${name}`),
  leave() {
    game.onClose(() => location.reload())
    game.close()
  },
  tryNow: () => (game.closed === undefined ? game.reconnect() : location.reload()),
})
const { talk } = view

function enter(account: Mirror<typeof server.Account>): void {
  if (!reader) return
  const { way, username, password } = reader
  if (way === 'register') account.server.Register(username, password)
  else account.server.Login(username, password)
}

game.on('Account', {
  created() {
    enter(this)
  },
  ShowError(message) {
    reader = undefined
    view.showDoor(message)
  },
  ShowInfo() {
    // Registered: nobody wants to type it all once more.
    if (!reader) return
    reader = { ...reader, way: 'login' }
    enter(this)
  },
})

game.on('Avatar', {
  created() {
    const { name, chatroom } = this.attrs
    const before = room
    view.showChat(name)
    enterRoom(chatroom)
    if (before !== undefined && before !== chatroom) this.server.SendChat(`/join ${before}`)
  },
  changed: {
    chatroom: enterRoom,
    people: showPeople,
    rooms: (rooms) => view.showRooms(rooms),
  },
  OnRecvChat: (name, text) => talk.said(name, text),
  ShowError: (message) => talk.happened(message, true),
})

function enterRoom(name: string): void {
  people = undefined
  if (room === name) return
  room = name
  view.enterRoom(name)
  talk.happened(`You are in #${name}`)
}

/** Tells of those who come and go, but not of those who were there before the reader was. */
function showPeople(names: readonly string[]): void {
  const known = people
  people = new Set(names)
  for (const name of known ? people.difference(known) : []) talk.happened(`${name} has come`)
  for (const name of known?.difference(people) ?? []) talk.happened(`${name} has left`)
  view.showPeople(names)
}

game.onConnection(({ state, nextTryMs, missed }) => {
  if (state === 'lost') view.showTrouble(`Connection lost, trying again in ${Math.ceil(nextTryMs / 1000)} s`)
  else if (state === 'open') view.showTrouble('')
  else if (state === 'restated' && missed) talk.happened('Some lines may be missing here', true)
})

game.onClose((reason) => {
  view.showTrouble(`The connection has ended: ${reason}`, 'not connected')
  if (!avatar()) view.showDoor(`The server cannot be reached: ${reason}`)
})
