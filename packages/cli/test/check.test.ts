// A real service, and documents without one.
import { type RunningService, serve } from '@sluice/server'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { documentText, newFolder, sluice } from './sluice.ts'

const folder = newFolder()
const document = folder.file('sluice.yaml', documentText(1, 2))
const byHeader = folder.file(
  'header.yaml',
  `apiVersion: sluice/v1
namespace: keys
revision: 7
subjects: { key: { parts: [{ header: x-api-key }] } }
policies:
  - name: paid
    rules:
      - name: all
        match: { attributes: { admin: false, plan: pro }, methods: [POST], paths: [/v2/*] }
        limits: [{ name: hour, algorithm: fixedWindow, limit: 5, window: 1h, subject: key }]
`,
)

let service: RunningService
let redis: RedisServer
beforeAll(async () => {
  service = await serve({ http: { port: 0 }, drain: { delay: 0 } })
  redis = await startRedis()
})
afterAll(async () => {
  await service.close()
  await redis.stop()
})
const env = () => ({ SLUICE_URL: service.http?.url ?? '', REDIS_URL: '' })

test('check asks a service and charges, peek charges nothing', async () => {
  const check = await sluice(['check', 'user_id=ada'], { env: env() })
  expect(check).toMatchObject({ status: 0, err: '' })
  expect(check.out).toMatch(
    /^allowed {2}default revision 1\n {2}by api\.all.*\n {2}limit +used +of +left +full again in\n {2}api\.minute +1 +100 +99 +1m/,
  )
  for (let i = 0; i < 2; i++)
    expect(JSON.parse((await sluice(['peek', 'user_id=ada', '--json'], { env: env() })).out)).toMatchObject({
      allowed: true,
      remaining: 99,
    })
  const url = `${service.http?.url}/`
  const refused = await sluice(['check', 'user_id=ada', '--cost', '100', '--url', url])
  expect(refused.status).toBe(1)
  expect(refused.out).toMatch(/^refused {2}default revision 1\n {2}by api\.all, api\.minute refuses, status 429, retry in /)
  expect((await sluice(['peek', 'user_id=ada', '--cost', '100'], { env: env() })).status).toBe(1)
})

test('a document decides without a service', async () => {
  const args = ['check', '--policies', document, '--ip', '203.0.113.7', '--times', '3']
  const { status, out, err } = await sluice(args, { env: { REDIS_URL: '' } })
  expect({ status, err }).toEqual({ status: 1, err: '' })
  expect(out).toMatch(/^refused {2}shop revision 1\n/)
  expect(out).toContain('2 of 3 requests are admitted; the first refusal is number 3')
  const answers = JSON.parse((await sluice([...args, '--json'], { env: { REDIS_URL: '' } })).out) as { allowed: boolean }[]
  expect(answers.map(({ allowed }) => allowed)).toEqual([true, true, false])
})

test('attributes, headers, method and path reach the document', async () => {
  const args = ['Peek-Not:x', 'X-Api-Key:abc', 'plan=pro', 'admin:=false', '--method', 'POST', '--path', '/v2/orders']
  const { status, out } = await sluice(['check', '--policies', byHeader, ...args], { env: { REDIS_URL: '' } })
  expect(status).toBe(0)
  expect(out).toMatch(/ {2}paid\.hour +1 +5 +4 /)
  const other = await sluice(['check', '--policies', byHeader, 'plan=pro', 'admin:=true'], { env: { REDIS_URL: '' } })
  expect(other).toMatchObject({ status: 0, out: expect.stringContaining('nothing limits this request') })
})

test('with Redis, counts stay', async () => {
  const args = ['--policies', document, '--ip', '203.0.113.8', '--redis', redis.url]
  for (const remaining of [1, 0])
    expect(JSON.parse((await sluice(['check', '--json', ...args])).out)).toMatchObject({ remaining, source: 'redis' })
  expect((await sluice(['peek', ...args])).status).toBe(1)
})

test('a request that lacks what its limit needs is refused with the reason', async () => {
  const { status, out } = await sluice(['check', '--policies', document], { env: { REDIS_URL: '' } })
  expect(status).toBe(1)
  expect(out).toContain('status 400, The request lacks ip')
})

test.each([
  [['user'], 'expected name=value or Header:value, got user'],
  [['a:=x'], 'a: expected JSON after :=, got x; for a text write a=x'],
  [['--cost', '-1'], '--cost needs a value: UNITS'],
  [['--times', '0'], '--times: expected a whole number, 1 to 1000, got 0'],
  [['--url', 'http://u:geheim@127.0.0.1'], '--url: expected a URL such as http://127.0.0.1:8080, got http://…@127.0.0.1'],
  [['--url', 'http://127.0.0.1:1'], 'http://127.0.0.1:1 cannot be reached: '],
  [['--url', 'http://127.0.0.1:1', '--policies', 'x'], '--policies and --url exclude each other'],
  [['--redis', 'redis://127.0.0.1:1'], '--redis needs --policies'],
  [['--policies', 'none.yaml'], 'none.yaml cannot be read: there is no such file'],
  [['--policies', document, '--namespace', 'other'], 'answers with status 404'],
])('sluice check %j has status 2', async (args, message) => {
  const { status, err } = await sluice(['check', ...args], { env: { REDIS_URL: '' } })
  expect(status).toBe(2)
  expect(err).toContain(message)
  expect(err).not.toContain('geheim')
})
