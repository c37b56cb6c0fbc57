// Beats, silence, versions and promises of share tables, on a manual clock. Each rule is taken away, too: its scenario must notice.
import { fixedWindow } from '@sluice/core'
import * as source from '@sluice/regions/store-kit'
import { BeatWorld, type RegionsModule, type Removal, withoutRule } from '@sluice/testing/regions'
import { expect, test } from 'vitest'

const EVERY = 2_500
const ALL = ['eu', 'us', 'ap']

const table = (version: number, from: number): source.ShareTable => ({ version, from, of: { eu: 0.5, us: 0.25, ap: 0.25 } })

function call(changes: Partial<source.Heartbeat> = {}): source.Heartbeat {
  const own = { self: 'eu', all: ALL, reads: 1, shares: undefined, heard: [], isAsked: false }
  return { ...own, every: EVERY, silence: 10_000, keep: 20_000, ...changes }
}

function heard(region: string, changes: Partial<source.HeardRegion> = {}): source.HeardRegion {
  return { region, age: 0, lag: 0, reads: 0, shares: [], promised: [], ...changes }
}

/** The book after these calls, each at its time (ms). */
function bookOf(regions: RegionsModule, ...calls: readonly (readonly [at: number, request: source.Heartbeat])[]): source.RegionBook {
  let book: source.RegionBook | undefined
  for (const [at, request] of calls) {
    const result = regions.heartbeat(book, request, at)
    if (result.result === 'done') ({ book } = result)
  }
  return book as source.RegionBook
}

