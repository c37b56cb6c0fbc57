// The console on the real service: what it shows is what the service decides, and each action does what it says.
import { createHash } from 'node:crypto'
import { waitUntil } from '@sluice/testing'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type RunningService, serve, type ServeOptions } from '../../src/index.ts'
import { open, type Tab } from './browser.ts'
import { launch } from './launch.ts'

const TOKEN = 'only-reads-0123456789-0123456789-0123456789'
const READER: ServeOptions['admin'] = {
  tokens: [{ name: 'reader', sha256: createHash('sha256').update(TOKEN).digest('hex'), scopes: ['read:*'] }],
}

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

let service: RunningService
let tab: Tab
const url = (): string => service.http!.url
const check = (query: string): Promise<Response> => fetch(`${url()}/check?${query}`)
const start = async (admin: ServeOptions['admin']): Promise<void> => {
  service = await serve({ http: { port: 0 }, admin })
}
/** Publishes revision 2, as somebody else would. */
const publish = async (changed: (text: string) => string): Promise<void> => {
  const path = `${url()}/admin/v1/policies/default`
  const headers = { authorization: `Bearer ${service.adminToken}`, 'content-type': 'application/json' }
  const { text } = (await (await fetch(path, { headers })).json()) as { text: string }
  const body = JSON.stringify({ text: changed(text.replace('revision: 1', 'revision: 2')), expected: 1 })
  const { status } = await fetch(path, { method: 'PUT', headers, body })
  expect(status).toBe(200)
}
const signIn = async (): Promise<void> => {
  tab = await open(browser, `${url()}/#token=${service.adminToken}`)
  await tab.page.getByText('Live', { exact: true }).waitFor()
}
afterEach(async () => {
  await tab?.close()
  await service?.close()
})

describe('signing in', () => {
  test('by the link that the start prints: the token leaves the address', async () => {
    await start({})
    await signIn()
    expect(await tab.page.evaluate(() => location.href)).toBe(`${url()}/#/`)
    await tab.page.getByText('Signed in as start').waitFor()
    await tab.page.reload()
    await tab.page.getByText('Signed in as start').waitFor()
  })
  test('by a token, and out again', async () => {
    await start(READER)
    tab = await open(browser, url())
    await tab.page.getByLabel('Token').fill('another token')
    await tab.page.getByRole('button', { name: 'Sign in' }).click()
    await tab.page.getByText('The service does not know this token.').waitFor()
    await tab.page.getByLabel('Token').fill(TOKEN)
    await tab.page.getByLabel('Token').press('Enter')
    await tab.page.getByText('Signed in as reader').waitFor()
    await tab.page.getByRole('button', { name: 'Sign out' }).click()
    await tab.page.getByRole('heading', { name: 'Sign in to Sluice' }).waitFor()
    expect(await tab.page.evaluate(() => [sessionStorage, localStorage].map((each) => JSON.stringify(each)).join(' '))).not.toContain(TOKEN)
  })
  test('without tokens the page says how to set one', async () => {
    await start(false)
    tab = await open(browser, url())
    await tab.page.getByRole('heading', { name: 'Set a token to use the console' }).waitFor()
  })
  test('a token that only reads has its writes disabled, with the scope that they need', async () => {
    await start(READER)
    tab = await open(browser, `${url()}/#token=${TOKEN}`)
    await tab.go('policies', 'default')
    const edit = tab.page.getByRole('button', { name: 'Edit' })
    await edit.and(tab.page.locator('[title="Your token lacks the scope policies:default."]')).waitFor()
    expect(await edit.getAttribute('aria-disabled')).toBe('true')
    await edit.click({ force: true })
    expect(await tab.page.getByRole('button', { name: 'Publish…' }).count()).toBe(0)
  })
})

