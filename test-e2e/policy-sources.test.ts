// An application whose limits come from a source that fails in every way: no request fails, and no limit is lost.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { etcdSource, publishPolicy as publishToEtcd } from '@sluice/etcd'
import { rateLimit } from '@sluice/express'
import { httpSource, policyFeed, type PolicySource } from '@sluice/policies'
import { publishPolicy as publishToRedis, redisSource } from '@sluice/redis'
import { startEtcd } from '@sluice/testing/etcd'
import { startRedis, tcpProxy, waitUntil } from '@sluice/testing/redis'
import express from 'express'
import { expect, onTestFinished, test } from 'vitest'

/** A server with documents, and a source that reaches it by a network of the test. */
interface Place {
  readonly source: PolicySource
  publish(revision: number): Promise<unknown>
  /** Writes a text past every check of a publisher. */
  force(text: string): Promise<unknown>
  remove(): Promise<unknown>
  away(isAway: boolean): Promise<unknown>
  /** The server loses the history of its changes. */
  forget(): Promise<unknown>
}

/** The limit is 1,000 and the revision, so that a response says which revision decided it. */
const document = (revision: number, more = ''): string => `apiVersion: sluice/v1
namespace: shop
revision: ${revision}
subjects: { client: { parts: [{ attribute: client }] } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: ${1_000 + revision}, window: 1m, subject: client }] }]
${more}`

const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  async redis() {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const proxy = await tcpProxy(server)
    onTestFinished(() => proxy.close())
    const client = server.client()
    const [documents, changes] = ['{sluice:policies}:documents', '{sluice:policies}:changes']
    let forced = 0
    return {
      source: redisSource({ url: `redis://${proxy.host}:${proxy.port}` }),
      publish: (revision) => publishToRedis(client, { namespace: 'shop', revision, text: document(revision) }),
      force: (text) => client.hset(documents, { shop: text, ':cursor': `${Date.now()}-${(forced += 1)}` }),
      remove: () => client.del(documents),
      away: async (isAway) => {
        await proxy.refuse(isAway)
        if (isAway) proxy.cut()
      },
      forget: () => client.xtrim(changes, 'MAXLEN', 0),
    }
  },
  async etcd() {
    const server = await startEtcd()
    onTestFinished(() => server.stop())
    const proxy = await tcpProxy(server)
    onTestFinished(() => proxy.close())
    const key = 'sluice/policies/shop'
    return {
      source: etcdSource({ endpoints: [`http://${proxy.host}:${proxy.port}`] }),
      publish: (revision) => publishToEtcd({ endpoints: [server.url] }, { text: document(revision) }),
      force: (text) => server.put(key, text),
      remove: () => server.remove(key),
      away: async (isAway) => {
        await proxy.refuse(isAway)
        if (isAway) proxy.cut()
      },
      forget: async () => server.compact(await server.put('other', '')),
    }
  },
  async 'a control service'() {
    let text: string | undefined
    let isAway = false
    const streams = new Set<ServerResponse>()
    const send = (response: ServerResponse): void => {
      const [type, data] = text === undefined ? ['missing', { key: 'shop' }] : ['put', { key: 'shop', text }]
      response.write(`event: ${type}\nid: 1\ndata: ${JSON.stringify(data)}\n\nevent: progress\nid: 1\ndata: {}\n\n`)
    }
    const server = createServer((_, response) => {
      if (isAway) return void response.writeHead(503).end()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      streams.add(response)
      response.once('close', () => streams.delete(response))
      send(response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    const write = async (written: string | undefined): Promise<void> => {
      text = written
      for (const stream of streams) send(stream)
    }
    return {
      source: httpSource(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
      publish: (revision) => write(document(revision)),
      force: write,
      remove: () => write(undefined),
      away: async (away) => {
        isAway = away
        if (away) server.closeAllConnections()
      },
      forget: async () => {
        for (const stream of streams) stream.write('event: resync\nid: 9\ndata: {}\n\n')
      },
    }
  },
}

test.each(Object.keys(PLACES))('%s: no request fails, and no limit is lost', async (kind) => {
  const place = await PLACES[kind]!()
  await place.publish(1)
  const codes: string[] = []
  const feed = await policyFeed({ source: place.source, on: { warning: ({ code }) => codes.push(code) } })
  onTestFinished(() => feed.close())
  const app = express()
  app.use(rateLimit({ policies: feed, attributes: (req) => ({ client: req.get('x-client') }) }))
  app.get('/', (_, response) => void response.send('ok'))
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

  // What the requests of four clients saw, all the time.
  const seen = new Map<string, number>()
  let last = ''
  let isOver = false
  const get = async (client: string): Promise<void> => {
    const response = await fetch(url, { headers: { 'x-client': client } })
    await response.text()
    last = response.headers.get('ratelimit-policy') ?? 'no limit'
    const answer = `${response.status < 500 ? 'answered' : response.status} under ${last}`
    seen.set(answer, (seen.get(answer) ?? 0) + 1)
  }
  const clients = ['a', 'b', 'c', 'd'].map(async (client) => {
    while (!isOver) {
      await get(client)
      await sleep(5)
    }
  })
  const under = (revision: number): string => `"shop.api.minute";q=${1_000 + revision};w=60`
  const decides = (revision: number): Promise<void> => waitUntil(`revision ${revision} to decide`, () => last === under(revision))
  const warns = (code: string): Promise<void> => waitUntil(code, () => codes.includes(code))

  await decides(1)
  await place.publish(2)
  await decides(2)
  await place.force(document(3).replace('window: 1m', 'window: 60'))
  await warns('ERR_POLICY_INVALID')
  await place.force('')
  await place.force(document(1))
  await warns('WARN_POLICY_STALE')
  await place.force(document(2, '# by somebody else\n'))
  await warns('ANOMALY_POLICY_FORK')
  await place.publish(4)
  await decides(4)
  for (const revision of [5, 6, 7]) {
    await place.away(true)
    await warns('WARN_POLICY_SOURCE')
    await place.publish(revision)
    await sleep(100)
    expect(last).toBe(under(revision - 1))
    await place.away(false)
    await decides(revision)
    codes.length = 0
  }
  await place.forget()
  await place.publish(8)
  await decides(8)
  await place.remove()
  await warns('WARN_POLICY_MISSING')
  await sleep(200)
  await place.publish(9)
  await decides(9)

  isOver = true
  await Promise.all(clients)
  const revisions = [1, 2, 4, 5, 6, 7, 8, 9]
  expect([...seen.keys()].toSorted()).toEqual(revisions.map((revision) => `answered under ${under(revision)}`))
  await place.force('apiVersion: sluice/v1\nnamespace: shop\nrevision: 10\ndeleted: true\n')
  await waitUntil('the limits to be removed', async () => {
    await get('a')
    return last === 'no limit'
  })
})
