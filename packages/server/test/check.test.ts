import { afterEach, expect, test } from 'vitest'
import { type RunningService, serve } from '../src/index.ts'

let service: RunningService | undefined
afterEach(() => service?.close())

test('a check is admitted while there are units, and refused with the wait', async () => {
  service = await serve({ http: { port: 0 } })
  const ask = (user: string, cost = 1) => fetch(`${service?.http?.url}/check?user_id=${user}&cost=${cost}`)
  const first = await ask('ada')
  expect(first.status).toBe(200)
  expect(await first.json()).toEqual({ allowed: true, remaining: 99 })
  expect(first.headers.get('ratelimit-policy')).toBe('"api.minute";q=100;w=60')
  expect(first.headers.get('cache-control')).toBe('no-store')
  const refused = await ask('ada', 100)
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  const other = await ask('bob')
  expect(other.status).toBe(200)
  expect(await other.json()).toEqual({ allowed: true, remaining: 99 })
})
