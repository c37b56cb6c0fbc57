// Every message ends in one address: errors by the constructor of SluiceError, warnings and anomalies by the gate to observers and console.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DurableObjectStoreError } from '@sluice/cloudflare'
import { createLimiter, isSluiceError, type Observers, slidingWindow, SluiceError, type Store, type StoreEvent } from '@sluice/core'
import { RedisStoreError } from '@sluice/redis'
import { describe, expect, test, vi } from 'vitest'
import { ALL_CODES } from './support/codes.ts'
import { ROOT } from './support/workspace.ts'

const SOURCES = globSync('packages/*/src/**/*.ts', { cwd: ROOT }).filter((file) => !file.startsWith('packages/testing/'))
const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
/** The text without its comments, which may name pages of the docs. */
const codeOf = (file: string): string => textOf(file).replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
const PAGE_FILE = 'packages/core/src/errors-page.ts'
const PAGE = /ERRORS_PAGE = '([^']+)'/.exec(textOf(PAGE_FILE))?.[1] ?? ''
const ending = (code: string): string => ` (${code}, see ${PAGE})`

/**
 * Plain errors that never reach a caller as they are: a store makes them the cause of its own error, whose message has the address, or a
 * warning quotes them.
 */
const WRAPPED = [
  // The limiter hears it and decides again.
  'packages/core/src/generations.ts',
  'packages/policies/src/clients/lookups.ts',
  // The exchange of regions hears it and applies the message again.
  'packages/redis/src/regions/redis-region-storage.ts',
  'packages/redis/src/regions/transfer-scripts.ts',
  'packages/policies/src/sources/file-source.ts',
  'packages/policies/src/sources/http/changes.ts',
  'packages/policies/src/sources/http/deadline.ts',
  'packages/policies/src/sources/http/documents.ts',
  'packages/policies/src/sources/http/event-stream.ts',
  'packages/policies/src/sources/http/request.ts',
  'packages/cloudflare/src/batcher.ts',
  'packages/etcd/src/etcd-client.ts',
  'packages/etcd/src/etcd-source.ts',
  // A warning quotes it, and what `ready` rejects with.
  'packages/blocklist/src/follower.ts',
  // A warning quotes what a sink says.
  'packages/kafka/src/kafka-sink.ts',
  'packages/telemetry/src/events/outlet.ts',
  'packages/telemetry/src/events/sinks/http-sink.ts',
  'packages/kafka/src/readers/reader.ts',
  'packages/kafka/src/regions/kafka-transport.ts',
  'packages/kafka/src/session.ts',
  'packages/kafka/src/topic-log.ts',
  'packages/redis/src/client/attempt.ts',
  'packages/redis/src/client/connect.ts',
  'packages/redis/src/client/glide.ts',
  'packages/redis/src/client/last-error.ts',
  'packages/redis/src/client/prepare.ts',
  'packages/redis/src/client/ready.ts',
  'packages/redis/src/transactions/executor.ts',
  'packages/redis/src/transactions/session.ts',
]

test('the address is a page of the docs', () => {
  expect(PAGE).toMatch(/^(?:https:\/\/\S+\/)?docs\/errors\.md$/)
})

test('the sources name the address in one place, and no other page in a message', () => {
  expect(SOURCES.filter((file) => file !== PAGE_FILE && /docs\//.test(codeOf(file)))).toEqual([])
})

describe('errors', () => {
  test.each(ALL_CODES)('%s', (code) => {
    expect(new SluiceError(code, 'text').message).toBe(`text${ending(code)}`)
  })

  test.each([
    ['RedisStoreError', new RedisStoreError(new Error('text'), 'redis', 1)],
    ['DurableObjectStoreError', new DurableObjectStoreError(new Error('text'), 'object', 1)],
  ])('%s', (_name, error) => {
    expect(isSluiceError(error)).toBe(true)
    expect(error.message.endsWith(ending('ERR_STORE_UNAVAILABLE'))).toBe(true)
  })

  test('every other class of the packages extends SluiceError', () => {
    const classes = SOURCES.flatMap((file) =>
      [...codeOf(file).matchAll(/class (\w+) extends (\w*Error)\b/g)].map(([, name, base]) => `${name} extends ${base}`),
    )
    // The cause of a RedisStoreError, and what ends a call of gRPC: no user catches them.
    const inner = ['NotSentError extends Error', 'StatusError extends Error']
    const known = ['SluiceError extends Error', ...inner]
    expect(classes.filter((each) => !each.endsWith(' extends SluiceError') && !known.includes(each))).toEqual([])
  })

  test('a plain error is only the cause of another', () => {
    const plain = SOURCES.filter((file) => /\bnew (?:Aggregate|Type|Range|Syntax)?Error\(/.test(codeOf(file)))
    expect(plain.filter((file) => !WRAPPED.includes(file))).toEqual([])
  })
})

describe('warnings and anomalies', () => {
  const limits = [slidingWindow({ name: 'minute', limit: 1, window: '1m' })]
  /** The first message that an observer gets from a store that emits `event`. */
  const messageOf = (event: StoreEvent & { readonly code: string }): string | undefined => {
    const subscribe: Store['subscribe'] = (listener) => (listener(event), () => undefined)
    const store: Store = { name: 'x', consume: () => [], reset: () => undefined, subscribe }
    let message: string | undefined
    const hear = (heard: StoreEvent): void => void (message ??= 'message' in heard ? heard.message : undefined)
    const on: Observers = { warning: hear, anomaly: hear }
    createLimiter({ limits, store, on })
    return message
  }

  test.each(ALL_CODES.filter((code) => !code.startsWith('ERR_')))('%s', (code) => {
    const type = code.startsWith('WARN_') ? 'warning' : 'anomaly'
    expect(messageOf({ type, code, message: 'text' })).toBe(`text${ending(code)}`)
  })

  test('on the console', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    try {
      const limiter = createLimiter({ tiers: { free: limits } })
      void limiter.consume('a', { tier: 'gold' as never })
      expect(warn.mock.calls).toEqual([[expect.stringMatching(/^sluice: /)]])
      expect(String(warn.mock.calls[0]?.[0]).endsWith(ending('WARN_TIER_DEFAULTED'))).toBe(true)
    } finally {
      warn.mockRestore()
    }
  })

  test('nothing but the gate writes to the console', () => {
    const writers = SOURCES.filter((file) => /\bconsole\b\??\.|emitWarning/.test(codeOf(file)))
    expect(writers).toEqual(['packages/core/src/print-warning.ts'])
  })
})
