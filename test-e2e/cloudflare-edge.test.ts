// An exempt address on Cloudflare, on a real workerd that gets what the edge sends: `cf`, CF-Connecting-IP and X-Forwarded-For.
import { startWorkerd, type Workerd } from '@sluice/testing/workerd'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const EXEMPT = '203.0.113.7'
const OTHER = '198.51.100.1'

let server: Workerd
beforeAll(async () => {
  server = await startWorkerd({ entry: new URL('./support/exempt.worker.ts', import.meta.url), cfHeader: 'x-cf' })
})
afterAll(() => server.stop())

/** What a worker gets from a request that reached the edge from `address`, with what the client sent. */
function atEdge(address: string, sent: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const forwarded = sent['x-forwarded-for'] === undefined ? address : `${sent['x-forwarded-for']},${address}`
  return { ...sent, 'cf-connecting-ip': address, 'x-forwarded-for': forwarded, 'x-cf': JSON.stringify({ colo: 'FRA', country: 'DE' }) }
}

async function answer(adapter: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const response = await fetch(`${server.url}/${adapter}`, { headers })
  const text = await response.text()
  if (response.status !== 200) return text
  return response.headers.has('ratelimit') ? 'limited' : 'exempt'
}

// Before any header is forged, since each warning comes once.
test('the header that the edge writes is no sign of a proxy', async () => {
  for (const adapter of ['hono', 'fetch']) {
    expect(await answer(adapter, atEdge(EXEMPT))).toBe('exempt')
    expect(await answer(adapter, atEdge(OTHER))).toBe('limited')
  }
  expect(await (await fetch(`${server.url}/warnings`, { headers: atEdge(OTHER) })).json()).toEqual([])
})

describe.each(['hono', 'fetch'])('%s: not exempt', (adapter) => {
  test.each([
    ['a client that claims the address', { 'x-forwarded-for': EXEMPT }],
    ['a client that claims it twice', { 'x-forwarded-for': `${EXEMPT},${EXEMPT}` }],
    ['a client that sends the header of Cloudflare', { 'cf-connecting-ip': EXEMPT }],
    ['a client that claims it in other headers', { 'x-real-ip': EXEMPT, 'true-client-ip': EXEMPT, forwarded: `for=${EXEMPT}` }],
  ])('%s', async (_, sent) => {
    expect(await answer(adapter, atEdge(OTHER, sent))).toBe('limited')
  })

  test.each([
    ['X-Forwarded-For', { 'x-forwarded-for': OTHER }],
    ['the same X-Forwarded-For', { 'x-forwarded-for': EXEMPT }],
    ['Forwarded', { forwarded: `for=${OTHER}` }],
  ])('a request of an exempt load balancer before Cloudflare, by %s', async (_, sent) => {
    expect(await answer(adapter, atEdge(EXEMPT, sent))).toBe('limited')
  })

  // A workerd behind a Unix socket, or one that another Worker asks, knows no address, and passes on what a client sent.
  test.each([['{}'], ['{"clientPid":7}'], ['{"colo":7}'], ['{"country":"DE"}'], [undefined]])(
    'outside of Cloudflare: cf is %s',
    async (cf) => {
      const headers = { 'cf-connecting-ip': EXEMPT, 'x-forwarded-for': EXEMPT, ...(cf !== undefined && { 'x-cf': cf }) }
      expect(await answer(adapter, headers)).toContain('ERR_ADDRESS_UNKNOWN')
    },
  )

  test('outside of Cloudflare: the address of the connection counts', async () => {
    const cf = (address: string) => JSON.stringify({ clientIp: `${address}:80`, colo: 'FRA' })
    const claims = { 'cf-connecting-ip': EXEMPT, 'x-forwarded-for': EXEMPT }
    expect(await answer(adapter, { ...claims, 'x-cf': cf(OTHER) })).toBe('limited')
    expect(await answer(adapter, { ...claims, 'x-cf': cf(EXEMPT) })).toBe('limited')
    expect(await answer(adapter, { 'x-cf': cf(EXEMPT) })).toBe('exempt')
  })
})
