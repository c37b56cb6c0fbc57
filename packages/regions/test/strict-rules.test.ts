// Each rule of mode `strict`, taken away: the checker of random histories must notice.
import { playShares, playStrict, type Removal, withoutRule } from '@sluice/testing/regions'
import { expect, test } from 'vitest'

/** The most histories until a violation is found. */
const HISTORIES = 1_500

interface Rule {
  readonly without: string
  readonly removals: readonly Removal[]
}

const RULES: readonly Rule[] = [
  {
    without: 'sums in offers: each adds what was given',
    removals: [
      {
        file: 'transfer.ts',
        from: 'const got = Math.max(known, offer.total)',
        to: 'const got = known + offer.total',
      },
    ],
  },
  {
    without: 'the maximum: an older offer lowers what was got',
    removals: [{ file: 'transfer.ts', from: 'const got = Math.max(known, offer.total)', to: 'const got = offer.total' }],
  },
  {
    without: 'the window of an offer',
    removals: [{ file: 'transfer.ts', from: 'if (offer.window !== transfers.window) return undefined', to: '' }],
  },
  {
    without: 'the window of a need',
    removals: [{ file: 'transfer.ts', from: 'if (record.window !== transfers.window) return undefined', to: '' }],
  },
  {
    without: 'transfers of each window: they go on',
    removals: [
      {
        file: 'transfer.ts',
        from: 'const transfers = data.transfers?.window === until ? data.transfers : ',
        to: 'const transfers = data.transfers !== undefined ? { ...data.transfers, window: until } : ',
      },
    ],
  },
  {
    without: 'a donor takes from its own count',
    removals: [
      { file: 'transfer.ts', from: 'state: [until, count + again + units, before],', to: 'state: [until, count + again, before],' },
    ],
  },
  {
    without: 'what is on its way is not given again',
    removals: [
      {
        file: 'transfer.ts',
        from: 'Math.min(record.want - (donated - got), Math.ceil(spare / 2))',
        to: 'Math.min(record.want, Math.ceil(spare / 2))',
      },
    ],
  },
  {
    without: 'a donor that forgot pays again',
    removals: [{ file: 'transfer.ts', from: 'const again = Math.max(0, got - known)', to: 'const again = Math.max(0, known - known)' }],
  },
  {
    without: 'a donor gives what it can spare',
    removals: [
      { file: 'transfer.ts', from: 'Math.min(record.want - (donated - got), Math.ceil(spare / 2))', to: 'record.want - (donated - got)' },
    ],
  },
  {
    without: 'an offer is credited once',
    removals: [{ file: 'transfer.ts', from: 'count - (got - known)', to: 'count - got' }],
  },
  {
    without: 'rights that were not used end with their window',
    removals: [{ file: 'transfer.ts', from: '[current, 0, Math.max(0, state[1])]', to: '[current, 0, state[1]]' }],
  },
  {
    without: 'a reset keeps what was given and got',
    removals: [
      {
        file: 'transfer.ts',
        from: 'return { state: [state[0], sumOf(transfers.donated) - sumOf(transfers.got), 0], transfers }',
        to: 'return { state: [state[0], 0, 0], transfers }',
      },
    ],
  },
  {
    without: 'asking again: a lost offer leaves rights idle',
    removals: [{ file: 'transfer.ts', from: 'now < asked + pause * 1000', to: 'now < asked + 1000 * pause * 1000' }],
  },
  {
    without: 'shares of one sum',
    removals: [
      { file: 'shares.ts', from: 'Math.floor(units * sum + 1e-6)', to: 'Math.floor(units * sum + 1e-6) + (before > 0 ? 1 : 0)' },
      { file: 'shares.ts', from: 'Math.min(units, ', to: 'Math.max(0, ' },
    ],
  },
  {
    without: 'shrink before grow: a table holds for growth as soon as this region promised it',
    removals: [
      { file: 'shares.ts', from: 'const isGrown = isEverywhere && (', to: 'const isGrown = (isEverywhere || table.version > 0) && (' },
    ],
  },
  {
    without: 'a region shrinks as soon as it has promised',
    removals: [{ file: 'shares.ts', from: ': Math.min(rights, partOf(table))', to: ': rights' }],
  },
  {
    without: 'promises only `keep` ahead',
    removals: [{ file: 'shares.ts', from: 'table.from < now + keep || ', to: 'table.from < now - 10 * keep || ' }],
  },
  {
    without: 'reading again: a process keeps its table',
    removals: [
      { file: 'shares.ts', from: 'if (start >= readAt + keep) return undefined', to: 'if (start >= readAt + 100 * keep) return undefined' },
    ],
  },
  {
    without: 'sliding windows grow one window later',
    removals: [
      {
        file: 'shares.ts',
        from: "(kind === 'fixed' || start - length >= table.from)",
        to: "(kind === 'fixed' || start + length >= table.from)",
      },
    ],
  },
]

test.each(RULES)('noticed: without $without', { timeout: 300_000 }, async ({ removals }) => {
  const regions = await withoutRule(removals)
  let found
  const isOfShares = removals.every(({ file }) => file === 'shares.ts')
  for (let seed = 1; found === undefined && seed <= HISTORIES; seed++) {
    found = isOfShares ? playShares(regions, seed) : await playStrict(regions, seed)
  }
  expect(found).toBeDefined()
})
