// The chat room's page in Chromium: people who register, talk and walk about, on desks and phones, whose connections break
// and whose server is renewed while they talk.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, test } from 'vitest'
import { Browser, type OpenOptions, PHONE, screenshot } from '../../browser/browser.ts'
import { type PlayedExample, playExample } from '../../browser/played-example.ts'
import { startProxy } from '../../browser/proxy.ts'
import { until } from '../../program.ts'

const browser = await Browser.start()
afterAll(() => browser?.close())

/** Two browsers, a server and all that is run beside them share a machine. */
const LIMIT_MS = 180_000
/** What Chromium says of a connection that was broken. */
const BROKEN = /WebSocket connection|ERR_CONNECTION|Failed to load resource/

/** Somebody at the page. */
class Reader {
  readonly page: Page

  private constructor(page: Page) {
    this.page = page
  }

  static async open(url: string, options: OpenOptions = {}): Promise<Reader> {
    return new Reader(await browser!.open(url, options))
  }

  static async registered(url: string, name: string, options?: OpenOptions): Promise<Reader> {
    const reader = await Reader.open(url, options)
    await reader.enter('Register', name, 'open sesame')
    await reader.page.locator('#chat').waitFor()
    return reader
  }

  async enter(way: 'Log in' | 'Register', name: string, password: string): Promise<void> {
    const { page } = this
    await page.locator('.choice').getByText(way).click()
    await page.getByLabel('Name', { exact: true }).fill(name)
    await page.getByLabel('Password').fill(password)
    await page.locator('#go').click()
  }

  async say(text: string): Promise<void> {
    await this.page.getByLabel('Say something').fill(text)
    await this.page.keyboard.press('Enter')
  }

  /** All that was said in the room, as it stands there. */
  lines(): Promise<string[]> {
    return this.page.locator('.said:not(.waiting) p').allTextContents()
  }

  async reads(text: string): Promise<void> {
    await this.page.locator('.said:not(.waiting) p').getByText(text, { exact: true }).waitFor()
  }

  async sees(...people: string[]): Promise<void> {
    const names = () => this.page.locator('#people-list li span:last-child').allTextContents()
    await until(
      async () => (await names()).map((name) => name.replace(' (you)', '')).join() === people.join(),
      `${people} there`,
    )
  }
}

