// Publishing a document: compare-and-set, however many publish at once.
import { createServer, request as forward, type RequestOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type EtcdPublication, publishPolicy } from '@sluice/etcd'
import { type EtcdMember, startEtcd } from '@sluice/testing/etcd'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { document } from './support.ts'

let etcd: EtcdMember
let prefix: string
let tests = 0
beforeAll(async () => {
  etcd = await startEtcd()
})
beforeEach(() => {
  prefix = `test-${(tests += 1)}/`
})
afterAll(() => etcd.stop())

const publish = (revision: number, options: Partial<EtcdPublication> = {}): ReturnType<typeof publishPolicy> =>
  publishPolicy({ endpoints: [etcd.url], prefix }, { text: document(revision), ...options })
const stored = (namespace = 'shop'): Promise<string | undefined> => etcd.get(`${prefix}${namespace}`)

describe('a document is written', () => {
  test('under its namespace, if etcd has none, or a lower revision', async () => {
    expect(await publish(3)).toEqual({ isPublished: true, current: 3 })
    expect(await publish(10)).toEqual({ isPublished: true, current: 10 })
    expect(await publish(1, { text: document(1, 'other') })).toEqual({ isPublished: true, current: 1 })
    expect([await stored(), await stored('other')]).toEqual([document(10), document(1, 'other')])
  })

  test('if etcd has the revision that is expected', async () => {
    expect(await publish(3, { previous: 0 })).toEqual({ isPublished: true, current: 3 })
    expect(await publish(5, { previous: 3 })).toEqual({ isPublished: true, current: 5 })
  })

  test('over what is no document', async () => {
    await etcd.put(`${prefix}shop`, 'no document')
    expect(await publish(2, { previous: 1 })).toEqual({ isPublished: false, current: undefined })
    expect(await publish(2, { previous: 0 })).toEqual({ isPublished: false, current: undefined })
    expect(await publish(2)).toEqual({ isPublished: true, current: 2 })
  })

  test('once, where the answer to the first attempt is lost', async () => {
    await publish(1)
    const gateway = await losesAnswers()
    const lost = publishPolicy({ endpoints: [gateway], prefix }, { text: document(2), previous: 1 })
    await expect(lost).rejects.toThrow(/closed|reset/i)
    expect(await stored()).toBe(document(2))
    expect(await publishPolicy({ endpoints: [gateway], prefix }, { text: document(2), previous: 1 })).toEqual({
      isPublished: true,
      current: 2,
    })
    // With another member to ask, the second attempt is made at once.
    expect(await publishPolicy({ endpoints: [gateway, etcd.url], prefix }, { text: document(3) })).toEqual({
      isPublished: true,
      current: 3,
    })
    expect(await stored()).toBe(document(3))
  })
})

/** The address of a gateway that loses the answers of transactions, after etcd has run them. */
async function losesAnswers(): Promise<string> {
  const gateway = createServer((request, response) => {
    const { url, headers, method } = request
    const isLost = url === '/v3/kv/txn'
    const upstream = forward(`${etcd.url}${url ?? ''}`, { method, headers, agent: false } as RequestOptions, (answer) => {
      if (isLost) answer.resume().once('end', () => request.socket.destroy())
      else answer.pipe(response.writeHead(answer.statusCode ?? 0, answer.headers))
    })
    request.pipe(upstream)
  })
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void gateway.close())
  return `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`
}

describe('nothing is written', () => {
  test('over the same revision, a higher one, or another one than the expected', async () => {
    expect(await publish(6, { previous: 5 })).toEqual({ isPublished: false, current: undefined })
    await publish(5)
    expect(await publish(4)).toEqual({ isPublished: false, current: 5 })
    expect(await publish(5, { text: document(5, 'shop', 9) })).toEqual({ isPublished: false, current: 5 })
    expect(await publish(5)).toEqual({ isPublished: true, current: 5 })
    expect(await publish(6, { previous: 0 })).toEqual({ isPublished: false, current: 5 })
    expect(await publish(6, { previous: 4 })).toEqual({ isPublished: false, current: 5 })
    expect(await stored()).toBe(document(5))
  })

  test('by all but one of twenty that publish at once', async () => {
    await publish(1)
    const texts = Array.from({ length: 20 }, (_, i) => document(2, 'shop', i + 1))
    const answers = await Promise.all(texts.map((text) => publish(2, { previous: 1, text })))
    expect(answers.filter(({ isPublished }) => isPublished)).toHaveLength(1)
    expect(await stored()).toBe(texts[answers.findIndex(({ isPublished }) => isPublished)])
  })

  test('twenty revisions at once end at the highest', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => publish(i + 1)))
    expect(answers[19]).toEqual({ isPublished: true, current: 20 })
    expect(await stored()).toBe(document(20))
  })

  test('that is not valid', async () => {
    await expect(publish(1, { text: document(1).replace('window: 1m', 'window: 60') })).rejects.toThrow(/ERR_POLICY_INVALID/)
    await expect(publish(1, { text: '' })).rejects.toThrow(/ERR_POLICY_INVALID/)
    expect(await stored()).toBeUndefined()
  })
})

test.each([
  [{ previous: -1 }, 'publishPolicy: previous: expected a whole number, at least 0, got -1'],
  [{ text: 1 }, 'publishPolicy: text: expected a document in YAML or JSON'],
  [{ prev: 1 }, 'prev'],
])('a mistake is refused: %j', async (options, message) => {
  await expect(publish(1, options as never)).rejects.toThrow(message)
})
