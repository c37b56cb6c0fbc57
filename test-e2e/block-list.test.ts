// Three processes share a block list in Redis: a bot is blocked in all of them by one block. A client that obeys, an office behind one address
// and those on the allow list are not.
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '@sluice/testing'
import { startRedis } from '@sluice/testing/redis'
import { expect, onTestFinished, test } from 'vitest'
import { nodeProgram, runProgram } from './support/running-program.ts'

const BOT = '203.0.113.7'
const OFFICE = '198.51.100.1'
const ALLOWED = '203.0.113.99'

test('a bot is blocked in every process by one block, and nobody else is', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const programs = Array.from({ length: 3 }, () =>
    runProgram(nodeProgram('test-e2e', 'support', 'block-list', 'app.ts'), { env: { REDIS_URL: redis.url, NODE_OPTIONS: '' } }),
  )
  for (const program of programs) onTestFinished(() => program.stop())
  const ports = await Promise.all(programs.map(async (program) => Number((await program.waitFor(/^port (\d+)$/m))[1])))

  let sent = 0
  const get = async (address: string, user?: string, process = (sent += 1) % 3): Promise<Response> => {
    const headers = { 'x-forwarded-for': address, ...(user && { 'x-user': user }) }
    const response = await fetch(`http://127.0.0.1:${ports[process]}/${sent % 5}`, { headers })
    await response.arrayBuffer()
    return response
  }
  let isOver = false
  const statuses = new Map<string, Set<number>>()
  /** Requests of one client, one after the other, until the end. */
  const client = async (name: string, pause: number, send: () => Promise<Response>, obeys = false): Promise<void> => {
    const seen = new Set<number>()
    statuses.set(name, seen)
    while (!isOver) {
      const { status, headers } = await send()
      seen.add(status)
      await sleep(obeys && status === 429 ? Number(headers.get('retry-after')) * 1_000 : pause)
    }
  }
  const begin = performance.now()
  const clients = [
    client('bot', 10, () => get(BOT)),
    client('obedient', 10, () => get('203.0.113.8'), true),
    client('allowed', 15, () => get(ALLOWED)),
    client('mallory', 10, () => get(OFFICE, 'mallory')),
    client('anonymous in the office', 15, () => get(OFFICE)),
    ...['ann', 'ben', 'cleo'].map((user) => client(user, 300, () => get(OFFICE, user))),
  ]
  const isBlocked = async (address: string, user?: string): Promise<boolean> =>
    (await Promise.all([0, 1, 2].map((process) => get(address, user, process)))).every(({ status }) => status === 403)
  await waitUntil('the blocks', async () => (await isBlocked(BOT)) && (await isBlocked(OFFICE, 'mallory')), 60_000)
  const seconds = (performance.now() - begin) / 1_000
  // The others go on for a while.
  await sleep(500)
  isOver = true
  await Promise.all(clients)

  expect(seconds).toBeLessThan(65)
  for (const name of ['obedient', 'allowed', 'anonymous in the office', 'ann', 'ben', 'cleo'])
    expect(statuses.get(name), name).not.toContain(403)
  expect(statuses.get('obedient')).toEqual(new Set([200, 429]))
  const response = await get(BOT)
  expect(response.status).toBe(403)
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(30)
  expect(response.headers.get('content-type')).toContain('application/problem+json')

  // Every process heard of each block once, and within a second of each other.
  for (const name of [`${BOT}/32`, 'mallory']) {
    const times = programs.map((program) => {
      const heard = Array.from(
        program.output().matchAll(/^\{.*\}$/gm),
        ([line]) => JSON.parse(line) as { name: string; change: string; at: number },
      )
      const blocks = heard.filter((one) => one.name === name && one.change === 'block')
      expect(blocks).toHaveLength(1)
      return blocks[0]?.at ?? 0
    })
    expect(Math.max(...times) - Math.min(...times)).toBeLessThan(1_000)
  }
  const admin = redis.client()
  const changes = await admin.xrange('{sluice:blocks}:changes', '-', '+')
  expect(changes.filter(([, fields]) => fields.includes(`a:${BOT}/32`))).toHaveLength(1)

  // Nobody is in the list who was not blocked, and no path is.
  const keys = await admin.keys('{sluice:blocks}:*')
  const values = await Promise.all(keys.map(async (key) => (await admin.dump(key)) ?? ''))
  for (const text of [...keys.filter((key) => !key.includes(':strikes:')), ...values])
    expect(text).not.toMatch(/\bann\b|\bcleo\b|x-user|GET/)
}, 120_000)
