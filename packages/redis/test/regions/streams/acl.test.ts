// The ACL rules in docs/region-transports.md are sufficient, and each of them is needed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { streamTransport, type StreamTransport } from '@sluice/redis'
import { waitUntil } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'

const page = readFileSync(join(import.meta.dirname, '../../../../../docs/region-transports.md'), 'utf8')
const rulesOf = (name: string): readonly string[] => new RegExp(`^user ${name} (.+)$`, 'm').exec(page)?.[1]?.split(' ') ?? []

let server: RedisServer
let users = 0
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

async function user(name: string, without?: string): Promise<{ url: string }> {
  const own = `${name}-${(users += 1)}`
  await server.call('ACL', 'SETUSER', own, 'reset', ...rulesOf(name).filter((rule) => rule !== without))
  await server.call('SCRIPT', 'FLUSH')
  return { url: `redis://${own}:secret@${server.host}:${server.port}` }
}

interface Reader {
  readonly texts: string[]
  readonly warnings: string[]
}

async function reader(without?: string): Promise<Reader> {
  const texts: string[] = []
  const warnings: string[] = []
  const on = { warning: ({ message }: { message: string }) => warnings.push(message) }
  const transport = streamTransport({
    self: { url: server.url },
    others: { eu: await user('region-other', without) },
    claimAfter: 1_000,
    on,
  })
  onTestFinished(await transport.subscribe('us', async (body) => void texts.push(new TextDecoder().decode(body))))
  return { texts, warnings }
}

async function sender(without?: string): Promise<StreamTransport> {
  const self = await user('region-self', without)
  const transport = streamTransport({ self, others: { us: { url: server.url } }, on: { warning: () => undefined } })
  onTestFinished(await transport.subscribe('eu', () => Promise.resolve()))
  return transport
}

const message = (text: string) => [{ partition: 0, body: new TextEncoder().encode(text) }]

test('messages pass, and nothing was refused', async () => {
  const [eu, us] = [await sender(), await reader()]
  await eu.publish(message('one'))
  await waitUntil('the message', () => us.texts.includes('one'))
  await waitUntil(
    'the acknowledgement',
    async () => ((await server.call('XPENDING', '{sluice:regions}:messages', 'us')) as unknown[])[0] === 0,
  )
  const log = (await server.call('ACL', 'LOG')) as unknown[]
  expect(log.map(String).filter((entry) => !/\bclient\b/i.test(entry))).toEqual([])
})

test('a region that sends cannot read', async () => {
  const { url } = await user('region-self')
  const warnings: string[] = []
  const on = { warning: ({ message: text }: { message: string }) => warnings.push(text) }
  const transport = streamTransport({ self: { url: server.url }, others: { eu: { url } }, on })
  onTestFinished(await transport.subscribe('us', () => Promise.resolve()))
  await waitUntil('the warning', () => warnings.some((text) => /NOPERM|permission/.test(text)))
})

test('without +xadd nothing is sent', async () => {
  const eu = await sender('+xadd')
  await expect(eu.publish(message('two'))).rejects.toThrow(/NOPERM|permission/)
})

test.each(['+xgroup', '+xreadgroup', '+evalsha'])('without %s nothing is read, and it is reported', async (rule) => {
  const us = await reader(rule)
  await waitUntil('the warning', () => us.warnings.some((text) => /NOPERM|permission|can't run|ACL/.test(text)))
})
