// Policy documents in etcd: what comes into force, and what a source on a broken server does.
import { etcdSource, type EtcdSourceOptions } from '@sluice/etcd'
import { type EtcdMember, startEtcd } from '@sluice/testing/etcd'
import { waitUntil } from '@sluice/testing/processes'
import { type TcpProxy, tcpProxy } from '@sluice/testing/redis'
import { Agent, fetch as undiciFetch } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { document, followed, holds, settled } from './support.ts'

let etcd: EtcdMember
/** Of the test, so that no test sees the keys of another. */
let prefix: string
let tests = 0
beforeAll(async () => {
  etcd = await startEtcd()
})
beforeEach(() => {
  prefix = `test-${(tests += 1)}/`
})
afterAll(() => etcd.stop())

const options = (more: Partial<EtcdSourceOptions> = {}): EtcdSourceOptions => ({ endpoints: [etcd.url], prefix, ...more })
const put = (revision: number, namespace = 'shop', text = document(revision, namespace)): Promise<string> =>
  etcd.put(`${prefix}${namespace}`, text)

describe('what comes into force', () => {
  test('each document that is put, of each namespace', async () => {
    await put(1)
    await put(7, 'other')
    const one = await followed(options())
    expect(one.feed.namespaces).toEqual(['other', 'shop'])
    await settled()
    for (const number of [2, 3, 9]) {
      await put(number)
      await holds(one, number)
    }
    await put(8, 'other')
    await holds(one, 8, 'other')
    expect(one.codes).toEqual([])
  })

  test('within a second, and usually in milliseconds', async () => {
    await put(1)
    let changed: () => void = () => undefined
    const { feed } = await followed(options(), { on: { change: () => changed() } })
    await settled()
    const times = []
    for (let number = 2; number <= 41; number++) {
      const change = new Promise<void>((resolve) => (changed = resolve))
      const begin = performance.now()
      await put(number)
      await change
      times.push(performance.now() - begin)
      expect(feed.document('shop')?.revision).toBe(number)
    }
    expect(times.toSorted((a, b) => a - b)[20]).toBeLessThan(1_000)
  })

  test('what was put between the load and the watch', async () => {
    await put(1)
    const source = etcdSource(options())
    const { cursor, documents } = await source.load(AbortSignal.timeout(10_000))
    expect(documents).toEqual([{ key: `${prefix}shop`, text: document(1) }])
    await put(2)
    await put(3)
    await put(1, 'other')
    await etcd.remove(`${prefix}other`)
    const events: string[] = []
    const end = new AbortController()
    const watching = source.watch(cursor, (event) => events.push(event.type === 'put' ? event.text : event.type), end.signal)
    await waitUntil('four events', () => events.length >= 4)
    expect(events).toEqual([document(2), document(3), document(1, 'other'), 'missing'])
    end.abort()
    await watching
  })

  test('several documents of one transaction, in any letters', async () => {
    const one = await followed(options(), { fallback: [{ apiVersion: 'sluice/v1', namespace: 'shop', revision: 1 } as never] })
    await settled()
    const write = (namespace: string, text: string) => ({
      request_put: { key: Buffer.from(`${prefix}${namespace}`).toString('base64'), value: Buffer.from(text).toString('base64') },
    })
    const text = `# ${'ä€😀'.repeat(50_000)}\n`
    await etcd.call('kv/txn', { success: [write('shop', document(2) + text), write('other', document(4, 'other') + text)] })
    await holds(one, 2)
    await holds(one, 4, 'other')
    expect(one.codes).toEqual([])
  })

  test('keys with the prefix, and no others', async () => {
    await put(1)
    await etcd.put(`${prefix.slice(0, -1)}0`, document(9))
    await etcd.put('a', document(9))
    const one = await followed(options())
    expect(one.feed.document('shop')?.revision).toBe(1)
  })

  test('over TLS, by a fetch of your own', async () => {
    const secure = await startEtcd({ tls: true })
    onTestFinished(() => secure.stop())
    await secure.put(`${prefix}shop`, document(1))
    const endpoints = [secure.url]
    await expect(followed({ endpoints, prefix }, { startTimeout: 1_000 })).rejects.toThrow(/certificate/i)
    const dispatcher = new Agent({ connect: { ca: secure.ca as string } })
    onTestFinished(() => dispatcher.destroy())
    const one = await followed({ endpoints, prefix, fetch: (url, init) => undiciFetch(url, { ...init, dispatcher }) })
    await settled()
    await secure.put(`${prefix}shop`, document(2))
    await holds(one, 2)
  })
})

