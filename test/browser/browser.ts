// A real Chromium for tests: found on this machine, without a window, and gone when the tests are. What a page complains of
// fails the test that opened it, and nothing of it reaches beyond this machine.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type BrowserContextOptions, type Browser as Chromium, chromium, type Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import { findProgram, missing } from '../services/service.ts'

/** What would have Chromium look for something elsewhere, or for what this machine has not. */
const ARGUMENTS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const PROGRAMS = ['/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome']
/** Whoever shares the machine with other tests waits longer. */
const PATIENCE_MS = 30_000
const OWN_MACHINE = /^(127\.0\.0\.1|localhost|\[::1\])$/

export const DESKTOP = { width: 1280, height: 800 } as const
export const PHONE = { width: 390, height: 844 } as const

export interface OpenOptions extends BrowserContextOptions {
  /** What the page may complain of: a connection that the test breaks, say. */
  readonly complaints?: RegExp
}

export class Browser {
  readonly #chromium: Chromium

  /**
   * Undefined when no Chromium is installed; with GOWORLD_SERVICES=all that is an error. `CHROMIUM` names another one.
   */
  static async start(): Promise<Browser | undefined> {
    const named = process.env['CHROMIUM']
    const executablePath = findProgram(...(named ? [named] : PROGRAMS))
    if (!executablePath) return missing('browser', named ?? 'chromium')
    // Root may not use the sandbox; what runs in it is ours. The folder of its user is a new one each time.
    const args = process.env['CI'] ? [...ARGUMENTS, '--disable-dev-shm-usage'] : ARGUMENTS
    return new Browser(await chromium.launch({ executablePath, args, chromiumSandbox: false, timeout: PATIENCE_MS }))
  }

  private constructor(chromium: Chromium) {
    this.#chromium = chromium
  }

  get version(): string {
    return this.#chromium.version()
  }

  close(): Promise<void> {
    return this.#chromium.close()
  }

  /** Opens a page as somebody who was never there: with storage of its own. It is closed when the test is over. */
  async open(url: string, { complaints, ...options }: OpenOptions = {}): Promise<Page> {
    const context = await this.#chromium.newContext({ viewport: DESKTOP, ...options })
    const found: string[] = []
    onTestFinished(async () => {
      await context.close()
      expect(found, `what ${url} complained of`).toEqual([])
    })
    const complain = (text: string) => {
      if (!complaints?.test(text)) found.push(text)
    }
    await context.route(
      ({ hostname }) => !OWN_MACHINE.test(hostname),
      (route) => {
        complain(`asked for ${route.request().url()}`)
        return route.abort()
      },
    )
    const page = await context.newPage()
    page.setDefaultTimeout(PATIENCE_MS)
    page.on('pageerror', (error) => complain(error.stack || error.message || String(error)))
    page.on('crash', () => complain('the page has crashed'))
    page.on('console', (message) => {
      if (message.type() === 'error') complain(`${message.text()} (${message.location().url})`)
    })
    await page.goto(url)
    return page
  }
}

/** Keeps a picture of the page when GOWORLD_SCREENSHOTS names a folder: to be looked at. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env['GOWORLD_SCREENSHOTS']
  if (!folder) return
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`) })
}
