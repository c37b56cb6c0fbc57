// Each rule of mode `eventual`, taken away: the checker of random histories must notice. A rule that nothing notices is superfluous, or the
// checker is blind.
import * as source from '@sluice/regions/store-kit'
import { type HistoryOptions, playEventual, type RegionsModule, type Removal, withoutRule } from '@sluice/testing/regions'
import { expect, test } from 'vitest'

/** The most histories until a violation is found. */
const HISTORIES = 1_500

interface Rule {
  readonly without: string
  readonly removals: readonly Removal[]
  readonly options?: HistoryOptions
  /** A short history for a rule that few random ones need. Returns what is wrong. */
  readonly scenario?: (regions: RegionsModule) => string | undefined
}

const NOW = 1_767_225_600_000_000
const TERMS: source.Terms = { interval: 1_000, urgent: 1, minimum: 0, keep: 15_000, regions: 2 }

/** A bucket is given back 0 units, is full for longer than `keep`, and then 8 units are taken. */
function bucketBornLate({ takenAfter, takenName, collect, NO_LEDGER }: RegionsModule): string | undefined {
  const shape: source.Shape = { text: 'rate.tokenBucket.', kind: 'bucket', N: 1, P: 1_000_000, burst: 9 }
  const name = takenName(shape.text)
  const given = takenAfter(undefined, 0, NOW, TERMS.keep, NOW)
  // A record of another region lets an entry live longer.
  const lived = given === undefined ? undefined : ([given[0] + 2_000_000, given[1], given[2]] as const)
  const later = NOW + 16_000_000
  const taken = takenAfter(lived, 8, later + 8_000_000, TERMS.keep, later)
  const states = new Map([[shape.text, [later + 8_000_000, 0, 0] as const], ...(taken === undefined ? [] : [[name, taken] as const])])
  const collected = collect({ policy: 'p', subject: 's', shapes: [shape] }, { states, ledger: NO_LEDGER }, TERMS, later)
  const birth = collected.result === 'record' ? collected.record.entries[0]?.start : undefined
  return birth === later ? undefined : `the birth is ${birth}, and the first unit was taken at ${later}`
}

/** One process publishes one limit of a subject, and another comes with both. */
function publishedApart({ collect, NO_LEDGER }: RegionsModule): string | undefined {
  const shapes = ['a', 'b'].map((name): source.Shape => {
    return { text: `${name}.fixedWindow.60000`, kind: 'fixed', N: 100, P: 60_000, burst: 0, start: NOW / 1000 }
  })
  const states = new Map(shapes.map(({ text }) => [text, [NOW + 60_000_000, 5, 0] as const]))
  const key = { policy: 'p', subject: 's' }
  const first = collect({ ...key, shapes: shapes.slice(0, 1) }, { states, ledger: NO_LEDGER }, TERMS, NOW)
  if (first.result !== 'record') return 'the first limit is not published'
  const second = collect({ ...key, shapes }, { states, ledger: first.changes.ledger }, TERMS, NOW + 100_000)
  return second.result === 'record' ? undefined : `the second limit comes ${second.result}`
}

