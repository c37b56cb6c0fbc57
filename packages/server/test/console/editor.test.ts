// The editor in the browser: where the cursor is afterwards, what the list offers, and that the keyboard is not trapped.
import type { Browser, Locator } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { expectAccessible, open, type Tab } from './browser.ts'
import { launch } from './launch.ts'
import { recordedService } from './recorded.ts'
import { TOKEN } from './recorded-answers.ts'

let browser: Browser
let service: Awaited<ReturnType<typeof recordedService>>
let tab: Tab
let editor: Locator
beforeAll(async () => {
  ;[browser, service] = await Promise.all([launch(), recordedService()])
})
afterAll(() => Promise.all([browser?.close(), service?.close()]))
beforeEach(async () => {
  tab = await open(browser, `${service.url}/#token=${TOKEN}`)
  await tab.go('policies', 'shop')
  await tab.page.getByRole('button', { name: 'Edit' }).click()
  editor = tab.page.getByRole('textbox', { name: 'Document of shop' })
  await tab.page.getByText('Ctrl+Space').waitFor()
  return () => tab.close()
})

describe('completion', () => {
  test('a field that is begun is completed by Enter, and its values are offered', async () => {
    const { page } = tab
    await editor.press('Control+End')
    await editor.pressSequentially('  - name: search')
    await editor.press('Enter')
    await editor.pressSequentially('mo')
    await page.getByRole('option', { name: /^mode/ }).waitFor()
    await expectAccessible(page)
    await editor.press('Enter')
    await editor.press('Control+ ')
    await page.getByRole('option', { name: /^shadow/ }).waitFor()
    await editor.press('ArrowDown')
    await editor.press('Tab')
    expect((await editor.inputValue()).endsWith('  - name: search\n    mode: shadow')).toBe(true)
    await page
      .getByText('enforce refuses', { exact: false })
      .or(page.getByText('Default: enforce', { exact: false }))
      .first()
      .waitFor()
  })
  test('Escape closes the list, and Tab then leaves the editor', async () => {
    await editor.press('Control+End')
    await editor.press('Control+ ')
    await tab.page.getByRole('listbox').waitFor()
    await editor.press('Escape')
    await tab.page.getByRole('listbox').waitFor({ state: 'detached' })
    await editor.press('Tab')
    expect(await editor.evaluate((element) => document.activeElement === element)).toBe(false)
  })
})

test('the draft has the next revision, its problems are marked at their lines, and its impact can be tried', async () => {
  const { page } = tab
  const text = await editor.inputValue()
  expect(text).toContain('revision: 13')
  await editor.fill(text.replace('window: 15m', 'windw: 15m'))
  await page.getByText('did you mean window?').waitFor()
  expect(await page.locator('.line.bad .line-number').textContent()).toBe('17')
  await editor.fill(text.replace('limit: 5,', 'limit: 3,'))
  await page.getByText('the limit was 5 and is 3').waitFor()
  await page.getByRole('button', { name: 'Try' }).click()
  await page.getByText('Of 48,210 requests, 1,412 (2.9%) were refused.', { exact: false }).waitFor()
  await expectAccessible(page)
})

test('a long document draws only the lines in view', async () => {
  const { page } = tab
  await tab.go('policies', 'edge')
  const document = page.getByRole('textbox', { name: 'Document of edge' })
  await document.waitFor()
  expect(await page.locator('.line').count()).toBeLessThan(120)
  await document.press('Control+End')
  await page.locator('.line-number', { hasText: '20000' }).waitFor()
  expect(await page.locator('.line').count()).toBeLessThan(120)
})
