// Pages in a real browser: those of a game come from its gate, TypeScript and the engine's client as they are.
import { afterAll, describe, expect, test } from 'vitest'
import { certificate } from '../certificates/certificates.ts'
import { GameFolder } from '../components/cli/game-folder.ts'
import { until } from '../program.ts'
import { Browser, screenshot } from './browser.ts'

const browser = await Browser.start()
afterAll(() => browser?.close())

const GAME = `
  import { entity, game, integer } from 'goworld'
  import { greeting } from './shared/greeting.ts'
  export class Account extends entity({
    ownClient: { add: [integer, integer] },
    client: { greeted(_line: string) {}, sum(_sum: number) {} },
  }) {
    override onClientConnected() { this.client.greeted(greeting('the server')) }
    add(a: number, b: number) { this.client.sum(a + b) }
  }
  export default game([Account])`
const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sums</title><link rel="icon" href="data:,">
  <script type="importmap">{"imports": {"goworld/client": "/goworld/client/client.ts"}}</script>
  <script type="module" src="sums.ts"></script><p id="greeting"></p><p id="sum"></p>`
const SCRIPT = `
  import { connect } from 'goworld/client'
  import type * as server from '../game.ts'
  import { greeting } from '../shared/greeting.ts'
  const show = (id: string, text: string): void => { document.getElementById(id)!.textContent = text }
  const game = connect<typeof server>('/ws')
  game.on('Account', {
    created() { this.server.add(19, 23) },
    greeted(line) { show('greeting', line + ', ' + greeting('the page')) },
    sum(sum) { show('sum', String(sum)) },
  })`

function sums(page = PAGE, script = SCRIPT, ini = ''): GameFolder {
  const greeting = "export const greeting = (who: string) => 'hello from ' + who"
  const files = { 'web/index.html': page, 'web/sums.ts': script, 'shared/greeting.ts': greeting }
  return new GameFolder({ source: GAME, files, ini })
}

describe.skipIf(!browser)('a game with a page', { timeout: 120_000 }, () => {
  test.each(['start', 'dev'])('is played where goworld %s says', async (command) => {
    const game = sums()
    const server = game.begin(command)
    await server.said(/^ +play: +http.*\n(.+\n)+\n/m)
    const [, url] = / is up.*\n +play: +(http:\/\/127\.0\.0\.1:\d+\/)\n/.exec(server.out)!
    const page = await browser!.open(url!)
    await page.getByText('42').waitFor()
    expect(await page.locator('#greeting').textContent()).toBe('hello from the server, hello from the page')
    await screenshot(page, `sums-${command}`)
  })

  test('is played over https and wss where its gates encrypt', async () => {
    const [key, crt] = [certificate('ec.key'), certificate('ec.crt')]
    const game = sums(PAGE, SCRIPT, `encrypt_connection=1\nrsa_key=${key}\nrsa_certificate=${crt}\n`)
    const server = game.begin('start')
    await server.said(/^ +play: +http.*\n(.+\n)+\n/m)
    const [, url] = /^ +play: +(https:\S+)$/m.exec(server.out)!
    const page = await browser!.open('about:blank', { ignoreHTTPSErrors: true })
    const sockets: string[] = []
    page.on('websocket', (socket) => sockets.push(socket.url()))
    await page.goto(url!)
    await page.getByText('42').waitFor()
    expect(sockets).toEqual([`${url!.replace('https', 'wss')}ws`])
  })

  test('gets a new version of its page without a restart', async () => {
    const game = sums()
    const server = game.begin('dev')
    await server.said(/^ +play: +http.*\n(.+\n)+\n/m)
    const [, url] = / +play: +(\S+)/.exec(server.out)!
    const page = await browser!.open(url!)
    await page.getByText('42').waitFor()
    const pid = game.pidOf('dev')
    game.write('web/sums.ts', SCRIPT.replace('add(19, 23)', 'add(1, 1)'))
    await page.reload()
    await until(async () => (await page.locator('#sum').textContent()) === '2', 'the new page')
    expect(game.pidOf('dev')).toBe(pid)
    expect(server.text).not.toContain('starting anew')
  })

  test('runs no script that stands in its page', async () => {
    const game = sums(`${PAGE}<script>document.title = 'hijacked'</script>`)
    const server = game.begin('dev')
    await server.said(/^ +play: +http.*\n(.+\n)+\n/m)
    const [, url] = / +play: +(\S+)/.exec(server.out)!
    const page = await browser!.open(url!, { complaints: /Content Security Policy/ })
    await page.getByText('42').waitFor()
    expect(await page.title()).toBe('Sums')
  })
})
