// Takes the pictures of docs/console.md: `node --conditions=source packages/server/test/console/pictures.ts` writes docs/images/console/*.png,
// or only the named ones.
// Build the console before, by `node scripts/console.ts`. It shows recorded answers of a small fleet, since one instance without traffic
// would show little. Look at each picture before you commit it.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { launch } from './launch.ts'
import { recordedService } from './recorded.ts'
import { TOKEN } from './recorded-answers.ts'

const TARGET = join(import.meta.dirname, '../../../../docs/images/console')

interface Picture {
  readonly name: string
  readonly path: string
  readonly isDark?: boolean
  readonly isPhone?: boolean
  readonly before?: (page: Page) => Promise<unknown>
}

const PICTURES: readonly Picture[] = [
  { name: 'overview', path: 'overview' },
  { name: 'overview-dark', path: 'overview', isDark: true },
  { name: 'overview-phone', path: 'overview', isPhone: true },
  { name: 'subject', path: 'subjects/shop/203.0.113.7' },
  { name: 'edit', path: 'policies/shop', isDark: true, before: edit },
  { name: 'blocks', path: 'blocks' },
  { name: 'regions', path: 'regions' },
  { name: 'kill-switch-phone', path: 'kill-switch', isPhone: true, isDark: true },
]

const names = process.argv.slice(2)
mkdirSync(TARGET, { recursive: true })
const [calm, switched, browser] = await Promise.all([recordedService({ isCalm: true }), recordedService(), launch()])
try {
  for (const picture of PICTURES) {
    if (names.length > 0 && !names.includes(picture.name)) continue
    const { url } = picture.path === 'kill-switch' ? switched : calm
    await takeOne(browser, `${url}/#token=${TOKEN}`, picture)
  }
} finally {
  await browser.close()
  await Promise.all([calm.close(), switched.close()])
}

async function takeOne(browser: Browser, url: string, { name, path, isDark = false, isPhone = false, before }: Picture): Promise<void> {
  const page = await browser.newPage({
    viewport: isPhone ? { width: 390, height: 844 } : { width: 1280, height: 900 },
    colorScheme: isDark ? 'dark' : 'light',
    hasTouch: isPhone,
    locale: 'en-GB',
    timezoneId: 'UTC',
  })
  await page.goto(url)
  await page.getByText('Live', { exact: true }).waitFor()
  await page.evaluate((hash) => (location.hash = hash), `#/${path}`)
  await page.getByText('Loading').first().waitFor({ state: 'detached' })
  // Charts are drawn when the first samples are there.
  await page.waitForFunction(() => document.querySelectorAll('.spinner').length === 0)
  await before?.(page)
  await page.screenshot({ path: join(TARGET, `${name}.png`) })
  await page.close()
  console.log(`docs/images/console/${name}.png`)
}

/** A draft with a change, its checks, its difference, its impact, and what the schema allows at the cursor. */
async function edit(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Edit' }).click()
  const editor = page.getByRole('textbox', { name: 'Document of shop' })
  await editor.fill((await editor.inputValue()).replace('limit: 5,', 'limit: 3,'))
  await page.getByText('the limit was 5 and is 3').waitFor()
  await page.getByRole('button', { name: 'Try' }).click()
  await page.getByText('48,210').waitFor()
  await editor.evaluate((field: HTMLTextAreaElement) => {
    const end = field.value.indexOf('subject: address, visible') + 'subject: address, '.length
    field.focus()
    field.setSelectionRange(end, end)
  })
  await editor.press('Control+ ')
  await page.getByRole('listbox').waitFor()
}