const RULES: readonly Rule[] = [
  {
    without: 'sums: records have what was counted since the last one, and each is added',
    removals: [
      {
        file: 'steps.ts',
        from: 'entries: own.map(([, { entry }]) => entry) }',
        to: 'entries: own.map(([, { entry, account }]) => ({ ...entry, units: entry.units - account.published, before: 0 })) }',
      },
      {
        file: 'windows.ts',
        from: 'return { units: (reported ?? known) - known, known: reported ?? known }',
        to: 'return { units: reported ?? 0, known: reported ?? known }',
      },
    ],
  },
  {
    without: 'the window of a record: units are charged in the window of now',
    removals: [
      {
        file: 'windows.ts',
        from: 'const until = untilOf(shape, record.start)',
        to: 'const until = mine.until === 0 ? untilOf(shape, record.start) : mine.until',
      },
    ],
  },
  { without: 'one step for state and ledger', removals: [], options: { isAtomic: false } },
  {
    without: 'versions: a record that comes late is applied',
    removals: [
      {
        file: 'steps.ts',
        from: "source.version <= last.version) return { result: 'old', wait: 0 }",
        to: "source.version === last.version) return { result: 'old', wait: 0 }",
      },
    ],
  },
  {
    without: 'TIME in versions: they begin again after the data was lost',
    removals: [{ file: 'steps.ts', from: 'Math.max(ledger.version + 1, now)', to: 'ledger.version + 1' }],
  },
  {
    without: 'the last version in versions: two records of one time',
    removals: [{ file: 'steps.ts', from: 'Math.max(ledger.version + 1, now)', to: 'Math.floor(now / 2_000_000)' }],
  },
  {
    without: 'a version of each state: a record without it makes an earlier one with it old',
    removals: [
      {
        file: 'steps.ts',
        from: 'const last = account === undefined ? undefined : partOf(account.parts, source.region)',
        to: 'const last = [...ledger.accounts.values()].flatMap(({ parts }) => partOf(parts, source.region) ?? []).sort((a, b) => b.version - a.version)[0]',
      },
    ],
  },
  {
    without: 'own units: what others put there is published as own',
    removals: [
      {
        file: 'windows.ts',
        from: 'return { units: count - account.foreign, before: before - account.foreignBefore }',
        to: 'return { units: count, before }',
      },
    ],
  },
  {
    without: 'give-backs: only what is more is applied',
    removals: [
      {
        file: 'windows.ts',
        from: 'return { units: (reported ?? known) - known, known: reported ?? known }',
        to: 'return { units: Math.max(0, (reported ?? known) - known), known: reported ?? known }',
      },
    ],
  },
  {
    without: 'the window before of a sliding window',
    removals: [
      {
        file: 'windows.ts',
        from: "const previous = shape.kind === 'sliding' ? difference",
        to: "const previous = shape.kind === 'bucket' ? difference",
      },
    ],
  },
  {
    without: 'the ledger moves with the windows',
    removals: [
      {
        file: 'windows.ts',
        from: 'return { ...account, first: until, foreign: 0, foreignBefore: foreign, published: 0, publishedBefore: published }',
        to: 'return { ...account, first: until }',
      },
    ],
  },
  {
    without: 'the ledger moves by itself: it is read as of the window of the state',
    removals: [
      {
        file: 'windows.ts',
        from: 'return { ...moved(shape, { until, count, before, account: known }, target), account: moveAccount(shape, known, target) }',
        to: 'return moved(shape, { until, count, before, account: moveAccount(shape, known, until) }, target)',
      },
    ],
  },
  {
    without: 'holding: a window that has not begun is applied at once',
    removals: [
      {
        file: 'windows.ts',
        from: 'if (wait > 0 && until > mine.until) return',
        to: "if (wait > 0 && until > mine.until) return { result: 'late', wait: 0 }\n  if (wait > MAX_AHEAD) return",
      },
    ],
  },
  {
    without: 'ended windows are dropped',
    removals: [
      { file: 'windows.ts', from: "if (until <= now || until < oldest) return { result: 'late', wait: 0 }", to: '' },
      { file: 'windows.ts', from: 'if (first === until) return units', to: 'if (first <= until) return units' },
    ],
  },
  {
    without: 'publishing again: a lost message is never repeated',
    removals: [{ file: 'steps.ts', from: 'else if (since(own) < AGAIN * 1000)', to: 'else' }],
  },
  {
    without: 'all publish once one does',
    removals: [{ file: 'steps.ts', from: '!isHeard && published === 0', to: 'published === 0' }],
  },
  {
    without: 'an apply says that own units are unpublished',
    removals: [
      {
        file: 'steps.ts',
        from: 'isUnpublished: shapes.some(([shape]) => ownOf(shape, after, terms, now).isChanged),',
        to: 'isUnpublished: false,',
      },
    ],
  },
  {
    without: 'force after a failed publication',
    removals: [{ file: 'exchange.ts', from: 'for (const key of list) this.keys.putBack(key, true)', to: '' }],
  },
  {
    without: 'urgent and regular exchange: only each tenth interval',
    removals: [{ file: 'exchange.ts', from: 'const wait = this.isSoon ? SOON : interval', to: 'const wait = 10 * interval' }],
  },
  {
    without: 'the ledger lives longer than the state',
    removals: [{ file: 'windows.ts', from: 'return until + P * 1000', to: 'return until - P * 1000' }],
  },
  {
    without: 'a state that is lost takes what others put there with it',
    removals: [{ file: 'windows.ts', from: 'account: forgotten(known, current) }', to: 'account: known }' }],
  },
  {
    without: 'resets: a record from before brings back what was forgotten',
    removals: [{ file: 'windows.ts', from: 'const reported = isOld ? undefined : unitsIn', to: 'const reported = unitsIn' }],
  },
  {
    without: 'a later reset forgets what a region counted',
    removals: [
      {
        file: 'windows.ts',
        from: 'const target = withReset(shape, moved(shape, mine, until), record.reset)',
        to: 'const target = moved(shape, mine, until)',
      },
    ],
  },
  {
    without: 'a reset of each state: it forgets the other limits too',
    removals: [
      {
        file: 'steps.ts',
        from: 'entries: own.map(([, { entry }]) => entry) }',
        to: 'entries: own.map(([, { entry }]) => ({ ...entry, reset: Math.max(...own.map(([, each]) => each.entry.reset)) })) }',
      },
    ],
  },
  {
    without: 'a reset concerns only windows that had begun',
    removals: [
      { file: 'windows.ts', from: 'return reset >= startOf(shape, until) * 1000 ? reset : 0', to: 'return until > 0 ? reset : 0' },
    ],
  },
  {
    without: 'the birth of a bucket: the sum of a new one is compared with that of the old one',
    removals: [
      {
        file: 'buckets.ts',
        from: 'const isSame = part !== undefined && part.first === start',
        to: 'const isSame = part !== undefined && start > 0',
      },
    ],
  },
  {
    without: 'the birth of a bucket is that of its first unit',
    removals: [{ file: 'buckets.ts', from: 'if (units === 0 && ownTaken(taken, now).birth === 0) return undefined', to: '' }],
    scenario: bucketBornLate,
  },
  {
    without: 'a time of publication for each state: one delays the others',
    removals: [
      {
        file: 'steps.ts',
        from: 'now - Math.min(...list.map(([, { account }]) => account.publishedAt))',
        to: 'now - Math.max(0 * list.length, ...[...ledger.accounts.values()].map((account) => account.publishedAt))',
      },
    ],
    scenario: publishedApart,
  },
  {
    without: 'the second entry of a bucket lives longer than the bucket',
    removals: [
      { file: 'buckets.ts', from: 'return [full + keep * 1000, before + units, birth]', to: 'return [full, before + units, birth]' },
    ],
  },
  {
    without: 'after a gap no more than the sender misses',
    removals: [
      {
        file: 'buckets.ts',
        from: 'return at - since > keep ? Math.min(difference, before) : difference',
        to: 'return at - since > keep && before < 0 ? before : difference',
      },
    ],
  },
  {
    without: 'messages that are older than `keep` are dropped',
    removals: [{ file: 'buckets.ts', from: "if (at < now / 1000 - keep) return { result: 'late', wait: 0 }", to: '' }],
  },
  {
    without: 'the ledger of a bucket lives twice as long as `keep`',
    removals: [{ file: 'buckets.ts', from: 'until: now + 2 * keep * 1000,', to: 'until: now + 100 * keep,' }],
  },
  {
    without: 'a burst of each other region may be missing',
    removals: [{ file: 'buckets.ts', from: 'const most = regions * burst * P', to: 'const most = burst * P + 0 * regions' }],
  },
  {
    without: 'resets of buckets: a record from before brings back what was forgotten',
    removals: [{ file: 'buckets.ts', from: "if (reported < mine) return { result: 'late', wait: 0 }", to: '' }],
  },
  {
    without: 'a later reset empties the bucket',
    removals: [{ file: 'buckets.ts', from: 'const isReset = reported > mine', to: 'const isReset = reported > mine + 1e18' }],
  },
  {
    without: 'a reset of a bucket is sent as long as it may hold elsewhere',
    removals: [
      {
        file: 'steps.ts',
        from: 'const reset = resetWithin(known.reset, now, 2 * keep)',
        to: 'const reset = resetWithin(known.reset, now, keep / 10)',
      },
    ],
  },
]

test.each(RULES)('noticed: without $without', { timeout: 300_000 }, async ({ removals, options, scenario }) => {
  const regions = await withoutRule(removals)
  let found: unknown = scenario?.(regions)
  for (let seed = 1; found === undefined && seed <= HISTORIES; seed++) found = await playEventual(regions, seed, options)
  expect(found).toBeDefined()
})

test.each(RULES.flatMap(({ without, scenario }) => (scenario === undefined ? [] : [{ without, scenario }])))(
  'nothing is wrong with it: $without',
  ({ scenario }) => {
    expect(scenario(source)).toBeUndefined()
  },
)