describe('what does not come into force', () => {
  test('a poisoned document; the next one does', async () => {
    await put(1)
    const one = await followed(options())
    await settled()
    await put(2, 'shop', document(2).replace('window: 1m', 'window: 60'))
    await put(3, 'shop', document(3).slice(0, 120))
    await waitUntil('the refusals', () => one.codes.filter((code) => code === 'ERR_POLICY_INVALID').length === 2)
    expect(one.messages[0]).toMatch(/shop is no valid policy document[^]*line 7, column \d+: .*window: expected a text, got 60/)
    expect(one.feed.document('shop')?.revision).toBe(1)
    await put(4)
    await holds(one, 4)
    expect(one.feed.health().problem).toBeUndefined()
  })

  test('one twice, one of a lower revision, and a fork', async () => {
    await put(5)
    const one = await followed(options())
    await settled()
    await put(5)
    await put(4)
    await put(5, 'shop', document(5, 'shop', 99))
    await waitUntil('the fork', () => one.codes.includes('ANOMALY_POLICY_FORK'))
    expect(one.codes).toContain('WARN_POLICY_STALE')
    expect(one.changes).toEqual([5])
    expect(one.feed.document('shop')?.policies?.[0]?.rules[0]?.limits?.[0]?.limit).toBe(5)
  })

  test('that a document is gone; deleted: true does', async () => {
    await put(5)
    const one = await followed(options())
    await settled()
    await etcd.remove(`${prefix}shop`)
    await waitUntil('the warning', () => one.codes.includes('WARN_POLICY_MISSING'))
    await one.feed.refresh()
    expect(one.feed.document('shop')).toMatchObject({ revision: 5, policies: [{ name: 'api' }] })
    await put(6, 'shop', 'apiVersion: sluice/v1\nnamespace: shop\nrevision: 6\ndeleted: true\n')
    await holds(one, 6)
    expect(one.codes).toEqual(['WARN_POLICY_MISSING'])
  })

  test('an empty value', async () => {
    await put(5)
    const one = await followed(options())
    await settled()
    await put(6, 'shop', '')
    await waitUntil('the refusal', () => one.codes.includes('ERR_POLICY_INVALID'))
    expect(one.feed.document('shop')?.revision).toBe(5)
  })
})

describe('history that is missing', () => {
  test('a watch from before a compaction ends, so that all is read again', async () => {
    await put(1)
    const source = etcdSource(options())
    const { cursor } = await source.load(AbortSignal.timeout(10_000))
    await put(2)
    await etcd.compact(await put(3))
    const events: unknown[] = []
    await source.watch(cursor, (event) => events.push(event), AbortSignal.timeout(20_000))
    expect(events).toEqual([])
  })

  test('a feed that was cut off over a compaction has the newest document', async () => {
    const proxy = await tcpProxy(etcd)
    onTestFinished(() => proxy.close())
    await put(1)
    const one = await followed(options({ endpoints: [`http://${proxy.host}:${proxy.port}`] }))
    await settled()
    await proxy.refuse(true)
    proxy.cut()
    await put(2)
    await etcd.compact(await put(3))
    await waitUntil('the source to be away', () => one.feed.health().source === 'away')
    await proxy.refuse(false)
    await holds(one, 3)
  })

  test('a store that was lost, and begins again at revision 1', async () => {
    const own = await startEtcd()
    onTestFinished(() => own.stop())
    for (let number = 1; number <= 20; number++) await own.put(`${prefix}shop`, document(number))
    const one = await followed({ endpoints: [own.url], prefix })
    await settled()
    await own.restart({ empty: true })
    await own.put(`${prefix}shop`, document(2))
    await waitUntil('the lower revision', () => one.codes.includes('WARN_POLICY_STALE'))
    expect(one.feed.document('shop')?.revision).toBe(20)
    await own.put(`${prefix}shop`, document(21))
    await holds(one, 21)
  })

  test('a watch from a revision that the store has not reached ends', async () => {
    const ends = etcdSource(options()).watch('999999', () => undefined, AbortSignal.timeout(20_000))
    expect(await ends).toBeUndefined()
  })
})

