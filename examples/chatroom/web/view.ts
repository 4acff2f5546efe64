// What the page shows: the form at the door, the rooms and the people. It knows nothing of the server; `chat.ts` does.
import { byId, drawFace, make } from './elements.ts'
import { Talk } from './talk.ts'

export type Way = 'login' | 'register'
export type Rooms = readonly { readonly name: string; readonly people: number }[]

/** What the reader wants. */
export interface Wishes {
  enter(way: Way, username: string, password: string): void
  say(text: string): void
  join(room: string): void
  leave(): void
  tryNow(): void
}

const SIDES = ['rooms', 'people']
/** What browsers of the same reader remember. */
const NAME_KEY = 'chatroom.name'

const chat = byId('chat')
const notice = byId('notice')
const go = byId<HTMLButtonElement>('go')

export class View {
  readonly talk: Talk
  #rooms: Rooms = []
  #room = ''

  constructor(wishes: Wishes) {
    this.talk = new Talk(wishes.say)
    openDoor(wishes.enter)
    byId('leave').onclick = wishes.leave
    byId('again').onclick = wishes.tryNow
    byId('room-list').onclick = ({ target }) => {
      const room = (target as HTMLElement).closest('button')?.dataset['room']
      if (room !== undefined) wishes.join(room)
      close()
    }
    byId('join').onsubmit = (event) => {
      event.preventDefault()
      const room = byId<HTMLInputElement>('room')
      wishes.join(room.value.trim())
      room.value = ''
      close()
    }
    // On a phone rooms and people come in from the sides.
    for (const side of SIDES) byId(`show-${side}`).onclick = () => open(side)
    byId('shade').onclick = close
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') close()
      const step = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0
      if (step === 0 || !event.altKey || this.#rooms.length === 0) return
      event.preventDefault()
      const at = this.#rooms.findIndex(({ name }) => name === this.#room)
      wishes.join(this.#rooms.at((at + step) % this.#rooms.length)!.name)
    })
  }

  /** The form, with what there is to say about it. */
  showDoor(message: string): void {
    byId('door').hidden = false
    chat.hidden = true
    go.disabled = false
    notice.textContent = message
    notice.hidden = message === ''
  }

  showChat(me: string): void {
    this.talk.me = me
    byId('my-name').textContent = me
    drawFace(byId('my-face'), me)
    byId('door').hidden = true
    chat.hidden = false
    byId<HTMLInputElement>('password').value = ''
  }

  enterRoom(room: string): void {
    this.#room = room
    byId('here').textContent = room
    document.title = `#${room} · Chat rooms`
    this.talk.enterRoom(room)
    this.showRooms(this.#rooms)
  }

  showRooms(rooms: Rooms): void {
    this.#rooms = rooms
    const items = rooms.map(({ name, people }) => {
      const button = make('button', '', make('span', 'name', name), make('small', '', String(people)))
      button.dataset['room'] = name
      if (name === this.#room) button.setAttribute('aria-current', 'true')
      return make('li', '', button)
    })
    byId('room-list').replaceChildren(...items)
  }

  showPeople(names: readonly string[]): void {
    byId('how-many').textContent = String(names.length)
    const items = names.map((name) => {
      const shown = name === this.talk.me ? `${name} (you)` : name
      return make('li', '', drawFace(make('span', 'face'), name), make('span', '', shown))
    })
    byId('people-list').replaceChildren(...items)
  }

  /** What there is to say about the connection; empty when all is well. */
  showTrouble(what: string, state = 'connecting …'): void {
    byId('banner').hidden = what === ''
    byId('banner-text').textContent = what
    byId('state').textContent = what === '' ? 'connected' : state
    chat.classList.toggle('lost', what !== '')
    if (what === '' || !chat.hidden) return
    notice.textContent = what
    notice.hidden = false
  }
}

function openDoor(enter: Wishes['enter']): void {
  const username = byId<HTMLInputElement>('username')
  const password = byId<HTMLInputElement>('password')
  let way: Way = 'login'
  username.value = localStorage.getItem(NAME_KEY) ?? ''
  // Before this, a form that is sent would be sent to nobody.
  go.disabled = false
  // Not on a phone, whose keyboard would cover the form.
  if (!matchMedia('(pointer: coarse)').matches) (username.value === '' ? username : password).focus()
  for (const radio of document.querySelectorAll<HTMLInputElement>('[name=way]'))
    radio.onchange = () => {
      way = radio.value as Way
      go.textContent = way === 'login' ? 'Log in' : 'Register'
      password.autocomplete = way === 'login' ? 'current-password' : 'new-password'
      notice.hidden = true
    }
  byId('enter').onsubmit = (event) => {
    event.preventDefault()
    const name = username.value.trim()
    localStorage.setItem(NAME_KEY, name)
    notice.hidden = true
    go.disabled = true
    enter(way, name, password.value)
  }
}

function open(side: string): void {
  close()
  byId(side).classList.add('open')
  byId(`show-${side}`).setAttribute('aria-expanded', 'true')
}

function close(): void {
  for (const side of SIDES) {
    byId(side).classList.remove('open')
    byId(`show-${side}`).setAttribute('aria-expanded', 'false')
  }
}