describe.skipIf(!browser)('the chat room’s page', { timeout: LIMIT_MS }, () => {
  test('two who register hear each other, in whichever room they are', async () => {
    const { url } = await playExample('chatroom')
    const ada = await Reader.registered(url, 'Ada')
    const bo = await Reader.registered(url, 'Bo')
    await ada.sees('Ada', 'Bo')
    await ada.page.getByText('Bo has come').waitFor()
    await ada.say('hello <b>Bo</b> & all')
    await bo.reads('hello <b>Bo</b> & all')
    await bo.say('hello yourself')
    await ada.reads('hello yourself')
    expect(await ada.page.locator('.said.own').count()).toBe(1)

    await bo.say('/join kitchen')
    await bo.sees('Bo')
    await ada.page.getByText('Bo has left').waitFor()
    await ada.say('are you gone?')
    await ada.reads('are you gone?')
    await ada.page.getByRole('button', { name: 'kitchen' }).click()
    await ada.sees('Ada', 'Bo')
    expect(await ada.lines()).toEqual([])
    await ada.say('there is cake')
    await bo.reads('there is cake')
    expect(await bo.lines()).toEqual(['there is cake'])
    expect(await ada.page.title()).toBe('#kitchen · Chat rooms')
    await screenshot(ada.page, 'chatroom-kitchen')

    // Back by the keyboard, to all that was said there.
    await ada.page.getByLabel('Name of a room').fill('1')
    await ada.page.keyboard.press('Enter')
    await ada.sees('Ada')
    expect(await ada.lines()).toEqual(['hello <b>Bo</b> & all', 'hello yourself', 'are you gone?'])
    await ada.page.getByLabel('Say something').press('ArrowUp')
    expect(await ada.page.getByLabel('Say something').inputValue()).toBe('there is cake')
    await ada.page.keyboard.press('Alt+ArrowDown')
    await ada.sees('Ada', 'Bo')
    await screenshot(ada.page, 'chatroom')
  })

  test('what goes wrong is said, at the door and inside', async () => {
    const { url } = await playExample('chatroom')
    const ada = await Reader.open(url)
    // On a desk one types at once.
    await ada.page.keyboard.type('Ada')
    expect(await ada.page.getByLabel('Name', { exact: true }).inputValue()).toBe('Ada')
    await ada.enter('Log in', 'Ada', 'open sesame')
    await ada.page.getByRole('alert').getByText('Nobody has this name and this password').waitFor()
    await screenshot(ada.page, 'chatroom-door')
    await ada.enter('Register', 'Ada', 'open sesame')
    await ada.page.locator('#chat').waitFor()
    const other = await Reader.open(url)
    await other.enter('Register', 'Ada', 'another one')
    await other.page.getByRole('alert').getByText('This name is taken').waitFor()
    await ada.say('/dance')
    await ada.page.getByText('There is no command /dance').waitFor()
    await ada.page.getByRole('button', { name: 'Log out' }).click()
    await ada.page.locator('#door').waitFor()
    await until(async () => (await ada.page.getByLabel('Name', { exact: true }).inputValue()) === 'Ada', 'the name')
    await ada.enter('Log in', 'Ada', 'open sesame')
    await ada.sees('Ada')
  })

  test('on a phone rooms and people come in from the sides', async () => {
    const { url } = await playExample('chatroom')
    const ada = await Reader.registered(url, 'Ada')
    await ada.say('/join kitchen')
    const phone = await Reader.registered(url, 'Grace', {
      viewport: PHONE,
      isMobile: true,
      hasTouch: true,
      colorScheme: 'dark',
    })
    const { page } = phone
    await phone.sees('Grace')
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    expect(await page.locator('#rooms').isVisible()).toBe(false)
    await page.getByRole('button', { name: 'Rooms' }).tap()
    await page.locator('#rooms').waitFor()
    await screenshot(page, 'chatroom-phone-rooms')
    await page.getByRole('button', { name: 'kitchen' }).tap()
    await phone.sees('Ada', 'Grace')
    await page.locator('#rooms').waitFor({ state: 'hidden' })
    await page.getByRole('button', { name: 'People' }).tap()
    await page.locator('#people').waitFor()
    await page.locator('#shade').tap({ position: { x: 10, y: 300 } })
    await page.locator('#people').waitFor({ state: 'hidden' })
    await page.getByLabel('Say something').fill('hello from the train')
    await page.getByRole('button', { name: 'Send' }).tap()
    await ada.reads('hello from the train')
    await screenshot(page, 'chatroom-phone')
  })
})

