// What a replica says is left.
import { type Charge, type Outcome } from '@sluice/core'
import { stack } from '@sluice/core/store-kit'
import { fakeClock } from '@sluice/testing'
import { expect, test } from 'vitest'
import { charge, consumeNow, HUNDRED, openBreaker, passTime, remoteStore } from './lab.ts'

test('reads each subject once a second, in the background, and only lowers what is left', async () => {
  const clock = fakeClock()
  const inner = remoteStore(clock)
  const reads: string[][] = []
  const peekReplica = (charges: readonly Charge[]) => {
    reads.push(charges.map(({ subject }) => subject))
    return charges.map(() => ({ remaining: 40 }) as Outcome)
  }
  const at = {
    clock,
    inner,
    events: [],
    store: stack({ ...inner, peekReplica }, { failover: { instances: 2 }, denyCache: false }, { clock }),
  }
  await openBreaker(at)
  await passTime(clock, 100)
  reads.length = 0
  for (let i = 0; i < 20; i++) {
    expect(consumeNow(at.store, charge('a', HUNDRED))).toMatchObject({ source: 'local' })
    expect(consumeNow(at.store, charge('b', HUNDRED, 0))).toMatchObject({ remaining: i === 0 ? 50 : 20 })
    await passTime(clock, 75)
  }
  expect(reads).toEqual([
    ['a', 'b'],
    ['a', 'b'],
  ])
  // 20 were left: the 19 that it has used since are not given to it again.
  expect(consumeNow(at.store, charge('a', HUNDRED, 0))).toMatchObject({ remaining: 1 })
})

test('does nothing when the replica is away too', async () => {
  const clock = fakeClock()
  const inner = remoteStore(clock)
  const peekReplica = () => Promise.reject(new Error('away'))
  const at = {
    clock,
    inner,
    events: [],
    store: stack({ ...inner, peekReplica }, { failover: { instances: 2 }, denyCache: false }, { clock }),
  }
  await openBreaker(at)
  consumeNow(at.store, charge('a', HUNDRED))
  await passTime(clock, 100)
  expect(consumeNow(at.store, charge('a', HUNDRED))).toMatchObject({ source: 'local', remaining: 48 })
})
