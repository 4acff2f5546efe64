// The client's single files in Chromium: the pages of the examples, with script tags in the place of the engine's sources.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, test } from 'vitest'
import { bundleClient } from '../../components/web/bundle.ts'
import { ROOT, until } from '../program.ts'
import { Browser, screenshot } from './browser.ts'
import { playExample } from './played-example.ts'
import { startProxy } from './proxy.ts'

const browser = await Browser.start()
afterAll(() => browser?.close())

/** What Chromium says of a connection that was broken. */
const BROKEN = /WebSocket connection|ERR_CONNECTION|Failed to load resource/
const SCRIPTS = ['goworld-client.global.js', 'goworld-motion.global.js'] as const

/** Files that make the page of an example load the SDK by script tags; what imports it gets what those have set. */
async function onScriptTags(example: string): Promise<Record<string, string>> {
  const bundle = await bundleClient()
  const page = readFileSync(join(ROOT, 'examples', example, 'web/index.html'), 'utf8')
  const tags = SCRIPTS.map((name) => `<script src="${name}"></script>`).join('')
  return {
    'web/index.html': page
      .replace('"/goworld/client/client.ts"', '"/set-client.js"')
      .replace('"/goworld/client/motion.ts"', '"/set-motion.js"')
      .replace('<script type="importmap">', `${tags}$&`),
    'web/set-client.js': 'export const connect = goworld.connect',
    'web/set-motion.js': 'export const motion = goworldMotion.motion',
    ...Object.fromEntries(SCRIPTS.map((name) => [`web/${name}`, bundle[name]])),
  }
}

/** Which files of the SDK's sources the page has loaded. */
const sourcesOf = (page: Page): Promise<string[]> =>
  page.evaluate(`performance.getEntriesByType('resource').map(({ name }) => name)
    .filter((name) => name.includes('/goworld/')).map((name) => new URL(name).pathname)`)

describe.skipIf(!browser)('a page with the single files in script tags', { timeout: 180_000 }, () => {
  test('talks in the chat room, also when its connection was broken', async () => {
    const { url } = await playExample('chatroom', { files: await onScriptTags('chatroom') })
    const proxy = await startProxy(url)
    const page = await browser!.open(proxy.url, { complaints: BROKEN })
    await page.locator('.choice').getByText('Register').click()
    await page.getByLabel('Name', { exact: true }).fill('Ada')
    await page.getByLabel('Password').fill('open sesame')
    await page.locator('#go').click()
    await page.locator('#chat').waitFor()
    const say = async (text: string) => {
      await page.getByLabel('Say something').fill(text)
      await page.keyboard.press('Enter')
      await page.locator('.said.own:not(.waiting) p').getByText(text, { exact: true }).waitFor()
    }
    await say('grüß Gott, 你好')
    proxy.drop()
    await say('still here')
    expect(await page.locator('.said.own').count()).toBe(2)
    expect(await sourcesOf(page)).toEqual([])
    await screenshot(page, 'single-files-chatroom')
  })

  test('walks in the arena as it was predicted', async () => {
    // Nobody is hurt.
    const monsters = readFileSync(join(ROOT, 'examples/arena/shared/monsters.ts'), 'utf8')
    const peace = { 'shared/monsters.ts': monsters.replaceAll(/damage: \d+/g, 'damage: 0') }
    const { url } = await playExample('arena', { files: { ...(await onScriptTags('arena')), ...peace } })
    const page = await browser!.open(url)
    await page.getByLabel('Your name').fill('Ada')
    await until(() => page.evaluate('arena.net.game.player !== undefined'), 'a player')
    await page.getByRole('button', { name: 'Play' }).click()
    await page.locator('body[data-view="play"]').waitFor()
    const shown = () =>
      page.evaluate<{ x: number; z: number }>('(({ x, z }) => ({ x, z }))(arena.net.game.player.shown)')
    await until(() => page.evaluate(`arena.net.game.player.type === 'Player'`), 'Ada to play')
    const from = await shown()
    await page.keyboard.down(from.x > 0 ? 'KeyA' : 'KeyD')
    await until(async () => Math.abs((await shown()).x - from.x) > 3, 'Ada to walk')
    await page.keyboard.up(from.x > 0 ? 'KeyA' : 'KeyD')
    await until(() => page.evaluate('arena.net.game.motion.waitingInputs === 0'), 'all inputs to be answered')
    expect(await page.evaluate('arena.net.game.motion.rttMs')).toBeGreaterThan(0)
    expect(await sourcesOf(page)).not.toContain('/goworld/client/session.ts')
    await screenshot(page, 'single-files-arena')
  })
})
