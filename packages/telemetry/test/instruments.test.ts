import { INSTRUMENTS } from '@sluice/telemetry'
import { expect, test } from 'vitest'

/** Labels that come from configuration, and labels with few values. */
const LABELS = [
  'namespace',
  'policy',
  'limit',
  'tier',
  'mode',
  'verdict',
  'source',
  'store',
  'shard',
  'state',
  'result',
  'rule',
  'action',
  'reason',
  'code',
  'peer',
]

test.each(INSTRUMENTS.map((instrument) => [instrument.name, instrument] as const))(
  '%s follows the rules of Prometheus',
  (name, instrument) => {
    expect(name).toMatch(/^(?:rate_limit|sluice)_[a-z_]+$/)
    expect(name.endsWith('_total')).toBe(instrument.kind === 'counter')
    expect(name.endsWith('_seconds')).toBe(instrument.unit === 's')
    expect(instrument.help).toMatch(/^[A-Z].*\.$/)
    expect(instrument.labels.filter((label) => !LABELS.includes(label))).toEqual([])
    expect(instrument.buckets !== undefined).toBe(instrument.kind === 'histogram')
    expect(instrument.buckets ?? []).toEqual((instrument.buckets ?? []).toSorted((a, b) => a - b))
  },
)

test('each name is there once', () => {
  const names = INSTRUMENTS.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})
