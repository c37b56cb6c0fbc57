// Through rateLimit, over sockets: whom a request strikes, and what a blocked client gets.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { blockList, type BlockRule } from '@sluice/blocklist'
import { type ExpressRequest, rateLimit, route, user } from '@sluice/express'
import { fakeClock } from '@sluice/testing'
import express from 'express'
import { expect, onTestFinished, test } from 'vitest'

const VICTIM = '198.51.100.1'

async function served(rule: BlockRule = {}, options: Parameters<typeof rateLimit>[0] = {}) {
  const clock = fakeClock()
  const blocks = blockList({ clock, rule: { mode: 'enforce', strikes: 10, endpoints: 3, ...rule } })
  const app = express()
  app.use(rateLimit({ limit: 5, window: '1m', trustProxy: 0, blockList: blocks, ...options }))
  app.get('/:page', (_req, res) => void res.send('hello'))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => blocks.close())
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const get = (page: number, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/${page}`, { headers })
  /** Goes on in spite of refusals, until the list has an entry. */
  const attack = async (headers: Record<string, string>) => {
    for (let i = 0; blocks.health().active.refuse + blocks.health().active.drop === 0; i++) {
      await get(i % 4, headers).catch(() => undefined)
      clock.advance(50)
      if (i > 500) throw new Error('nobody was blocked')
    }
    return (await blocks.list()).map(({ kind, name }) => `${kind} ${name}`)
  }
  return { blocks, get, attack }
}

test('a forged X-Forwarded-For blocks nobody but the one who sends it', async () => {
  const { blocks, get, attack } = await served()
  const forged = { 'x-forwarded-for': VICTIM, forwarded: `for=${VICTIM}`, 'x-real-ip': VICTIM }
  expect(await attack(forged)).toEqual(['address 127.0.0.1/32'])
  expect(blocks.check(VICTIM, VICTIM)).toBeUndefined()
  const response = await get(1)
  expect(response.status).toBe(403)
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(50)
  expect(await response.json()).toMatchObject({ type: 'about:blank', title: 'Forbidden', status: 403 })
})

test('a user with a limit for each route is blocked at all of them', async () => {
  const key = [user((req: ExpressRequest) => req.headers['x-user'] as string | undefined), route()]
  const { get, attack } = await served({}, { key: key as never, on: { warning: () => undefined } })
  expect(await attack({ 'x-user': 'mallory' })).toEqual(['subject mallory'])
  expect((await get(9, { 'x-user': 'mallory' })).status).toBe(403)
  expect((await get(9, { 'x-user': 'alice' })).status).toBe(200)
})

test('drop closes the connection', async () => {
  const { get, attack } = await served({ action: 'drop' })
  expect(await attack({})).toEqual(['address 127.0.0.1/32'])
  await expect(get(1)).rejects.toThrow('fetch failed')
})
