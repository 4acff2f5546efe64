// The arena's page in Chromium: people who see each other walk, on desks and phones, near and far from the server, whose
// connections break and whose server is renewed while they play.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, test } from 'vitest'
import { Browser, type OpenOptions, PHONE, screenshot } from '../../browser/browser.ts'
import { playExample } from '../../browser/played-example.ts'
import { startProxy } from '../../browser/proxy.ts'
import { ROOT, until } from '../../program.ts'

const browser = await Browser.start()
afterAll(() => browser?.close())

/** What Chromium says of a connection that was broken. */
const BROKEN = /WebSocket connection|ERR_CONNECTION|Failed to load resource/

interface Shown {
  readonly x: number
  readonly z: number
  readonly hp: number
  readonly score: number
}

/** Somebody at the page. What is drawn cannot be read: what it is drawn from can. */
class Visitor {
  readonly page: Page

  private constructor(page: Page) {
    this.page = page
  }

  static async open(url: string, options: OpenOptions = {}): Promise<Visitor> {
    return new Visitor(await browser!.open(url, options))
  }

  static async playing(url: string, name: string, options?: OpenOptions): Promise<Visitor> {
    const visitor = await Visitor.open(url, options)
    await visitor.join(name)
    return visitor
  }

  async join(name: string): Promise<void> {
    await this.page.getByLabel('Your name').fill(name)
    // The arenas may not be there yet.
    await until(() => this.page.evaluate('arena.net.game.player !== undefined'), 'arena.net.game.player !== undefined')
    await this.page.getByRole('button', { name: 'Play' }).click()
    await this.page.locator('body[data-view="play"]').waitFor()
  }

  /** A player as this page shows it, by name; undefined for who is not there. */
  shown(name: string): Promise<Shown | undefined> {
    return this.page.evaluate(
      `(() => {
        const view = [...arena.net.players.values()].find(({ attrs }) => attrs.name === ${JSON.stringify(name)})
        return view && { x: view.x, z: view.z, hp: view.attrs.hp, score: view.attrs.score }
      })()`,
    )
  }

  async sees(name: string): Promise<Shown> {
    await until(() => this.shown(name), `${name} to be seen`)
    return (await this.shown(name))!
  }

  async say(line: string): Promise<void> {
    await this.page.keyboard.press('Enter')
    await this.page.keyboard.type(line)
    await this.page.keyboard.press('Enter')
  }

  async reads(line: string): Promise<void> {
    await this.page.locator('#lines').getByText(line, { exact: true }).waitFor({ state: 'attached' })
  }

  /** Holds a key until the page shows that the player has come so far. */
  async walk(name: string, units: number): Promise<void> {
    const from = await this.sees(name)
    const key = from.x > 0 ? 'KeyA' : 'KeyD'
    await this.page.keyboard.down(key)
    await until(async () => far(from, await this.sees(name)) > units, `${name} to walk`)
    await this.page.keyboard.up(key)
  }
}

const far = (a: Shown, b: Shown): number => Math.hypot(a.x - b.x, a.z - b.z)

/** Resolves when both show the same person at the same place: everything has come. */
const agree = (one: Visitor, other: Visitor, name: string) =>
  until(async () => far(await one.sees(name), await other.sees(name)) < 0.05, `both to show ${name} at one place`)

/** Nobody is hurt by monsters in these. */
const MONSTERS = 'shared/monsters.ts'
const harmless = readFileSync(join(ROOT, 'examples/arena', MONSTERS), 'utf8').replaceAll(/damage: \d+/g, 'damage: 0')
const peace = { files: { [MONSTERS]: harmless } }

