// A region sends again what it has counted, on a manual clock.
import { fixedWindow, type Limit } from '@sluice/core'
import { completeClock } from '@sluice/core/store-kit'
import { type ExchangedSubject, type LedgerName, Resend } from '@sluice/regions/store-kit'
import { SimTime } from '@sluice/testing/regions'
import { expect, test } from 'vitest'

const DAY = fixedWindow({ name: 'day', limit: 5, window: '1d' }).limit
const FIRST = fixedWindow({ name: 'first', limit: 5, window: '1d', anchor: 'first' }).limit
const targetOf = (policy: string, limit: Limit = DAY): { readonly scope: string; readonly limit: Limit } => ({
  scope: `${policy}+${limit.name}.${limit.algorithm}`,
  limit,
})

/** A region whose store has these ledgers, in steps of 250. */
function newRegion(names: readonly LedgerName[]) {
  const time = new SimTime(1_767_225_600_000_000)
  const start = time.now
  const sent: { readonly at: number; readonly subjects: readonly ExchangedSubject[] }[] = []
  const failures: unknown[] = []
  const scans: (readonly string[])[] = []
  const ending = new AbortController()
  let broken = 0
  const resend = new Resend({
    storage: {
      async *ledgers(policies) {
        scans.push(policies)
        if (broken-- > 0) throw new Error('the store is away')
        for (let at = 0; at < names.length; at += 250) {
          yield names.slice(at, at + 250).map(({ policy, subject }) => {
            return { policy: policy !== undefined && policies.includes(policy) ? policy : undefined, subject }
          })
        }
      },
    },
    exchange: { publishAgain: async (subjects) => void sent.push({ at: (time.now - start) / 1000, subjects }) },
    clock: completeClock(time.clock(() => 0)),
    signal: ending.signal,
    failed: (error) => failures.push(error),
  })
  const pass = async (ms: number): Promise<void> => {
    // What was called begins before the time passes.
    for (let i = 0; i < 50; i++) await Promise.resolve()
    await time.runUntil(time.now + ms * 1000)
  }
  const subjects = (): readonly string[] => sent.flatMap(({ subjects: list }) => list.map(({ subject }) => subject))
  return { resend, sent, failures, scans, ending, pass, subjects, fail: (times: number) => (broken = times) }
}

const named = (policy: string, count: number): readonly LedgerName[] =>
  Array.from({ length: count }, (_, i) => ({ policy, subject: `${policy}:${i}` }))

test('1,000 subjects a second, each with the limits of its policy', async () => {
  const region = newRegion(named('api', 2_000))
  region.resend.know(targetOf('api'))
  // A window that begins with the first charge is not exchanged.
  region.resend.know(targetOf('api', FIRST))
  void region.resend.asked()
  await region.pass(900)
  expect(region.subjects()).toHaveLength(1_000)
  await region.pass(2_000)
  expect(region.subjects()).toHaveLength(2_000)
  expect(region.sent.map(({ at }) => at)).toEqual([0, 250, 500, 750, 1_000, 1_250, 1_500, 1_750])
  expect(region.sent[0]?.subjects[0]).toEqual({ policy: 'api', subject: 'api:0', targets: [targetOf('api')] })
})

test('who asks while a resend runs gets another', async () => {
  const region = newRegion(named('api', 500))
  region.resend.know(targetOf('api'))
  void region.resend.asked()
  await region.pass(300)
  void region.resend.asked()
  void region.resend.asked()
  await region.pass(5_000)
  expect(region.subjects()).toHaveLength(1_000)
})

test('a policy that is not known yet is sent when it is, for ten minutes', async () => {
  const region = newRegion([...named('api', 3), ...named('late', 2), ...named('never', 1)])
  region.resend.know(targetOf('api'))
  void region.resend.asked()
  await region.pass(100)
  expect(region.subjects()).toEqual(['api:0', 'api:1', 'api:2'])
  region.resend.know(targetOf('late'))
  await region.pass(100)
  expect(region.subjects().slice(3)).toEqual(['late:0', 'late:1'])
  await region.pass(600_000)
  region.resend.know(targetOf('never'))
  await region.pass(100)
  expect(region.scans).toEqual([['api'], ['late']])
})

test('a failure is reported, and the next question is answered', async () => {
  const region = newRegion(named('api', 1))
  region.resend.know(targetOf('api'))
  region.fail(1)
  void region.resend.asked()
  await region.pass(100)
  expect(region.failures).toHaveLength(1)
  void region.resend.asked()
  await region.pass(100)
  expect(region.subjects()).toEqual(['api:0'])
})

test('it ends with its store', async () => {
  const region = newRegion(named('api', 1_000))
  region.resend.know(targetOf('api'))
  void region.resend.asked()
  await region.pass(300)
  region.ending.abort()
  await region.pass(5_000)
  expect(region.subjects()).toHaveLength(500)
})

test('a policy that becomes known while the scan begins is sent too', async () => {
  const region = newRegion(named('api', 100))
  void region.resend.asked()
  while (region.scans.length === 0) await Promise.resolve()
  region.resend.know(targetOf('api'))
  await region.pass(1_000)
  expect(region.scans).toEqual([[], ['api']])
  expect(region.subjects()).toHaveLength(100)
})