const SCENARIOS: Readonly<Record<string, (regions: RegionsModule) => Promise<void>>> = {
  'a region that is cut off is silent, and no other': async (regions) => {
    const world = new BeatWorld(regions, { processes: 2 })
    await world.start()
    await world.pass(60_000)
    expect(world.turns).toEqual([])
    world.cut.add('us')
    await world.pass(9_000)
    expect(world.turns).toEqual([])
    await world.pass(7_500)
    expect(world.silent('eu')).toEqual([['us'], ['us']])
    expect(world.silent('us')).toEqual([
      ['eu', 'ap'],
      ['eu', 'ap'],
    ])
    world.cut.clear()
    await world.pass(9_000)
    for (const name of ALL) expect(world.silent(name)).toEqual([[], []])
    expect(world.failures).toEqual([])
  },

  'a region that never came is silent, but not at once': async (regions) => {
    const world = new BeatWorld(regions, { processes: 1 })
    await world.start(['eu', 'us'])
    await world.pass(9_000)
    expect(world.silent('eu')).toEqual([[]])
    await world.pass(6_000)
    expect(world.silent('eu')).toEqual([['ap']])
  },

  'a region that was away itself calls no other silent': async (regions) => {
    const world = new BeatWorld(regions, { processes: 2 })
    await world.start()
    await world.pass(30_000)
    world.stop('eu')
    await world.pass(120_000)
    world.turns.length = 0
    await world.start(['eu'])
    await world.pass(30_000)
    expect(world.turns.filter((turn) => turn.startsWith('eu'))).toEqual([])
  },

  'one process of a region sends its beat': async (regions) => {
    const world = new BeatWorld(regions, { processes: 8 })
    await world.start()
    await world.pass(100_000)
    const beats = world.count('eu', 'beat')
    expect(beats).toBeGreaterThan(100_000 / EVERY / 1.2 - 2)
    expect(beats).toBeLessThanOrEqual(100_000 / EVERY / 0.75 + 1)
  },

  'empty data asks once, again if the question was not sent, and never later': async (regions) => {
    const world = new BeatWorld(regions, { processes: 3 })
    await world.start(['us'])
    await world.pass(60_000)
    expect(world.count('us', 'resend')).toBe(1)
    const lost = world.now
    world.flush('us')
    world.stop('us')
    let failures = 2
    world.isFailing = () => failures-- > 0
    await world.start(['us'])
    await world.pass(60_000)
    expect(world.count('us', 'resend', lost)).toBe(1)
  },

  'a process that runs on asks too when the data is lost': async (regions) => {
    const world = new BeatWorld(regions, { processes: 1 })
    await world.start()
    await world.pass(30_000)
    const lost = world.now
    world.flush('us')
    await world.pass(30_000)
    expect(world.count('us', 'resend', lost)).toBe(1)
    expect(world.count('eu', 'resend', lost)).toBe(0)
  },

  'data of another region, or of another order, is refused': async (regions) => {
    const book = bookOf(regions, [1, call()])
    const changed = { result: 'changed', self: 'eu', all: ALL }
    expect(regions.heartbeat(book, call({ self: 'us' }), 2)).toEqual(changed)
    expect(regions.heartbeat(book, call({ all: ['us', 'eu', 'ap'] }), 2)).toEqual(changed)
    expect(regions.heartbeat(book, call({ all: ['eu', 'sa', 'us', 'ap'] }), 2)).toEqual(changed)
    // A region more at the end, then one less, while a process has the old list.
    const longer = bookOf(regions, [1, call()], [2, call({ all: [...ALL, 'sa'] })], [3, call({ all: ['eu', 'ap', 'sa'] })], [4, call()])
    expect(longer.all).toEqual([...ALL, 'sa'])
    expect(regions.heartbeat(longer, call({ all: ['eu', 'sa', 'ap'] }), 5).result).toBe('changed')
  },

  'messages have the lowest version that a process of any region reads': async (regions) => {
    const said = (reads: number) => heard('us', { reads })
    const calls = [[1, call({ reads: 3 })] as const, [2, call({ reads: 3, heard: [said(2)] })] as const]
    expect(regions.writtenVersion(bookOf(regions, ...calls), 3)).toBe(2)
    // A message without a beat does not say what the region reads.
    expect(regions.writtenVersion(bookOf(regions, ...calls, [3, call({ reads: 3, heard: [said(0)] })]), 3)).toBe(2)
    const old = [[1, call({ reads: 1 })] as const, [2, call({ reads: 2 })] as const]
    expect(regions.writtenVersion(bookOf(regions, ...old), 2)).toBe(1)
    expect(regions.writtenVersion(bookOf(regions, ...old, [20_001, call({ reads: 2 })]), 2)).toBe(2)
  },

  'what was heard last counts, in whatever order processes call': async (regions) => {
    const calls = [
      [1_000, call({ heard: [heard('us', { age: 100 })] })] as const,
      [1_200, call({ heard: [heard('us', { age: 900 })] })] as const,
    ]
    expect(bookOf(regions, ...calls).peers.get('us')?.heardAt).toBe(900)
  },

  'a table is promised long before it is in force, and heard of by beats': async (regions) => {
    const shares = { eu: table(1, 1_767_225_680_000), us: table(1, 1_767_225_680_000), ap: table(1, 1_767_225_680_000) }
    const world = new BeatWorld(regions, { processes: 2, shares })
    await world.start(['eu', 'us'])
    await world.pass(30_000)
    expect(world.books.get('eu')?.shares).toEqual({ promised: [shares.eu], heard: { us: [1] } })
    // Too late: less than `keep` before it is in force.
    await world.pass(35_000)
    await world.start(['ap'])
    await world.pass(30_000)
    expect(world.books.get('ap')?.shares.promised).toEqual([])
    expect(world.books.get('eu')?.shares.heard).toEqual({ us: [1] })
  },

  'a region that lost its promises hears of them from those who heard them': async (regions) => {
    const shares = { eu: table(1, 1_767_225_640_000), us: table(1, 1_767_225_640_000), ap: table(1, 1_767_225_640_000) }
    const world = new BeatWorld(regions, { processes: 2, shares })
    await world.start()
    await world.pass(60_000)
    world.flush('eu')
    await world.pass(10_000)
    expect(world.books.get('eu')?.shares.promised).toEqual([shares.eu])
    expect(world.books.get('eu')?.shares.heard).toEqual({ us: [1], ap: [1] })
  },

  'a promise comes back also from a region that has not promised the table': async (regions) => {
    const shares = { us: table(1, 1_767_225_700_000) }
    const world = new BeatWorld(regions, { processes: 1, shares })
    await world.start()
    await world.pass(30_000)
    expect(world.books.get('eu')?.shares).toEqual({ promised: [], heard: { us: [1] } })
    await world.pass(60_000)
    world.flush('us')
    await world.pass(10_000)
    // Too late for a new promise.
    expect(world.books.get('us')?.shares.promised).toEqual([shares.us])
  },

  'what was heard while the store was away has its time': async (regions) => {
    const world = new BeatWorld(regions, { processes: 1 })
    await world.start()
    await world.pass(60_000)
    world.away.add('eu')
    await world.pass(3_000)
    world.cut.add('us')
    await world.pass(5_000)
    world.away.clear()
    await world.pass(8_500)
    expect(world.silent('eu')).toEqual([['us']])
    expect(world.failures.length).toBeGreaterThan(0)
  },

  'a share of the limit while a region is silent': async (regions) => {
    const { limit } = fixedWindow({ name: 'a', limit: 30, window: 60_000 })
    for (const [whenSilent, expected] of [
      ['whole', 30],
      ['share', 20],
    ] as const) {
      const world = new BeatWorld(regions, { processes: 1, whenSilent })
      await world.start(['eu', 'us'])
      await world.pass(9_000)
      const [eu] = world.of('eu')
      expect(eu?.beats.limitOf(limit).limit).toBe(30)
      await world.pass(6_000)
      expect(eu?.beats.limitOf(limit).limit).toBe(expected)
    }
  },
}

const NAMES = Object.keys(SCENARIOS)

test.each(NAMES)('%s', async (name) => {
  await SCENARIOS[name]?.(source)
})

interface Rule {
  readonly without: string
  readonly removal: Removal
  /** The number of the scenario that notices, from 0. */
  readonly notices: number
}

const in_ = (file: string, from: string, to: string): Removal => ({ file, from, to })

