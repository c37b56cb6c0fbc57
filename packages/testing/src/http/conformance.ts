/// <reference types="node" />
import { setImmediate as macrotask } from 'node:timers/promises'
import { type Clock, type MaybePromise, memoryStore, type Store } from '@sluice/core'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { fakeClock } from '../fake-clock.ts'
import type { ServerControl, Feature, AbortBy, HttpAdapter, RunningServer } from './adapter.ts'
import type { HttpCase, CaseClient } from './case.ts'
import { httpCases } from './cases/index.ts'
import * as http1 from './client.ts'
import * as overHttp2 from './http2-client.ts'
import { matrixColumn } from './matrix.ts'
import { ServerFixture, START } from './fixture.ts'

export interface HttpConformanceOptions {
  /** Creates an empty store for one case, which reads time from this clock. Default: `memoryStore({ clock })`. */
  readonly makeStore?: ((clock: Clock) => MaybePromise<Store>) | undefined
  /** Which cases there are for what is no library in the app, such as a service. By their names. Default: all. */
  readonly only?: ((name: string) => boolean) | undefined
}

/**
 * Registers every HTTP case as a Vitest test: the same behaviour, to the byte, for every framework and store. Each case runs
 * over real sockets of 127.0.0.1. A case fails on an unhandled error, and on a warning or framework error that it does not
 * expect. After the last call in a test file, a matrix of all its calls is printed.
 *
 * The author of an adapter writes an `HttpAdapter`: how to read the framework's request, and how to serve an `AppSpec`.
 *
 * @param name title of the column in the matrix, unique in the test file, such as `Express 5 × memory`
 *
 * @example
 * ```ts
 * import { redisStore } from '@sluice/redis'
 * import { httpConformance, type HttpAdapter } from '@sluice/testing'
 * import { startRedis, storePerCase } from '@sluice/testing/redis'
 * import { afterAll } from 'vitest'
 *
 * declare const myFramework: HttpAdapter
 *
 * const redis = await startRedis()
 * afterAll(() => redis.stop())
 *
 * httpConformance('my framework × memory', myFramework)
 * httpConformance('my framework × Redis', myFramework, { makeStore: storePerCase(redis, redisStore) })
 * ```
 */
export function httpConformance(name: string, adapter: HttpAdapter, options: HttpConformanceOptions = {}): void {
  const { makeStore = (clock) => memoryStore({ clock }), only = () => true } = options
  const column = matrixColumn(name)
  describe(`httpConformance: ${name}`, () => {
    for (const each of httpCases) {
      const isUnsupported = (feature: Feature) => adapter.unsupported?.includes(feature) === true
      if (!only(each.name) || each.requires?.some(isUnsupported) === true) {
        column.set(each.name, '–')
        continue
      }
      test(each.name, async () => {
        column.set(each.name, 'FAIL')
        await runCase(each, adapter, makeStore)
        column.set(each.name, 'pass')
      })
    }
    afterAll(() => column.end())
  })
}

async function runCase(each: HttpCase, adapter: HttpAdapter, makeStore: (clock: Clock) => MaybePromise<Store>): Promise<void> {
  const unhandled: unknown[] = []
  const caught = (error: unknown) => void unhandled.push(error)
  process.on('unhandledRejection', caught)
  process.on('uncaughtException', caught)
  try {
    const clock = fakeClock(START)
    const store = await makeStore(clock)
    const fixture = new ServerFixture(adapter.read, clock, store)
    try {
      const spec = fixture.appSpec(each.name, each.app(fixture))
      const server = await adapter.serve(spec)
      unhandled.push(...(await runClient(each, server, fixture, spec.http2 ? 'http2' : (adapter.abortBy ?? 'close'))))
    } finally {
      await store.close?.()
    }
    // Node reports an unhandled rejection only after the microtasks of the same macrotask.
    for (let i = 0; i < 3; i++) await macrotask()
  } finally {
    process.off('unhandledRejection', caught)
    process.off('uncaughtException', caught)
  }
  expect(unhandled, 'unhandled errors').toEqual([])
}

/** Runs the client's side. Resolves with the unhandled errors of a server in another process. */
async function runClient(each: HttpCase, server: RunningServer, fixture: ServerFixture, protocol: Protocol): Promise<readonly string[]> {
  const control: ServerControl = server.control ?? fixture
  const { client, finish } = clientOf(server.url, control, protocol)
  try {
    await each.run(client)
  } finally {
    fixture.end()
    await server.close()
  }
  await finish()
  return control.unhandled?.() ?? []
}

/** HTTP/2, or how a client aborts its connection under HTTP/1.1. */
type Protocol = AbortBy | 'http2'

function requestsTo(url: string, protocol: Protocol): Pick<CaseClient, 'send' | 'get' | 'stream' | 'sendAbortable'> {
  if (protocol === 'http2') {
    const { send, stream, sendAbortable } = overHttp2
    return {
      send: (request) => send(url, request),
      get: (path, ...headers) => send(url, { path, headers }),
      stream: (request) => stream(url, request),
      sendAbortable: (request) => sendAbortable(url, request),
    }
  }
  const { send, stream, sendAbortable } = http1
  return {
    send: (request) => send(url, request),
    get: (path, ...headers) => send(url, { path, headers }),
    stream: (request) => stream(url, request, protocol),
    sendAbortable: (request) => sendAbortable(url, request, protocol),
  }
}

function clientOf(
  url: string,
  control: ServerControl,
  protocol: Protocol,
): { readonly client: CaseClient; readonly finish: () => Promise<void> } {
  let errors: readonly (string | RegExp)[] = []
  let warnings: readonly string[] = []
  const until = (condition: () => boolean | Promise<boolean>) => vi.waitUntil(condition, { timeout: 5_000, interval: 2 })
  const finish = async () => {
    const log = await control.log()
    expect(log.warnings, 'warnings').toEqual(warnings)
    expect(log.errors.length, `errors of the framework: ${log.errors.join(', ')}`).toBe(errors.length)
    for (const [i, error] of errors.entries()) expect(log.errors[i]).toMatch(error)
  }
  const client: CaseClient = {
    ...requestsTo(url, protocol),
    bytes: (text) => http1.bytes(url, text),
    bytesAbortable: (text) => http1.bytesAbortable(url, text, protocol === 'reset' ? 'reset' : 'close'),
    advance: async (ms) => control.advance(ms),
    open: async (gate) => control.open(gate),
    log: async () => control.log(),
    async until(condition) {
      await until(condition)
    },
    async settled(change, times = 1) {
      await until(async () => (await control.log()).changes.filter((each) => each === change).length >= times)
    },
    is: (actual, expected, what) => expect(actual, what).toEqual(expected),
    answers(reply, status, lines, body) {
      const { status: got, lines: gotLines, body: gotBody } = reply
      expect({ status: got, lines: gotLines, ...(body === undefined ? {} : { body: gotBody }) }).toEqual({
        status,
        lines: lines.toSorted(),
        ...(body === undefined ? {} : { body }),
      })
    },
    errors(...expected) {
      errors = expected
    },
    warnings(...expected) {
      warnings = expected
    },
  }
  return { client, finish }
}
