// Real servers: Redis, etcd, and HTTP with conditional PUT.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { etcdSource } from '@sluice/etcd'
import { policyFeed, type PolicySource } from '@sluice/policies'
import { redisSource } from '@sluice/redis'
import { type EtcdMember, startEtcd } from '@sluice/testing/etcd'
import { type RedisServer, startCluster, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { documentText, newFolder, sluice } from './sluice.ts'

const folder = newFolder()
const doc = (revision: number, namespace = 'shop'): string =>
  folder.file(`${namespace}-${revision}.yaml`, documentText(revision).replace('namespace: shop', `namespace: ${namespace}`))

/** Publishes, changes and rolls back, under the eyes of a feed. */
async function isFollowed(to: readonly string[], source: PolicySource): Promise<void> {
  const run = (...args: readonly string[]) => sluice(['policies', ...args, ...to])
  expect(await run('publish', doc(1))).toMatchObject({ status: 0, err: '', out: expect.stringContaining('shop revision 1 is published: ') })
  const feed = await policyFeed({ source })
  const second = folder.file('changed.yaml', documentText(2, 5))
  expect((await run('publish', second, '--skip-tests')).out).toContain('api.minute was 2 per 1m and is 5 per 1m')
  await expect.poll(() => feed.document('shop')?.revision).toBe(2)
  expect(await run('rollback')).toMatchObject({ status: 0, out: expect.stringContaining('shop revision 3, which repeats 1, is published') })
  await expect.poll(() => feed.document('shop')).toMatchObject({ revision: 3, rollbackOf: 1 })
  await feed.close()
  const { revisions } = JSON.parse((await run('history', '--json')).out) as {
    readonly revisions: readonly { readonly revision: number; readonly isCurrent: boolean }[]
  }
  expect(revisions.map(({ revision, isCurrent }) => [revision, isCurrent])).toEqual([
    [3, true],
    [2, false],
    [1, false],
  ])
  expect(await run('publish', doc(3))).toMatchObject({ status: 1, err: expect.stringContaining('has revision 3 now; write revision 4') })
}

describe('etcd:', () => {
  let etcd: EtcdMember
  beforeAll(async () => {
    etcd = await startEtcd()
  })
  afterAll(() => etcd.stop())

  test.each([
    ['the default prefix', '', undefined],
    ['another prefix', '/config/limits', 'config/limits/'],
  ])('a feed of etcd follows %s', (_, path, prefix) =>
    isFollowed(['--to', `${etcd.url.replace('http:', 'etcd:')}${path}`], etcdSource({ endpoints: [etcd.url], prefix })),
  )

  test.each(['etcd://', 'etcd://127.0.0.1:1?x', 'etcd:host'])('%s is no place', async (to) => {
    expect(await sluice(['policies', 'history', '--to', to])).toMatchObject({
      status: 2,
      err: expect.stringContaining('--to: expected a URL'),
    })
  })

  test('a server that is away', async () => {
    expect(await sluice(['policies', 'history', '--to', 'etcd://127.0.0.1:1'])).toMatchObject({
      status: 2,
      err: expect.stringContaining('cannot be reached'),
    })
  })
})

describe('redis:', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis({ password: 'secret' })
  })
  afterAll(() => redis.stop())
  const to = (key = 'sluice:policies'): readonly string[] => ['--to', `redis://:secret@${redis.host}:${redis.port}/0?key=${key}`]

  test('a feed of Redis follows what is published and rolled back', () =>
    isFollowed(to(), redisSource({ url: redis.url, options: { password: 'secret' } })))

  test('no message has the password', async () => {
    const { out, err } = await sluice(['policies', 'publish', doc(1), ...to('messages')])
    expect(out + err).not.toContain('secret')
    expect(await sluice(['policies', 'publish', doc(1), '--to', 'rediss+x://:secret@host'])).toMatchObject({
      status: 2,
      err: expect.not.stringContaining('secret'),
    })
  })

  test('a revision that is not higher is a conflict', async () => {
    await sluice(['policies', 'publish', doc(7), ...to('conflict')])
    expect(await sluice(['policies', 'publish', doc(6), ...to('conflict')])).toMatchObject({
      status: 1,
      err: expect.stringContaining('has revision 7 now; write revision 8'),
    })
    expect(await sluice(['policies', 'publish', doc(7), ...to('conflict')])).toMatchObject({
      status: 0,
      out: expect.stringContaining('is there already'),
    })
  })

  test('of several namespaces, one is chosen', async () => {
    for (const namespace of ['shop', 'store'])
      for (const revision of [1, 2]) await sluice(['policies', 'publish', doc(revision, namespace), ...to('two')])
    expect(await sluice(['policies', 'history', ...to('two')])).toMatchObject({
      status: 2,
      err: expect.stringMatching(/several namespaces \((?:shop, store|store, shop)\); choose one with --namespace/),
    })
    expect(await sluice(['policies', 'rollback', ...to('two'), '--namespace', 'store'])).toMatchObject({
      status: 0,
      out: expect.stringContaining('store revision 3, which repeats 1'),
    })
  })

  test('a server that is away', async () => {
    const { status, err } = await sluice(['policies', 'publish', doc(1), '--to', 'redis://127.0.0.1:1'])
    expect(status).toBe(2)
    expect(err).toMatch(/redis:\/\/127\.0\.0\.1:1.* cannot be reached: .*\(ERR_PUBLISH_FAILED/)
  })
})

