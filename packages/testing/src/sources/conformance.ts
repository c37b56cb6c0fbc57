/// <reference types="node" />
import { setTimeout as sleep } from 'node:timers/promises'
import type { PolicySource } from '@sluice/core/store-kit'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { waitUntil } from '../processes/wait-until.ts'
import { Reader } from './reader.ts'

/** A source, and the server behind it, which a test changes. */
export interface OpenedSource {
  readonly source: PolicySource
  /** The keys under which the source gives the documents that `put` writes: at least one. */
  readonly keys: readonly string[]
  /** Writes a text under a key of `keys`. Resolves when the server has it. */
  put(key: string, text: string): Promise<unknown>
  /** Removes a key. Not there for a source that takes this for being away. */
  remove?(key: string): Promise<unknown>
  /** Closes the connections of the source, as a network does. */
  cut?(): void
  /** From now on the source cannot reach the server, or it can again. Open connections stay. */
  away?(isAway: boolean): Promise<unknown>
  /** Makes the source unable to go on from where it was: the server forgets its history. */
  forget?(): Promise<unknown>
}

/** What a source, or its server, can do. */
export interface SourceAbilities {
  /** Whether `remove` is there. Default true. */
  readonly removes?: boolean
  /** Whether `away` is there. Default true. */
  readonly goesAway?: boolean
  /** How many random histories are played. Each waits for a real server. Default 15. */
  readonly runs?: number
}

/** Opens the source for one test, and closes all after it, by `onTestFinished`. */
export type OpenSource = () => Promise<OpenedSource>

type Step =
  | { readonly do: 'put'; readonly key: number }
  | { readonly do: 'remove'; readonly key: number }
  | { readonly do: 'cut' | 'away' | 'back' | 'forget' | 'wait' }

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), key: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), key: fc.nat(9) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'away', 'back', 'forget', 'wait', 'wait') }) },
  ),
  { minLength: 5, maxLength: 25 },
)

/**
 * What every source of policy documents keeps, whatever happens to its server: a reader that loads, watches, and loads again when the watch
 * ends has what the server has.
 */
export function policySourceConformance(
  name: string,
  open: OpenSource,
  { removes = true, goesAway = true, runs = 15 }: SourceAbilities = {},
): void {
  describe(`the contract of a policy source: ${name}`, () => {
    test('load gives all documents, under their keys', async () => {
      const { source, keys, put } = await open()
      for (const key of keys) await put(key, `text of ${key}`)
      const { documents } = await source.load(soon())
      const expected = keys.map((key) => ({ key, text: `text of ${key}` }))
      expect(documents.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual(expected.toSorted((a, b) => (a.key < b.key ? -1 : 1)))
    })

    /** Whether a watch notices a change that was made after the load that it goes on from. */
    async function isNoticed(forgets: boolean): Promise<boolean> {
      const { source, keys, put, forget } = await open()
      const [key = ''] = keys
      await put(key, 'first')
      const { cursor } = await source.load(soon())
      await put(key, 'second')
      if (forgets) await forget?.()
      const end = new AbortController()
      let noticed = false
      const watching = source.watch(
        cursor,
        (event) => {
          if (event.type === 'resync' || (event.type === 'put' && event.key === key && event.text === 'second')) noticed = true
        },
        end.signal,
      )
      const ended = watching.then(() => (noticed = true))
      await waitUntil('the change, a hint, or the end of the watch', () => noticed)
      end.abort()
      return ended
    }

    test('a change between load and watch is not lost', async () => {
      expect(await isNoticed(false)).toBe(true)
    })

    test('a change between load and watch is not lost either when the server has forgotten it', async () => {
      expect(await isNoticed(true)).toBe(true)
    })

    test('a watch ends when it is aborted, and before it begins', async () => {
      const { source, keys, put } = await open()
      await put(keys[0] ?? '', 'text')
      const { cursor } = await source.load(soon())
      const end = new AbortController()
      const watching = source.watch(cursor, () => undefined, end.signal)
      await sleep(100)
      end.abort()
      await watching
      await source.watch(cursor, () => undefined, end.signal)
    })

    for (const opens of removes ? [open] : [])
      test('an empty answer of the server is no document', async () => {
        const { source, keys, put, remove } = await opens()
        for (const key of keys) {
          await put(key, 'text')
          await remove?.(key)
        }
        expect(await source.load(soon())).toMatchObject({ documents: [] })
      })

    for (const opens of goesAway ? [open] : [])
      test('a server that is away rejects load, and ends or fails a watch', async () => {
        const { source, keys, put, cut, away } = await opens()
        await put(keys[0] ?? '', 'text')
        const { cursor } = await source.load(soon())
        const watching = source.watch(cursor, () => undefined, new AbortController().signal)
        watching.catch(() => undefined)
        await sleep(100)
        await away?.(true)
        cut?.()
        await expect(source.load(soon())).rejects.toThrow(/./)
        await Promise.allSettled([watching])
        await away?.(false)
        await waitUntil('the server to be back', async () => (await source.load(soon())).documents.length === 1)
      })

    test('a reader has what the server has, after any history of changes, cuts and absences', async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (history) => {
          const opened = await open()
          const reader = new Reader(opened.source)
          const truth = new Map<string, string>()
          reader.start()
          try {
            await play(history, opened, truth)
            await waitUntil('the reader to have what the server has', () => {
              expect(Object.fromEntries(reader.texts)).toEqual(Object.fromEntries(truth))
              return true
            })
          } finally {
            await reader.stop()
          }
        }),
        { numRuns: runs, endOnFailure: true },
      )
    }, 240_000)
  })
}

async function play(history: readonly Step[], opened: OpenedSource, truth: Map<string, string>): Promise<void> {
  const { keys, put, remove, cut, away, forget } = opened
  const keyOf = (i: number): string => keys[i % keys.length] ?? ''
  for (const [i, step] of history.entries()) {
    switch (step.do) {
      case 'put':
        await put(keyOf(step.key), `text ${i}`)
        truth.set(keyOf(step.key), `text ${i}`)
        break
      case 'remove':
        if (remove === undefined || !truth.has(keyOf(step.key))) break
        await remove(keyOf(step.key))
        truth.delete(keyOf(step.key))
        break
      case 'cut':
        cut?.()
        break
      case 'away':
        await away?.(true)
        break
      case 'back':
        await away?.(false)
        break
      case 'forget':
        await forget?.()
        break
      case 'wait':
        await sleep(30)
        break
    }
  }
  await away?.(false)
}

function soon(): AbortSignal {
  const end = new AbortController()
  // Not `AbortSignal.timeout`: a test may have replaced the timers.
  onTestFinished(() => end.abort())
  return end.signal
}
