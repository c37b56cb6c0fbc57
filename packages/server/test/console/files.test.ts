import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serve, type RunningService } from '../../src/index.ts'
import { consoleFiles } from '../../src/console/files.ts'

/** Bytes. What a browser loads at first, compressed. */
const BUDGET = 150_000

let service: RunningService
beforeAll(async () => {
  service = await serve({ http: { port: 0 } })
})
afterAll(() => service.close())

/** `fetch` would decompress the body. */
function load(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${service.http!.url}${path}`, { headers }, (response) => {
      buffer(response).then((body) => resolve({ status: response.statusCode!, headers: response.headers, body }), reject)
    })
    sent.on('error', reject).end()
  })
}

describe('the page', () => {
  test('is HTML that names its files by their hashes', async () => {
    const { status, headers, body } = await load('/')
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([200, 'text/html; charset=utf-8', 'no-cache'])
    const names = Array.from(String(body).matchAll(/(?:src|href)="(console\/[^"]+)"/g), ([, name]) => name!)
    expect(names.map((name) => name.replace(/-\w+\./, '-HASH.'))).toEqual([
      'console/icon-HASH.svg',
      'console/style-HASH.css',
      'console/main-HASH.js',
    ])
    for (const name of names) expect((await load(`/${name}`)).status).toBe(200)
  })
  test('allows no script, style or frame of anybody else, and none inline', async () => {
    const { headers, body } = await load('/')
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toMatch(/unsafe|data:|https?:|\*/)
    expect(String(body)).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=|https?:/)
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    })
  })
  test('is not sent again to a browser that has it', async () => {
    const { headers } = await load('/')
    const again = await load('/', { 'if-none-match': String(headers['etag']) })
    expect([again.status, again.body.length]).toEqual([304, 0])
  })
})

describe('the files', () => {
  test.each(['br', 'gzip', 'identity'] as const)('are served as %s', async (coding) => {
    const { name, forms } = consoleFiles().find((each) => each.name.endsWith('.js'))!
    const { headers, body } = await load(`/console/${name}`, { 'accept-encoding': coding === 'br' ? 'gzip;q=0.5, br' : coding })
    const decoded = { br: brotliDecompressSync, gzip: gunzipSync, identity: (bytes: Buffer) => bytes }[coding](body)
    expect(decoded.equals(forms.identity)).toBe(true)
    expect(headers['content-encoding']).toBe(coding === 'identity' ? undefined : coding)
    expect(headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'Accept-Encoding',
      'content-length': String(body.length),
    })
  })
  test('a coding that the client refuses is not used', async () => {
    const { headers } = await load('/', { 'accept-encoding': 'br;q=0, gzip' })
    expect(headers['content-encoding']).toBe('gzip')
  })
  test('the licences of what is bundled are with them, for the reader of the package', () => {
    const text = readFileSync(new URL('../../assets/console/licenses.txt', import.meta.url), 'utf8')
    expect(text.match(/MIT License/gi)).toHaveLength(2)
  })
  test(`all of them have at most ${BUDGET} bytes, compressed`, () => {
    for (const coding of ['br', 'gzip'] as const) {
      const bytes = consoleFiles().reduce((sum, { forms }) => sum + forms[coding].length, 0)
      expect(bytes).toBeLessThanOrEqual(BUDGET)
    }
  })
})