test('redis: a node of a Cluster stands for all of it', { timeout: 120_000 }, async () => {
  const cluster = await startCluster()
  onTestFinished(() => cluster.stop())
  const source = redisSource({ cluster: cluster.nodes.map(({ host, port }) => ({ host, port })) })
  // Of three nodes, two do not have the keys.
  for (const [i, { host, port }] of cluster.nodes.entries()) {
    const to = ['--to', `redis://${host}:${port}/0?key=of-node-${i}`]
    expect(await sluice(['policies', 'publish', doc(1), ...to])).toMatchObject({ status: 0, err: '' })
    expect(await sluice(['policies', 'history', ...to])).toMatchObject({ status: 0, out: expect.stringContaining('1') })
  }
  const { host, port } = cluster.nodes[0] as (typeof cluster.nodes)[number]
  await isFollowed(['--to', `redis://${host}:${port}`], source)
})

describe('http:', () => {
  const stored = new Map<string, string>()
  const tagOf = (text: string): string => `"${createHash('sha256').update(text).digest('hex')}"`
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    const text = stored.get(path)
    const answer = (status: number, body = '', headers = {}): void => void response.writeHead(status, headers).end(body)
    if (request.headers.authorization !== 'Bearer token') return answer(401)
    if (path === '/moved') return answer(302, '', { location: 'http://127.0.0.1:1/' })
    if (request.method === 'GET')
      return text === undefined ? answer(404) : answer(200, text, path === '/untagged' ? {} : { etag: tagOf(text) })
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      const isExpected = text === undefined ? request.headers['if-none-match'] === '*' : request.headers['if-match'] === tagOf(text)
      // Another publisher comes first.
      if (path === '/raced') stored.set(path, documentText(9))
      if (path === '/raced' || !isExpected) return answer(412)
      stored.set(path, body)
      answer(204)
    })
  })
  let origin = ''
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => server.close())
  const publish = (revision: number, path: string, env: Record<string, string> = { SLUICE_TOKEN: 'token' }) =>
    sluice(['policies', 'publish', doc(revision), '--to', `${origin}${path}`], { env })

  test('a document is created and replaced', async () => {
    for (const revision of [1, 2]) {
      expect(await publish(revision, '/sluice.yaml')).toMatchObject({
        status: 0,
        err: '',
        out: expect.stringContaining(`revision ${revision} is published: ${origin}/sluice.yaml`),
      })
      expect(stored.get('/sluice.yaml')).toBe(documentText(revision))
    }
    expect(await publish(1, '/sluice.yaml')).toMatchObject({ status: 1, err: expect.stringContaining('has revision 2 now') })
  })

  test('another publisher in between is a conflict', async () => {
    expect(await publish(5, '/raced')).toMatchObject({ status: 1, err: expect.stringContaining('has revision 9 now; write revision 10') })
  })

  test.each([
    ['without the token', '/sluice.yaml', {}, 'it answers with status 401; set SLUICE_TOKEN'],
    ['a redirection', '/moved', { SLUICE_TOKEN: 'token' }, 'cannot be reached'],
    ['a server without ETag', '/untagged', { SLUICE_TOKEN: 'token' }, 'sends no ETag'],
  ])('%s', async (_, path, env, message) => {
    stored.set('/untagged', documentText(1))
    expect(await publish(8, path, env)).toMatchObject({ status: 2, err: expect.stringContaining(message) })
  })

  test('there is no history, and a message says what to do', async () => {
    stored.set('/history', documentText(4))
    const { status, err } = await sluice(['policies', 'rollback', '--to', `${origin}/history`], { env: { SLUICE_TOKEN: 'token' } })
    expect({ status, err }).toEqual({
      status: 2,
      err: expect.stringContaining('keeps no history; publish the earlier document with revision 5'),
    })
  })
})
