// Makes the pictures of the docs from the game as it is: node_modules/.bin/node test/browser/screenshots.ts. It starts the
// arena with its bots, plays a little in Chromium, and keeps the liveliest of some pictures.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chromium, type Page } from 'playwright-core'
import { lightOf, smallerPng } from './png.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const SIZE = { width: 1280, height: 720 }
const PICTURES = 30
const EVERY_MS = 700
const ARRIVAL_MS = 3000
const COLOR_STEP = 2
/** How many are to be seen who live. */
const VISIBLE = `[...arena.net.players.values(), ...arena.net.beasts.values()]
  .filter(({ x, z, attrs }) => attrs.hp > 0 && arena.camera.sees(x, z, -2)).length`
/** One of them is worth as much as so many bright pixels. */
const WORTH = 3000

const INI = `
[game_common]
http_addr=
[gate_common]
listen_addr=unix:gate1.link
http_addr=127.0.0.1:0
[dispatcher_common]
http_addr=
`

const folder = mkdtempSync(join(tmpdir(), 'gw-'))
const arena = join(folder, 'arena')
cpSync(join(ROOT, 'examples/arena'), arena, { recursive: true, filter: (path) => !path.endsWith('.goworld') })
writeFileSync(join(arena, 'goworld.ini'), INI)
const goworld = join(ROOT, 'components/cli/goworld')
const server = spawn(goworld, ['start', arena, '-bots', '20'], { stdio: ['ignore', 'pipe', 'inherit'] })
try {
  const url = await addressOf(server.stdout)
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    chromiumSandbox: false,
    args: ['--disable-gpu'],
  })
  const page = await browser.newPage({ viewport: SIZE })
  await page.goto(url)
  await page.fill('#name', 'Ada')
  await page.click('#colors label:nth-child(1)')
  await page.click('.play')
  await page.addStyleTag({ content: '.arrival { display: none }' })
  const picture = await liveliest(page)
  writeFileSync(join(ROOT, 'docs/arena.png'), smallerPng(picture, COLOR_STEP))
  await browser.close()
} finally {
  server.kill('SIGINT')
  await once(server, 'exit')
  rmSync(folder, { recursive: true })
}

/** What the server says: where to play. */
async function addressOf(out: NodeJS.ReadableStream): Promise<string> {
  let said = ''
  for await (const chunk of out) {
    said += chunk
    const [, url] = /play: +(http\S+)\n[\s\S]*stop:/.exec(said) ?? []
    if (url) return url
  }
  throw new Error(`the server did not start:\n${said}`)
}

/** Plays, and keeps the picture with the most in it: those who fight, and the light that it makes. */
async function liveliest(page: Page): Promise<Buffer> {
  const keys = ['KeyW', 'KeyD', 'KeyS', 'KeyA']
  await sleep(ARRIVAL_MS)
  await page.mouse.down()
  let best: Buffer | undefined
  let most = -1
  for (let n = 0; n < PICTURES; n++) {
    const key = keys[Math.floor(n / 3) % keys.length]!
    await page.keyboard.down(key)
    const angle = n * 0.7
    await page.mouse.move(SIZE.width / 2 + 260 * Math.cos(angle), SIZE.height / 2 + 160 * Math.sin(angle))
    await sleep(EVERY_MS)
    const picture = await page.screenshot()
    const visible = await page.evaluate<number>(VISIBLE)
    const worth = (await page.isVisible('#death')) ? -1 : lightOf(picture) + WORTH * visible
    if (worth >= most) [best, most] = [picture, worth]
    await page.keyboard.up(key)
  }
  return best!
}