describe.skipIf(!browser)('while people talk', { timeout: LIMIT_MS }, () => {
  /** Both say `count` numbered lines, each as soon as the last is on its own page, while `meanwhile` happens. */
  async function talking(readers: readonly Reader[], count: number, meanwhile: () => Promise<void>): Promise<void> {
    const said = readers.map(async (reader, who) => {
      for (let n = 1; n <= count; n++) {
        await reader.say(`${who}:${n}`)
        await reader.reads(`${who}:${n}`)
      }
    })
    await meanwhile()
    await Promise.all(said)
    for (const reader of readers) {
      await until(async () => (await reader.lines()).length >= readers.length * count, 'all lines')
      const lines = await reader.lines()
      for (const [who] of readers.entries()) {
        const expected = Array.from({ length: count }, (_, n) => `${who}:${n + 1}`)
        expect(lines.filter((line) => line.startsWith(`${who}:`))).toEqual(expected)
      }
      expect(lines).toHaveLength(readers.length * count)
    }
  }

  test('a connection that breaks, again and again, loses no line and doubles none', async () => {
    const { url } = await playExample('chatroom')
    const proxy = await startProxy(url)
    const ada = await Reader.registered(url, 'Ada')
    const bo = await Reader.registered(proxy.url, 'Bo', { complaints: BROKEN })
    await ada.sees('Ada', 'Bo')
    await talking([ada, bo], 60, async () => {
      for (let n = 4; n <= 40; n += 9) {
        await ada.reads(`0:${n}`)
        proxy.drop()
      }
    })
    proxy.cut(true)
    await bo.page.getByText('Connection lost').waitFor()
    await ada.say('you cannot hear this yet')
    await bo.say('nor you that')
    await bo.page.locator('.waiting').getByText('nor you that').waitFor()
    await screenshot(bo.page, 'chatroom-lost')
    proxy.cut(false)
    await bo.reads('you cannot hear this yet')
    await ada.reads('nor you that')
    await bo.reads('nor you that')
    expect(await bo.page.locator('.waiting').count()).toBe(0)
    await bo.page.locator('#banner').waitFor({ state: 'hidden' })
    expect(await ada.page.getByText('has left').count()).toBe(0)
  })

  test('an absence longer than the server waits ends with a new login, back in the room where one was', async () => {
    const { url } = await playExample('chatroom', { ini: '[cluster]\nreconnect_grace=1\n' })
    const proxy = await startProxy(url)
    const ada = await Reader.registered(url, 'Ada')
    const bo = await Reader.registered(proxy.url, 'Bo', { complaints: BROKEN })
    for (const reader of [ada, bo]) {
      await reader.say('/join kitchen')
      await reader.page.getByText('You are in #kitchen').waitFor()
    }
    await ada.sees('Ada', 'Bo')
    await bo.say('back in a minute')
    await ada.reads('back in a minute')
    // What one has heard the other may have yet to hear.
    await bo.reads('back in a minute')
    proxy.cut(true)
    await ada.page.getByText('Bo has left').waitFor()
    await ada.say('Bo?')
    await ada.reads('Bo?')
    proxy.cut(false)
    await ada.sees('Ada', 'Bo')
    await bo.sees('Ada', 'Bo')
    await bo.say('here I am')
    await ada.reads('here I am')
    await bo.reads('here I am')
    expect(await bo.lines()).toEqual(['back in a minute', 'here I am'])
    expect(await bo.page.locator('#here').textContent()).toBe('kitchen')
  })

  test('when a gate dies its people go on at another, and are told that they may have missed something', async () => {
    const { game, server, url } = await playExample('chatroom', { args: ['-gates', '2'] })
    const [, other] = /gate2 .*ws:(\/\/127\.0\.0\.1:\d+)\/ws/.exec(server.out)!
    const proxy = await startProxy(url)
    const ada = await Reader.registered(`http:${other}/`, 'Ada')
    const bo = await Reader.registered(proxy.url, 'Bo', { complaints: BROKEN })
    await bo.say('/join kitchen')
    await bo.page.getByText('You are in #kitchen').waitFor()
    await ada.say('/join kitchen')
    await ada.sees('Ada', 'Bo')
    await bo.say('one')
    await ada.reads('one')
    // They are on different gates: what one has heard the other may have yet to hear.
    await bo.reads('one')
    proxy.leadTo(`http:${other}/`)
    process.kill(game.pidOf('gate', 1), 'SIGKILL')
    await bo.page.getByText('Some lines may be missing here').waitFor()
    await ada.say('two')
    await bo.reads('two')
    await bo.say('three')
    await ada.reads('three')
    await bo.reads('three')
    expect(await bo.lines()).toEqual(['one', 'two', 'three'])
    expect(await ada.page.getByText('has left').count()).toBe(0)
  })

  test('a reload puts new code under them, and nobody notices', async () => {
    const played = await playExample('chatroom')
    const [ada, bo] = [await Reader.registered(played.url, 'Ada'), await Reader.registered(played.url, 'Bo')]
    await ada.sees('Ada', 'Bo')
    const shouting = () => renew(played, 'OnRecvChat(name, text)', 'OnRecvChat(name, text.toUpperCase())')
    await talking([ada, bo], 60, shouting)
    await ada.say('is this new code?')
    await bo.reads('IS THIS NEW CODE?')
    for (const { page } of [ada, bo]) {
      expect(await page.locator('.event').allTextContents()).not.toContain('Some lines may be missing here')
      expect(await page.locator('#banner').isVisible()).toBe(false)
    }
  })

  /** Changes the server’s source and reloads it. */
  async function renew({ game }: PlayedExample, old: string, now: string): Promise<void> {
    const source = readFileSync(join(game.path, 'avatar.ts'), 'utf8')
    expect(source).toContain(old)
    game.write('avatar.ts', source.replace(old, now))
    const { code, out } = await game.command('reload')
    expect({ code, out }).toMatchObject({ code: 0 })
  }
})