describe.skipIf(!browser)('the arena’s page', () => {
  test('a name and Enter are enough, however early; a key that is let go of is, whatever else is held', async () => {
    const { url } = await playExample('arena', peace)
    const ada = await Visitor.open(url)
    await ada.page.keyboard.type('Ada')
    await ada.page.keyboard.press('Enter')
    await ada.page.locator('body[data-view="play"]').waitFor()
    await ada.sees('Ada')
    const { keyboard } = ada.page
    await keyboard.down('KeyD')
    await until(() => ada.page.evaluate('arena.controls.moveX === 100'), 'Ada to walk')
    await keyboard.down('Control')
    await keyboard.up('KeyD')
    await keyboard.up('Control')
    await until(() => ada.page.evaluate('arena.controls.moveX === 0'), 'Ada to stand')
  })

  test('that there is no game is said, and that there is no server', async () => {
    const { url, game } = await playExample('arena', peace)
    const ada = await Visitor.playing(url, 'Ada', { complaints: BROKEN })
    process.kill(game.pidOf('game'), 'SIGKILL')
    await ada.page.locator('#banner').getByText('the game is away').waitFor()
    expect(await ada.page.locator('body').getAttribute('data-view')).toBe('title')
    process.kill(game.pidOf('gate'), 'SIGKILL')
    await ada.page.locator('#banner').getByText('trying again').waitFor()
  })

  test('who was given up by the server plays again at once, by the same name', async () => {
    const { url } = await playExample('arena', { ...peace, ini: '[cluster]\nreconnect_grace=1\n' })
    const proxy = await startProxy(url)
    const ada = await Visitor.playing(proxy.url, 'Ada', { complaints: BROKEN })
    const bo = await Visitor.playing(url, 'Bo')
    await bo.page.locator('#scores li', { hasText: 'Ada' }).waitFor()
    const id = await ada.page.evaluate<string>('arena.net.player.id')
    proxy.cut(true)
    await bo.page.locator('#scores li', { hasText: 'Ada' }).waitFor({ state: 'detached' })
    proxy.cut(false)
    await bo.page.locator('#scores li', { hasText: 'Ada' }).waitFor()
    await ada.page.locator('body[data-view="play"]').waitFor()
    expect(await ada.page.evaluate('arena.net.player.id')).not.toBe(id)
  })

  test('two see each other walk, speak, and in the scores', async () => {
    const { url } = await playExample('arena', peace)
    const ada = await Visitor.playing(url, 'Ada')
    const bo = await Visitor.playing(url, 'Bo')
    await ada.page.locator('#scores li', { hasText: 'Bo' }).waitFor()
    expect(await bo.page.locator('#scores li').allTextContents()).toHaveLength(2)
    await ada.page.evaluate(`arena.net.player.server.say('hello <b>Bo</b>')`)
    await bo.reads('hello <b>Bo</b>')
    await bo.say('hello yourself')
    await ada.reads('hello yourself')
    // While somebody writes, letters are letters.
    const { x, z } = await bo.sees('Bo')
    await bo.page.keyboard.press('Enter')
    await bo.page.keyboard.type('wasd')
    expect(await bo.page.locator('#line').inputValue()).toBe('wasd')
    await bo.page.keyboard.press('Escape')
    expect(await bo.sees('Bo')).toMatchObject({ x, z })

    // From wherever they begin, towards the middle.
    for (const [visitor, name] of [
      [ada, 'Ada'],
      [bo, 'Bo'],
    ] as const) {
      const { x } = await visitor.sees(name)
      if (Math.abs(x) > 4) await visitor.walk(name, Math.abs(x) - 4)
    }
    await agree(ada, bo, 'Bo')
    await agree(bo, ada, 'Ada')
    await screenshot(ada.page, 'arena')
  })

  test('at 200 ms one’s own steps are seen at once, and others soon', async () => {
    const { url } = await playExample('arena', peace)
    const ada = await Visitor.playing(url, 'Ada')
    await ada.page.locator('#net-toggle').click()
    await ada.page.getByRole('radio', { name: '200 ms ± 50' }).check()
    await until(() => ada.page.evaluate('arena.net.game.ping > 150'), 'the ping to be long')
    await until(
      () => ada.page.evaluate('arena.net.game.motion.waitingInputs > 4'),
      'arena.net.game.motion.waitingInputs > 4',
    )
    // From pressing a key to seeing it on the screen, and to the server's word.
    await ada.page.evaluate(`(() => {
      const { net } = arena
      const from = { x: net.own.x, told: net.own.mirror.position.x }
      const key = from.x > 0 ? 'KeyA' : 'KeyD'
      const begin = performance.now()
      window.found = {}
      window.dispatchEvent(new KeyboardEvent('keydown', { code: key }))
      const look = () => {
        if (net.own.x !== from.x) found.seenMs ??= performance.now() - begin
        if (net.own.mirror.position.x !== from.told) found.toldMs ??= performance.now() - begin
        if (found.toldMs === undefined) requestAnimationFrame(look)
        else window.dispatchEvent(new KeyboardEvent('keyup', { code: key }))
      }
      look()
    })()`)
    await until(() => ada.page.evaluate('found.toldMs !== undefined'), 'found.toldMs !== undefined')
    const { seenMs, toldMs } = await ada.page.evaluate<{ seenMs: number; toldMs: number }>('found')
    expect(toldMs - seenMs).toBeGreaterThan(100)
    // When everything has been answered, nothing of the way had to be put right.
    await ada.walk('Ada', 2)
    await screenshot(ada.page, 'arena-far')
    expect(await ada.page.evaluate('arena.own.correctionMax')).toBeLessThan(0.01)
  })

  test('a connection that breaks is mended, and nobody sees more than a pause', async () => {
    const { url } = await playExample('arena', peace)
    const proxy = await startProxy(url)
    const ada = await Visitor.playing(proxy.url, 'Ada', { complaints: BROKEN })
    const bo = await Visitor.playing(url, 'Bo')
    await ada.page.evaluate('arena.net.player.server.say("before")')
    await bo.reads('before')
    const { id } = await ada.page.evaluate<{ id: string }>('({ id: arena.net.player.id })')
    proxy.cut(true)
    await ada.page.locator('#banner').getByText('connection lost').waitFor()
    await screenshot(ada.page, 'arena-lost')
    await ada.page.evaluate('arena.net.say("while it was gone")')
    await bo.say('are you there?')
    proxy.cut(false)
    await ada.page.locator('#banner').waitFor({ state: 'hidden' })
    await ada.reads('are you there?')
    await bo.reads('while it was gone')
    expect(await ada.page.evaluate('arena.net.player.id')).toBe(id)
    await ada.walk('Ada', 2)
    expect(await ada.page.locator('body').getAttribute('data-view')).toBe('play')
  })

  test('new code takes over while they play, and new gates and dispatchers, and nothing on the screen says so', async () => {
    const { url, game } = await playExample('arena', peace)
    const ada = await Visitor.playing(url, 'Ada')
    const bo = await Visitor.playing(url, 'Bo')
    await ada.page.evaluate(`(() => {
      window.seen = { title: 0, banner: 0, gone: 0, own: arena.net.own }
      const look = () => {
        if (document.body.dataset.view !== 'play') seen.title++
        if (!document.getElementById('banner').hidden) seen.banner++
        if (arena.net.own !== seen.own) seen.gone++
        requestAnimationFrame(look)
      }
      look()
    })()`)
    const weapons = 'shared/weapons.ts'
    const source = readFileSync(join(game.path, weapons), 'utf8')
    game.write(weapons, source.replace('damage: 9,', 'damage: 99,'))
    const walking = ada.walk('Ada', 2)
    const { code, out } = await game.command('reload', '-all')
    expect([code, out]).toEqual([0, expect.stringMatching(/dispatcher1 swapped.*gate1 swapped.*game1 swapped/s)])
    await walking
    await ada.walk('Ada', 2)
    await bo.say('still here')
    await ada.reads('still here')
    expect(await ada.page.evaluate('({ ...seen, own: 0 })')).toEqual({ title: 0, banner: 0, gone: 0, own: 0 })
    expect(await ada.page.evaluate('arena.own.correctionMax')).toBeLessThan(0.5)
  })

  test('bots play before anybody comes, and with whoever does', async () => {
    const { url, server } = await playExample('arena', {
      args: ['-bots', '4'],
      ini: '[gate1]\nlisten_addr=unix:gate1.link\n',
    })
    const visitor = await Visitor.open(url)
    await visitor.page.getByText('4 play now.').waitFor()
    await until(() => visitor.page.evaluate('arena.net.players.size > 0'), 'arena.net.players.size > 0')
    await screenshot(visitor.page, 'arena-title')
    await visitor.join('Ada')
    await visitor.page.locator('#scores li').nth(4).waitFor()
    const sum = `[...document.querySelectorAll('#scores b')].reduce((all, one) => all + Number(one.textContent), 0)`
    await until(async () => ((await visitor.page.evaluate(sum)) as number) > 0, 'somebody to score')
    expect(server.text).toContain(' is ready')
    expect(server.text).not.toContain('dropped')
  })

  test('is played by two thumbs', async () => {
    const { url } = await playExample('arena', peace)
    const ada = await Visitor.open(url, { viewport: PHONE, hasTouch: true, isMobile: true })
    await screenshot(ada.page, 'arena-phone-title')
    await ada.join('Ada')
    const from = await ada.sees('Ada')
    const touch = await ada.page.context().newCDPSession(ada.page)
    const thumb = (type: 'touchStart' | 'touchMove' | 'touchEnd', x?: number, y?: number) =>
      touch.send('Input.dispatchTouchEvent', { type, touchPoints: x === undefined ? [] : [{ x, y: y! }] })
    await thumb('touchStart', 90, 700)
    await thumb('touchMove', from.x > 0 ? 40 : 140, 700)
    await until(async () => far(from, await ada.sees('Ada')) > 2, 'Ada to walk')
    await screenshot(ada.page, 'arena-phone')
    await thumb('touchEnd')
    expect(await ada.page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
  })
})