const RULES: readonly Rule[] = [
  {
    without: 'silence: no region is ever silent',
    removal: in_('heartbeat.ts', 'peers.get(region)?.heardAt ?? 0) > silence', 'peers.get(region)?.heardAt ?? 0) > silence * 1e6'),
    notices: 0,
  },
  {
    without: 'the book: processes do not say what they heard',
    removal: in_('beats.ts', 'heard: aged,', 'heard: aged.slice(0, 0),'),
    notices: 0,
  },
  {
    without: 'the time of a message that a process heard: it is that of its call',
    removal: in_('beats.ts', 'age: Math.max(0, Math.round(now - monotonic))', 'age: 0 * (now - monotonic)'),
    notices: 12,
  },
  {
    without: 'since: a region that was never heard is silent at once',
    removal: in_(
      'heartbeat.ts',
      'calledAt - Math.max(since, peers.get(region)?.heardAt ?? 0)',
      'calledAt - Math.min(since, peers.get(region)?.heardAt ?? 0)',
    ),
    notices: 1,
  },
  {
    without: 'a region that was away itself',
    removal: in_('heartbeat.ts', 'now - known.calledAt > request.silence ? now : known.since', 'known.since'),
    notices: 2,
  },
  {
    without: 'one beat of a region: each process sends one',
    removal: in_('heartbeat.ts', 'now - known.beatAt >= DUE * request.every', 'now >= known.beatAt'),
    notices: 3,
  },
  {
    without: 'asking: empty data asks nobody',
    removal: in_('beats.ts', "book.isAsked ? [beat] : [beat, { kind: 'resend' }]", '[beat]'),
    notices: 4,
  },
  {
    without: 'the confirmation that others were asked',
    removal: in_('heartbeat.ts', 'isAsked: known.isAsked || request.isAsked', 'isAsked: known.isAsked'),
    notices: 4,
  },
  {
    without: 'asking again: it counts as asked before it was sent',
    removal: in_('heartbeat.ts', 'isAsked: known.isAsked || request.isAsked', 'isAsked: known.beatAt > 0'),
    notices: 4,
  },
  {
    without: 'the moment of the confirmation: a process that asked once confirms it in each call',
    removal: in_('beats.ts', 'heard: aged, isAsked, every', 'heard: aged, isAsked: isAsked || this.book !== undefined, every'),
    notices: 5,
  },
  { without: 'self', removal: in_('heartbeat.ts', 'self !== request.self || !areInOrder', '!areInOrder'), notices: 6 },
  {
    without: 'the order of all',
    removal: in_('heartbeat.ts', 'self !== request.self || !areInOrder(request.all, merged)', 'self !== request.self'),
    notices: 6,
  },
  {
    without: 'the longest list of regions',
    removal: in_('heartbeat.ts', 'all: merged', 'all'),
    notices: 6,
  },
  {
    without: 'the version of other regions',
    removal: in_('heartbeat.ts', 'Math.min(own, ...readers.keys(), ...others)', 'Math.min(own, ...readers.keys())'),
    notices: 7,
  },
  {
    without: 'the version of other processes',
    removal: in_('heartbeat.ts', 'Math.min(own, ...readers.keys(), ...others)', 'Math.min(own, ...others)'),
    notices: 7,
  },
  {
    without: 'the end of processes',
    removal: in_('heartbeat.ts', '.filter(([, at]) => at > now - keep)', '.filter(([, at]) => at > keep - now)'),
    notices: 7,
  },
  {
    without: 'the version of a region stays when a message does not name it',
    removal: in_('heartbeat.ts', 'reads: reads === 0 ? (known?.reads ?? 0) : reads', 'reads'),
    notices: 7,
  },
  {
    without: 'what was heard last',
    removal: in_('heartbeat.ts', 'Math.max(known?.heardAt ?? 0, now - age)', 'now - age'),
    notices: 8,
  },
  {
    without: 'promises are kept only from tables that come in time',
    removal: in_('shares.ts', 'table.from < now + keep || ', 'table.from < 0 * (now + keep) || '),
    notices: 9,
  },
  {
    without: 'beats say what a region promises',
    removal: in_('beats.ts', 'shares: promised,', 'shares: promised.slice(0, 0),'),
    notices: 9,
  },
  {
    without: 'the table of the options, for a promise that others heard',
    removal: in_('beats.ts', 'own === undefined ? shares : [...shares, own]', 'shares'),
    notices: 11,
  },
  {
    without: 'promises that were lost come back',
    removal: in_(
      'heartbeat.ts',
      'restorePromises(hearPromises(after, region, tables), promised)',
      'hearPromises(after, region, promised.length < 0 ? [] : tables)',
    ),
    notices: 10,
  },
  {
    without: 'a share while a region is silent',
    removal: in_('beats.ts', "this.silent.size > 0 && this.parts.regions.whenSilent === 'share'", 'this.silent.size < 0'),
    notices: 13,
  },
  {
    without: 'the whole limit while a region is silent',
    removal: in_('beats.ts', "this.silent.size > 0 && this.parts.regions.whenSilent === 'share'", 'this.silent.size > 0'),
    notices: 13,
  },
]

test.each(RULES)('noticed: without $without', { timeout: 60_000 }, async ({ removal, notices }) => {
  const regions = await withoutRule([removal])
  await expect(SCENARIOS[NAMES[notices] as string]?.(regions)).rejects.toBeInstanceOf(Error)
})
