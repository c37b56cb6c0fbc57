import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { expect } from 'vitest'

/** What the browser is like. */
export interface Look {
  readonly colorScheme?: 'light' | 'dark'
  readonly isPhone?: boolean
}

/** A tab of the console, and what went wrong in it. */
export interface Tab {
  readonly page: Page
  /** Errors of scripts, and what the content policy refused. */
  readonly errors: readonly string[]
  go(...segments: readonly string[]): Promise<void>
  close(): Promise<void>
}

const WIDE = { width: 1280, height: 860 }
const PHONE = { width: 390, height: 844 }
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Opens an address of the console in a tab of its own, without what other tabs keep. */
export async function open(browser: Browser, url: string, { colorScheme = 'light', isPhone = false }: Look = {}): Promise<Tab> {
  const context = await browser.newContext({
    viewport: isPhone ? PHONE : WIDE,
    colorScheme,
    hasTouch: isPhone,
    deviceScaleFactor: isPhone ? 2 : 1,
    locale: 'en-GB',
    timezoneId: 'UTC',
  })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    // Chromium reports every answer that is no success. The page shows those itself.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) errors.push(message.text())
  })
  await page.goto(url)
  return {
    page,
    errors,
    close: () => context.close(),
    async go(...segments) {
      await page.evaluate((hash) => (location.hash = hash), `#/${segments.map(encodeURIComponent).join('/')}`)
    },
  }
}

/** Fails with what axe finds against WCAG 2.2 AA and its best practices. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(() => (window as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run())
  const found = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`,
  )
  expect(found).toEqual([])
}