describe('on a service with all rights', () => {
  beforeEach(async () => {
    await start({})
    await signIn()
  })

  test('the overview shows a decision as it is made', async () => {
    await tab.page.getByText('No decision in the last minute.').waitFor()
    const row = tab.page.getByRole('row').filter({ hasText: 'api.minute' })
    await waitUntil('the console shows the decisions', async () => {
      await Promise.all([check('user_id=ada'), check('user_id=bob&cost=100'), check('user_id=bob')])
      const cells = await row.getByRole('cell').allTextContents()
      return cells.some((cell) => Number(cell) > 0)
    })
    await tab.page.getByText('Store up').waitFor()
    expect(tab.errors).toEqual([])
  })

  test('pausing holds the picture while the stream goes on', async () => {
    await tab.page.getByRole('button', { name: 'Pause' }).click()
    await check('user_id=ada')
    const live = tab.page.getByRole('region', { name: 'State of the service' })
    await waitUntil('the status line goes on', async () => {
      await check('user_id=ada')
      return !(await live.textContent())!.includes('0 decisions/s')
    })
    await tab.page.getByText('No decision in the last minute.').waitFor()
    await tab.page.getByRole('button', { name: 'Resume' }).click()
    await tab.page.getByRole('row').filter({ hasText: 'api.minute' }).waitFor()
  })

  test('a document is changed, checked, compared, published, and rolled back', async () => {
    const { page } = tab
    await tab.go('policies', 'default')
    await page.getByRole('button', { name: 'Edit' }).click()
    const editor = page.getByRole('textbox', { name: 'Document of default' })
    const text = await editor.inputValue()
    expect(text).toContain('revision: 2')

    // A mistake is named with its line, and cannot be published.
    await editor.fill(text.replace('limit: 100', 'limt: 100'))
    await page.getByText('Problem').first().waitFor()
    expect(await page.getByRole('button', { name: 'Publish…' }).getAttribute('aria-disabled')).toBe('true')

    await editor.fill(text.replace('limit: 100', 'limit: 50'))
    await page.getByText('was 100', { exact: false }).first().waitFor()
    await page.getByRole('button', { name: 'Publish…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('1 change would refuse more than now.').waitFor()
    await dialog.getByLabel('Note').fill('Halve it')
    await dialog.getByRole('button', { name: 'Publish revision 2' }).click()
    await page.getByText('Revision 2 of default is published', { exact: false }).first().waitFor()
    await page.getByRole('region', { name: 'Revision 2' }).waitFor()
    expect((await check('user_id=eve&cost=51')).status).toBe(429)

    await page.getByRole('link', { name: 'History' }).click()
    await page.getByText('Halve it').waitFor()
    await page.getByRole('button', { name: 'Read revision 1' }).click()
    await page.getByText('If it were published again').waitFor()
    await page.getByRole('button', { name: 'Roll back to revision 1' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click()
    await page.getByText('content of 1').waitFor()
    expect((await check('user_id=eve&cost=51')).status).toBe(200)
    expect(tab.errors).toEqual([])
  })

  test('a subject: its limits, its reset, other numbers until a time', async () => {
    const { page } = tab
    // A window of a day: what is used must not fade while the test looks at it.
    await publish((text) => text.replace('window: 1m', 'window: 1d'))
    await check('user_id=ada&cost=60')
    await tab.go('subjects')
    const nearest = page.getByRole('region', { name: 'Nearest to a limit', exact: true })
    await nearest.getByText('60 of 100').waitFor()
    await nearest.getByRole('link').first().click()
    const limits = page.getByRole('region', { name: 'Limits of this subject' })
    await limits.getByText('60 of 100').waitFor()
    await page.getByText('allowed 1').waitFor()
    expect(tab.errors).toEqual([])

    await page.getByRole('button', { name: 'Reset' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Reset' }).click()
    await limits.getByText('0 of 100').waitFor()

    await page.getByRole('button', { name: 'Override…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Limit minute').fill('5')
    await dialog.getByRole('button', { name: 'Publish the override' }).click()
    await page.getByRole('region', { name: 'Overrides' }).getByText('minute 5').waitFor()
    expect((await check('user_id=ada&cost=6')).status).toBe(429)
    expect((await check('user_id=bob&cost=6')).status).toBe(200)
  })

  test('the block list: block, why, unblock, never block', async () => {
    const { page } = tab
    const dialog = page.getByRole('dialog')
    await tab.go('blocks')
    await page.getByText('Nothing is blocked.').waitFor()
    await page.getByRole('button', { name: 'Block…', exact: true }).click()
    await dialog.getByLabel('Target').fill('203.0.113.0/24')
    await dialog.getByLabel('Reason').fill('Scraper')
    await dialog.getByRole('button', { name: 'Block' }).click()
    await page.getByRole('region', { name: 'Blocked targets' }).getByRole('cell', { name: 'Scraper' }).waitFor()
    expect((await check('ip=203.0.113.7')).status).not.toBe(200)

    await page.getByLabel('Subject, address or network').fill('203.0.113.7')
    await page.getByRole('button', { name: 'Ask why' }).click()
    await page.getByText('203.0.113.0/24 was blocked by hand', { exact: false }).waitFor()

    await page.getByRole('button', { name: 'Unblock 203.0.113.0/24' }).click()
    await dialog.getByRole('button', { name: 'Unblock' }).click()
    await page.getByText('Nothing is blocked.').waitFor()
    expect((await check('ip=203.0.113.7')).status).toBe(200)

    await page.getByRole('button', { name: 'Never block…' }).click()
    await dialog.getByLabel('Target').fill('203.0.113.7')
    await dialog.getByLabel('Reason').fill('Monitoring')
    await dialog.getByRole('button', { name: 'Allow' }).click()
    const allowed = page.getByRole('region', { name: 'Targets that are never blocked' })
    await allowed.getByRole('cell', { name: 'Monitoring' }).waitFor()
    await page.getByRole('button', { name: 'Remove 203.0.113.7/32' }).click()
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await page.getByText('Nothing is allowed by hand.').waitFor()
    await tab.go('audit')
    for (const action of ['blocks.block', 'blocks.unblock', 'blocks.allow', 'blocks.disallow'])
      await page.getByText(action, { exact: true }).waitFor()
    expect(tab.errors).toEqual([])
  })

  test('the impact of a draft is tried on what was decided', async () => {
    const { page } = tab
    await check('user_id=ada&cost=60')
    await tab.go('policies', 'default')
    await page.getByRole('button', { name: 'Edit' }).click()
    const editor = page.getByRole('textbox', { name: 'Document of default' })
    await editor.fill((await editor.inputValue()).replace('limit: 100', 'limit: 50'))
    await page.getByRole('button', { name: 'Try' }).and(page.locator('[aria-disabled="false"]')).click()
    await page.getByText('Of 1 request, 0 (0%) were refused.', { exact: false }).waitFor()
  })

  test('what somebody else publishes meanwhile is a conflict, and is said', async () => {
    const { page } = tab
    await tab.go('policies', 'default')
    await page.getByRole('button', { name: 'Edit' }).click()
    const editor = page.getByRole('textbox', { name: 'Document of default' })
    await publish((text) => text.replace('limit: 100', 'limit: 60'))
    await editor.fill((await editor.inputValue()).replace('limit: 100', 'limit: 70'))
    await page.getByRole('button', { name: 'Publish…' }).and(page.locator('[aria-disabled="false"]')).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Publish revision 2' }).click()
    await page.getByText('ERR_PUBLISH_CONFLICT', { exact: true }).waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('Revision 2 was published while you were editing.').waitFor()
  })

  test('the kill switch admits everything, says so on every page, and ends', async () => {
    const { page } = tab
    await tab.go('kill-switch')
    await page.getByText('All limits hold.').waitFor()
    await page.getByRole('button', { name: 'Switch limits off…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Namespace').selectOption('default')
    await dialog.getByLabel('Reason').fill('Incident 1')
    await dialog.getByRole('button', { name: 'Switch off' }).click()
    await page.getByText('Limits are off: default').waitFor()
    await tab.go('audit')
    await page.getByText('off: Incident 1').waitFor()
    await page.getByText('Limits are off: default').waitFor()
    expect((await check('user_id=mallory&cost=101')).status).toBe(200)
    await tab.go('kill-switch')
    await page.getByRole('button', { name: 'Switch on default' }).click()
    await page.getByRole('dialog').getByLabel('Reason').fill('Over')
    await page.getByRole('dialog').getByRole('button', { name: 'Switch on' }).click()
    await page.getByText('All limits hold.').waitFor()
    expect((await check('user_id=mallory&cost=101')).status).toBe(429)
  })

  test('a service that ends is said to be lost, and the console connects again by itself', async () => {
    const { page } = tab
    const { port } = new URL(url())
    await service.close()
    await page.getByText('The console lost the service.').waitFor()
    // Another start has another token: the console asks for it.
    service = await serve({ http: { port: Number(port) }, admin: {} })
    await page.getByRole('heading', { name: 'Sign in to Sluice' }).waitFor()
  })
})
