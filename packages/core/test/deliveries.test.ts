import { Deliveries, TransportWarnings } from '@sluice/core/store-kit'
import { waitUntil } from '@sluice/testing'
import { describe, expect, test, vi } from 'vitest'

const body = Uint8Array.of(1)

describe('messages that were received', () => {
  test('are applied in their order, without waiting for one another, and each once', async () => {
    const begun: number[] = []
    const done: string[] = []
    let end = (): void => undefined
    const apply = (bytes: Uint8Array): Promise<void> => {
      begun.push(bytes[0] ?? 0)
      return bytes[0] === 1 ? new Promise((resolve) => (end = resolve)) : Promise.resolve()
    }
    const deliveries = new Deliveries({ apply, done: (id) => done.push(id) })
    for (const n of [1, 2, 3]) deliveries.add(`id ${n}`, Uint8Array.of(n))
    deliveries.add('id 1', Uint8Array.of(1))
    expect(begun).toEqual([1, 2, 3])
    await waitUntil('the others', () => done.length === 2)
    expect(deliveries.held()).toEqual(['id 1'])
    end()
    await waitUntil('all', () => done.length === 3)
    expect(deliveries.held()).toEqual([])
  })

  test('are applied again after a rejection, or an exception, and are not held meanwhile', async () => {
    let attempts = 0
    const done: string[] = []
    const apply = (): Promise<void> => {
      attempts += 1
      if (attempts === 1) throw new Error('thrown')
      return attempts === 2 ? Promise.reject(new Error('rejected')) : Promise.resolve()
    }
    const deliveries = new Deliveries({ apply, done: (id) => done.push(id) })
    deliveries.add('id', body)
    await waitUntil('the first rejection', () => deliveries.held().length === 0)
    await waitUntil('success', () => done.length === 1)
    expect(attempts).toBe(3)
  })

  test('have room for a thousand', async () => {
    const ends: (() => void)[] = []
    const deliveries = new Deliveries({ apply: () => new Promise((resolve) => void ends.push(resolve)), done: () => undefined })
    for (let i = 0; i < 999; i += 1) deliveries.add(String(i), body)
    await deliveries.room()
    deliveries.add('last', body)
    let hasRoom = false
    const room = deliveries.room().then(() => (hasRoom = true))
    await Promise.resolve()
    expect(hasRoom).toBe(false)
    ends[0]?.()
    await room
  })

  test('a close waits for what runs, begins nothing, and releases who waits for room', async () => {
    const ends: (() => void)[] = []
    const done: string[] = []
    const deliveries = new Deliveries({ apply: () => new Promise((resolve) => void ends.push(resolve)), done: (id) => done.push(id) })
    for (let i = 0; i < 1_000; i += 1) deliveries.add(String(i), body)
    const room = deliveries.room()
    const closed = deliveries.close()
    await room
    for (const end of ends) end()
    await closed
    expect(done).toHaveLength(1_000)
    deliveries.add('late', body)
    expect(ends).toHaveLength(1_000)
  })
})

describe('warnings of a transport', () => {
  test('come once for each region and reason, until messages pass', () => {
    const messages: string[] = []
    const warnings = new TransportWarnings('streamTransport', { warning: ({ message }) => messages.push(message) })
    for (const reason of ['ECONNREFUSED', 'ECONNREFUSED', 'NOPERM']) warnings.failed('region "us"', new Error(reason))
    warnings.failed('region "ap"', 'ECONNREFUSED')
    warnings.well('region "us"')
    warnings.failed('region "us"', new Error('NOPERM'))
    expect(messages.map((message) => message.replace(/ \(WARN.*/, ''))).toEqual([
      'streamTransport: region "us": no messages pass, and it tries again: ECONNREFUSED',
      'streamTransport: region "us": no messages pass, and it tries again: NOPERM',
      'streamTransport: region "ap": no messages pass, and it tries again: ECONNREFUSED',
      'streamTransport: region "us": no messages pass, and it tries again: NOPERM',
    ])
  })

  test('go to the console without an observer, and with one that throws', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    try {
      new TransportWarnings('streamTransport', {}).failed('region "us"', new Error('away'))
      const warning = (): void => {
        throw new Error('broken')
      }
      new TransportWarnings('streamTransport', { warning }).failed('region "us"', new Error('away'))
      expect(warn.mock.calls.map(([text]) => String(text).replace(/ \(.*/, ''))).toEqual([
        'sluice: streamTransport: region "us": no messages pass, and it tries again: away',
        'sluice: streamTransport: on.warning threw: Error: broken',
      ])
    } finally {
      warn.mockRestore()
    }
  })
})
