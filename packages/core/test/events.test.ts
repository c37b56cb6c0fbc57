// The events of a store.
import type { StoreEvent } from '@sluice/core'
import { Events } from '@sluice/core/store-kit'
import { expect, test } from 'vitest'

const heard = (events: Events): StoreEvent[] => {
  const list: StoreEvent[] = []
  events.subscribe((event) => list.push(event))
  return list
}

test('D13: the first listener gets the anomalies that came before it, up to a bound', () => {
  const events = new Events()
  for (let i = 0; i < 100; i++) events.anomaly('ANOMALY_STATE_UNREADABLE', String(i))
  const first = heard(events)
  expect(first).toHaveLength(16)
  expect(first[0]).toEqual({ type: 'anomaly', code: 'ANOMALY_STATE_UNREADABLE', message: '0' })
  expect(heard(events)).toEqual([])
  events.anomaly('ANOMALY_VERDICT', 'now')
  expect(first).toHaveLength(17)
})

test('D04: a listener gets the warnings of a state that has not ended', () => {
  const events = new Events()
  const first = heard(events)
  events.begin('WARN_STORE_AWAY', 'refused')
  const during = heard(events)
  events.end('WARN_STORE_AWAY', 'WARN_STORE_BACK', 'back')
  const codes = (list: readonly StoreEvent[]) => list.map((event) => ('code' in event ? event.code : ''))
  expect([codes(first), codes(during), heard(events)]).toEqual([
    ['WARN_STORE_AWAY', 'WARN_STORE_BACK'],
    ['WARN_STORE_AWAY', 'WARN_STORE_BACK'],
    [],
  ])
})
