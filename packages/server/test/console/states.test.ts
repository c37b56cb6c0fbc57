// What the console shows where there is nothing, very much, or something is wrong.
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { expectAccessible, open, type Tab } from './browser.ts'
import { launch } from './launch.ts'
import { recordedService } from './recorded.ts'
import { type Recorded, TOKEN } from './recorded-answers.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser?.close())

let service: Awaited<ReturnType<typeof recordedService>>
let tab: Tab
async function start(options: Recorded, hash = `#token=${TOKEN}`): Promise<void> {
  service = await recordedService(options)
  tab = await open(browser, `${service.url}/${hash}`)
}
afterEach(async () => {
  await tab?.close()
  await service?.close()
})

test('empty lists say what would fill them', async () => {
  await start({ isEmpty: true })
  await tab.page.getByText('Nobody was refused.').waitFor()
  await expectAccessible(tab.page)
  for (const [path, words] of [
    [['subjects'], 'Nobody has used a limit yet.'],
    [['policies', 'shop', 'history'], 'No earlier revision is kept.'],
    [['blocks'], 'Nothing is blocked.'],
    [['regions'], 'This service is in no region.'],
    [['audit'], 'Nobody has changed anything.'],
    [['kill-switch'], 'All limits hold.'],
  ] as const) {
    await tab.go(...path)
    await tab.page.getByText(words).waitFor()
  }
})

test('the forms to sign in and to set up are accessible', async () => {
  await start({}, '')
  await tab.page.getByRole('heading', { name: 'Sign in to Sluice' }).waitFor()
  await expectAccessible(tab.page)
  await tab.close()
  await service.close()
  await start({ isOn: false })
  await tab.page.getByRole('heading', { name: 'Set a token to use the console' }).waitFor()
  await expectAccessible(tab.page)
})

test('a store that is away is said on every page', async () => {
  await start({ store: 'away' })
  await tab.page.getByText('The store is away.').waitFor()
  await tab.page.getByText('away: its breaker is open').first().waitFor()
  await tab.go('audit')
  await tab.page.getByText('The store is away.').waitFor()
  await expectAccessible(tab.page)
})

test('what cannot be loaded is said where it would stand, and can be tried again', async () => {
  const failing = ['GET violators']
  await start({ failing })
  const panel = tab.page.getByRole('region', { name: 'Refused most' })
  await panel.getByText('The service failed. Its log says why.').waitFor()
  await tab.page.getByText('client:northwind').waitFor()
  failing.pop()
  await panel.getByRole('button', { name: 'Try again' }).click()
  await panel.getByText('client:acme-import').waitFor()
  expect(await panel.getByText('This could not be loaded').count()).toBe(0)
})

test('regions that cannot be loaded say so, and are there after another try', async () => {
  const failing: string[] = []
  await start({ failing })
  const { page } = tab
  await page.getByText('Live', { exact: true }).waitFor()
  failing.push('GET overview')
  await tab.go('regions')
  await page.getByText('The service failed. Its log says why.').waitFor()
  await expectAccessible(page)
  failing.pop()
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('row', { name: 'us-east' }).waitFor()
  expect(await page.getByText('This could not be loaded').count()).toBe(0)
})

test('10,000 namespaces: the list is found by typing, and draws only what is in view', async () => {
  await start({ namespaces: 9_997 })
  await tab.go('policies')
  const { page } = tab
  await page.getByText('10,000 namespaces', { exact: false }).waitFor()
  const rows = page.getByRole('row')
  expect(await rows.count()).toBeLessThan(80)
  const list = page.getByRole('region', { name: 'Namespaces and their policies' })
  expect(await list.getByRole('table').getAttribute('aria-rowcount')).toBe('10001')
  await list.evaluate((element) => (element.scrollTop = element.scrollHeight))
  await page.getByRole('link', { name: 'tenant-09996' }).waitFor()
  expect(await rows.count()).toBeLessThan(80)
  await expectAccessible(page)
  await page.getByLabel('Filter namespaces').fill('tenant-04711')
  await page.getByRole('link', { name: 'tenant-04711' }).waitFor()
  expect(await rows.count()).toBe(2)
})

test('the keyboard alone: skip the menu, follow a link, close a dialog, and come back to where one was', async () => {
  await start({})
  const { page } = tab
  await page.getByText('Live', { exact: true }).waitFor()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
  await tab.go('blocks')
  await page.getByRole('heading', { name: 'Blocks' }).and(page.locator(':focus')).waitFor()
  const button = page.getByRole('button', { name: 'Block…', exact: true })
  await button.focus()
  await page.keyboard.press('Enter')
  await page.getByRole('dialog', { name: 'Block', exact: true }).waitFor()
  await expectAccessible(page)
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await button.and(page.locator(':focus')).waitFor()
})

test('the theme is chosen, and stays', async () => {
  await start({})
  const { page } = tab
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  const light = await background()
  const button = page.getByRole('button', { name: /^Colours:/ })
  await button.click()
  await button.click()
  await page.getByRole('button', { name: 'Colours: dark. Change' }).waitFor()
  expect(await background()).not.toBe(light)
  await page.reload()
  await page.getByRole('button', { name: 'Colours: dark. Change' }).waitFor()
})
