/// <reference types="node" />
import { setImmediate as turn } from 'node:timers/promises'
import { type Clock, type MaybePromise, memoryStore, type Store } from '@sluice/core'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { fakeClock } from '../fake-clock.ts'
import type { Control, Feature, HangUp, HttpAdapter, Served } from './adapter.ts'
import type { HttpCase, Trial } from './case.ts'
import { httpCases } from './cases/index.ts'
import { type Ask, bytes, hang, send, stream } from './client.ts'
import { matrixColumn } from './matrix.ts'
import { ServerStage, START } from './stage.ts'

export interface HttpConformanceOptions {
  /** A store for one case, by that clock; default a memory store. */
  readonly makeStore?: ((clock: Clock) => MaybePromise<Store>) | undefined
}

/**
 * Runs every case over real sockets: one behaviour, to the byte, whatever the framework and the store. A case fails on any
 * unhandled error, and on any warning or error of the framework that it does not expect. Ends with a matrix of all calls in the file.
 */
export function httpConformance(name: string, adapter: HttpAdapter, options: HttpConformanceOptions = {}): void {
  const { makeStore = (clock) => memoryStore({ clock }) } = options
  const column = matrixColumn(name)
  describe(`httpConformance: ${name}`, () => {
    for (const each of httpCases) {
      const lacks = (feature: Feature) => adapter.lacks?.includes(feature) === true
      if (each.needs?.some(lacks) === true || (each.lacking !== undefined && !lacks(each.lacking))) {
        column.set(each.name, '–')
        continue
      }
      test(each.name, async () => {
        column.set(each.name, 'FAIL')
        await play(each, adapter, makeStore)
        column.set(each.name, 'pass')
      })
    }
    afterAll(() => column.end())
  })
}

async function play(each: HttpCase, adapter: HttpAdapter, makeStore: (clock: Clock) => MaybePromise<Store>): Promise<void> {
  const stray: unknown[] = []
  const caught = (error: unknown) => void stray.push(error)
  process.on('unhandledRejection', caught)
  process.on('uncaughtException', caught)
  try {
    const clock = fakeClock(START)
    const store = await makeStore(clock)
    const stage = new ServerStage(adapter.read, clock, store)
    try {
      stray.push(...(await visit(each, await adapter.serve(stage.app(each.name, each.scene(stage))), stage, adapter.hangUp)))
    } finally {
      await store.close?.()
    }
    // Node tells of a rejection that nobody handled after the microtasks of its turn.
    for (let i = 0; i < 3; i++) await turn()
  } finally {
    process.off('unhandledRejection', caught)
    process.off('uncaughtException', caught)
  }
  expect(stray, 'unhandled errors').toEqual([])
}

/** Resolves with the unhandled errors of a server in another process. */
async function visit(each: HttpCase, served: Served, stage: ServerStage, hangUp: HangUp | undefined): Promise<readonly string[]> {
  const control: Control = served.control ?? stage
  const { trial, finish } = trialOf(served.url, control, hangUp)
  try {
    await each.run(trial)
  } finally {
    stage.end()
    await served.close()
  }
  await finish()
  return control.unhandled?.() ?? []
}

function trialOf(
  url: string,
  control: Control,
  hangUp: HangUp | undefined,
): { readonly trial: Trial; readonly finish: () => Promise<void> } {
  let errors: readonly (string | RegExp)[] = []
  let warnings: readonly string[] = []
  const until = (so: () => boolean | Promise<boolean>) => vi.waitUntil(so, { timeout: 5_000, interval: 2 })
  const finish = async () => {
    const heard = await control.heard()
    expect(heard.warnings, 'warnings').toEqual(warnings)
    expect(heard.errors.length, `errors of the framework: ${heard.errors.join(', ')}`).toBe(errors.length)
    for (const [i, error] of errors.entries()) expect(heard.errors[i]).toMatch(error)
  }
  const trial: Trial = {
    send: (ask) => send(url, ask),
    get: (path, ...headers) => send(url, { path, headers }),
    stream: (ask) => stream(url, ask, hangUp),
    hang: (ask?: Ask) => hang(url, ask, hangUp),
    bytes: (text) => bytes(url, text),
    advance: async (ms) => control.advance(ms),
    open: async (gate) => control.open(gate),
    heard: async () => control.heard(),
    async until(so) {
      await until(so)
    },
    async changed(change, times = 1) {
      await until(async () => (await control.heard()).changes.filter((each) => each === change).length >= times)
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
  return { trial, finish }
}