describe('a server that is away', () => {
  let proxy: TcpProxy
  beforeEach(async () => {
    proxy = await tcpProxy(etcd)
    onTestFinished(() => proxy.close())
  })
  const behind = (more: Partial<EtcdSourceOptions> = {}): EtcdSourceOptions =>
    options({ endpoints: [`http://${proxy.host}:${proxy.port}`], timeout: 500, ...more })

  test('at the start: the fallback holds, and etcd is found when it is there', async () => {
    await proxy.refuse(true)
    await expect(followed(behind(), { startTimeout: 1_000 })).rejects.toThrow(/no document after 1000 ms: .*ECONNREFUSED/)
    const one = await followed(behind(), {
      startTimeout: 300,
      fallback: [{ apiVersion: 'sluice/v1', namespace: 'shop', revision: 1 } as never],
    })
    await waitUntil('the source to be away', () => one.feed.health().source === 'away')
    expect(one.messages[0]).toMatch(/^etcd \(test-\d+\/\) does not answer, so its last documents stay in force: http:.*ECONNREFUSED/)
    await put(3)
    await proxy.refuse(false)
    await holds(one, 3)
    expect(one.feed.health()).toMatchObject({ source: 'connected', problem: undefined })
  })

  test('that flaps loses nothing', async () => {
    await put(1)
    const one = await followed(behind())
    for (const number of [2, 3, 4]) {
      await settled()
      await proxy.refuse(true)
      proxy.cut()
      await put(number)
      await waitUntil('the source to be away', () => one.feed.health().source === 'away')
      expect(one.feed.document('shop')?.revision).toBe(number - 1)
      await proxy.refuse(false)
      await holds(one, number)
    }
    expect(one.changes).toEqual([1, 2, 3, 4])
  })

  test('whose connections are half-open is noticed', async () => {
    await put(1)
    const one = await followed(behind({ interval: 300 }))
    await settled()
    proxy.makeHalfOpen()
    await put(2)
    await holds(one, 2)
  })

  test('that does not answer at all is given up', async () => {
    await put(1)
    const one = await followed(behind({ interval: 300 }))
    await settled()
    proxy.blackHole(true)
    await waitUntil('the source to be away', () => one.feed.health().source === 'away')
    expect(one.feed.health().problem).toMatch(/no answer within 500 ms/)
    proxy.blackHole(false)
    await put(2)
    await holds(one, 2)
  })

  test('and one that is not: they are tried in turn', async () => {
    await proxy.refuse(true)
    await put(1)
    const endpoints = [`http://${proxy.host}:${proxy.port}`, etcd.url]
    const one = await followed(options({ endpoints }))
    await settled()
    await put(2)
    await holds(one, 2)
    expect(one.codes).toEqual([])
  })

  test('and one that is silent: the next one is asked after the timeout, also to watch', async () => {
    await put(1)
    const source = etcdSource(behind({ endpoints: [`http://${proxy.host}:${proxy.port}`, etcd.url] }))
    const { cursor } = await source.load(AbortSignal.timeout(10_000))
    proxy.blackHole(true)
    const end = new AbortController()
    const texts: string[] = []
    const watching = source.watch(cursor, (event) => event.type === 'put' && texts.push(event.text), end.signal)
    await put(2)
    await waitUntil('the document', () => texts.includes(document(2)))
    end.abort()
    await watching
    proxy.blackHole(false)
  })

  test('a watch that is silent is compared with the store, and confirmed', async () => {
    await put(1)
    const one = await followed(options({ interval: 100 }))
    const at = one.feed.health().namespaces[0]?.confirmedAt ?? 0
    await waitUntil('the confirmation', () => (one.feed.health().namespaces[0]?.confirmedAt ?? 0) > at)
    expect(one.codes).toEqual([])
  })
})

test('a closed feed leaves no connection behind', async () => {
  const proxy = await tcpProxy(etcd)
  onTestFinished(() => proxy.close())
  await put(1)
  const dispatcher = new Agent()
  onTestFinished(() => dispatcher.destroy())
  const endpoints = [`http://${proxy.host}:${proxy.port}`]
  const { feed } = await followed(options({ endpoints, fetch: (url, init) => undiciFetch(url, { ...init, dispatcher }) }))
  await settled()
  expect(proxy.connections).toBeGreaterThan(0)
  await feed.close()
  await dispatcher.close()
  await waitUntil('no connection', () => proxy.connections === 0)
})

test.each([
  [() => etcdSource({ endpoints: [] }), "etcdSource: endpoints: expected a list such as ['http://127.0.0.1:2379']"],
  [() => etcdSource({ endpoints: ['127.0.0.1:2379'] }), 'etcdSource: endpoints: expected addresses such as http://127.0.0.1:2379'],
  [() => etcdSource({ endpoints: ['http://root:secret@127.0.0.1'] }), 'put it into the options user and password'],
  [() => etcdSource({ endpoints: ['http://a'], prefix: '' }), 'etcdSource: prefix: expected a text that is not empty'],
  [() => etcdSource({ endpoints: ['http://a'], user: 'root' }), 'etcdSource: password: expected a text beside the option user'],
  [() => etcdSource({ endpoints: ['http://a'], password: 'secret' }), 'etcdSource: password'],
  [() => etcdSource({ endpoints: ['http://a'], interval: 1 }), 'etcdSource: interval: expected milliseconds, at least 100, got 1'],
  [() => etcdSource({ endpoints: ['http://a'], timeout: 0 }), 'etcdSource: timeout'],
  [() => etcdSource({ endpoints: ['http://a'], fetch: 1 as never }), 'etcdSource: fetch'],
  [() => etcdSource({ endpoint: 'http://a' } as never), 'endpoint'],
])('a mistake is refused', (make, message) => {
  expect(make).toThrow(message)
  expect(make).not.toThrow('secret')
})
