// The table of platforms in docs/guides/behind-a-proxy.md: with the settings of each row, the client's address is found, and no header that
// a client sends changes it. What a platform does to the headers is written here from the pages that the table links to.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decisionOf, rateLimit } from '@sluice/fetch'
import { expect, test } from 'vitest'
import { ROOT } from './support/workspace.ts'

type Fields = Record<string, string>

const CLIENT = '203.0.113.7'
const FORGED = '192.0.2.1'
/** The address of the nearest proxy, which is one of Cloudflare's. */
const PROXY = '172.64.0.1'
const CLOUDFLARE = '172.64.0.0/13'

const appended = (fields: Fields, ...addresses: readonly string[]): Fields => ({
  ...fields,
  'x-forwarded-for': [fields['x-forwarded-for'] ?? [], addresses].flat().join(', '),
})
const set = (fields: Fields, name: string, address: string): Fields => ({ ...fields, [name]: address })

/** What each platform makes of the header fields that a client sends. */
const PLATFORMS: Readonly<Record<string, (fields: Fields) => Fields>> = {
  'nginx, as above': (fields) => appended(fields, CLIENT),
  'AWS Application Load Balancer': (fields) => appended(fields, CLIENT),
  'Amazon CloudFront, straight to your server': (fields) => appended(fields, CLIENT),
  'Amazon CloudFront, then an Application Load Balancer': (fields) => appended(fields, CLIENT, PROXY),
  'Azure Application Gateway': (fields) => appended(fields, `${CLIENT}:50123`),
  'Azure Front Door, straight to your server': (fields) => {
    const claimed = fields['x-forwarded-for'] ?? CLIENT
    return set(set(appended(fields, CLIENT), 'x-azure-clientip', claimed), 'x-azure-socketip', CLIENT)
  },
  'Cloudflare, straight to your server': (fields) => set(appended(fields, CLIENT), 'cf-connecting-ip', CLIENT),
  'Fly.io': (fields) => set(appended(fields, CLIENT, PROXY), 'fly-client-ip', CLIENT),
  'Google Cloud external Application Load Balancer': (fields) => appended(fields, CLIENT, PROXY),
  Heroku: (fields) => appended(fields, CLIENT),
  Railway: (fields) => set(fields, 'x-real-ip', CLIENT),
  Render: (fields) => set(appended(fields, CLIENT, PROXY, '10.19.6.53'), 'cf-connecting-ip', CLIENT),
  Vercel: (fields) => set(fields, 'x-forwarded-for', CLIENT),
}

const page = readFileSync(join(ROOT, 'docs', 'guides', 'behind-a-proxy.md'), 'utf8')
const table = page.slice(page.indexOf('## Platforms'), page.indexOf('## Health checks'))
const rows = Array.from(table.matchAll(/^\| (?!in front|-)([^|]+) \| ([^|]+) \|/gm), ([, name = '', settings = '']) => ({ name, settings }))

/** The options that a row shows. Its comment stands for the ranges of Cloudflare. */
function optionsOf(settings: string): { readonly trustProxy: number | string[]; readonly forwardedHeader?: string } {
  const hops = /`trustProxy: (\d)`/.exec(settings)?.[1]
  const header = /`forwardedHeader: '([\w-]+)'`/.exec(settings)?.[1]
  return { trustProxy: hops === undefined ? [CLOUDFLARE] : Number(hops), ...(header === undefined ? {} : { forwardedHeader: header }) }
}

test('F09: the table has a row for each platform that is known here', () => {
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(PLATFORMS))
})

test.each(rows)('F09: $name', async ({ name, settings }) => {
  const handler = rateLimit(() => new Response(), { ...optionsOf(settings), address: () => PROXY })
  const subjectOf = async (sent: Fields): Promise<string | undefined> => {
    const request = new Request('http://localhost/', { headers: PLATFORMS[name]!(sent) })
    await handler(request)
    return decisionOf(request)?.charges[0]?.subject
  }
  expect(await subjectOf({})).toBe(CLIENT)
  expect(await subjectOf({ 'x-forwarded-for': FORGED, forwarded: `for=${FORGED}`, 'x-real-ip': FORGED, 'x-azure-clientip': FORGED })).toBe(
    CLIENT,
  )
})
