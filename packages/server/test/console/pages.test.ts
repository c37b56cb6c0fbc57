// Each page on recorded answers: it is drawn, breaks no rule of accessibility, and asks for nothing that its content policy refuses.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectAccessible, type Look, open } from './browser.ts'
import { launch } from './launch.ts'
import { recordedService } from './recorded.ts'
import { TOKEN } from './recorded-answers.ts'

let browser: Browser
let service: Awaited<ReturnType<typeof recordedService>>
beforeAll(async () => {
  ;[browser, service] = await Promise.all([launch(), recordedService()])
})
afterAll(() => Promise.all([browser?.close(), service?.close()]))

const LOOKS: readonly Look[] = [{}, { colorScheme: 'dark' }, { isPhone: true }]
const PAGES = [
  { path: ['overview'], heading: 'Overview', shows: 'Nearest to a limit' },
  { path: ['subjects'], heading: 'Subjects', shows: 'client:northwind' },
  { path: ['subjects', 'shop', '203.0.113.7'], heading: '203.0.113.7', shows: 'This subject is blocked.' },
  { path: ['policies'], heading: 'Policies', shows: '3 namespaces, 9 policies' },
  { path: ['policies', 'shop'], heading: 'shop', shows: 'Revision 12' },
  { path: ['policies', 'shop', 'history'], heading: 'shop', shows: 'content of 9' },
  { path: ['blocks'], heading: 'Blocks', shows: '203.0.113.7/32' },
  { path: ['regions'], heading: 'Regions', shows: 'Nothing is heard of ap-south.' },
  { path: ['audit'], heading: 'Audit', shows: 'policies.publish' },
  { path: ['kill-switch'], heading: 'Kill switch', shows: 'chat' },
] as const

test.each(LOOKS)(
  'every page with %j',
  async (look) => {
    const tab = await open(browser, `${service.url}/#token=${TOKEN}`, look)
    await tab.page.getByText('Live').first().waitFor()
    for (const { path, heading, shows } of PAGES) {
      await tab.go(...path)
      await tab.page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor()
      await tab.page.getByText(shows).first().waitFor()
      await expectAccessible(tab.page)
      expect(await overflowOf(tab.page), path.join()).toBe(0)
    }
    expect(tab.errors).toEqual([])
    await tab.close()
  },
  180_000,
)

/** px that the page is wider than the window. */
function overflowOf(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}
