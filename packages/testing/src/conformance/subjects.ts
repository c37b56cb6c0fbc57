import { expect } from 'vitest'
import { charge, type Suite } from './suite.ts'
import { fill } from './contract.ts'
import { changed, every, limits, TEN, windows } from './limits.ts'

/** Each is one subject, and no other. Several are patterns, keys or paths to what lies below a store. */
const SUBJECTS: readonly (readonly [string, string])[] = [
  ['an empty string', ''],
  ['*', '*'],
  ['alic?', 'alic?'],
  ['a[a-z]ice', 'a[a-z]ice'],
  ['alice*', 'alice*'],
  ['{alice}', '{alice}'],
  ['{}', '{}'],
  ['a:b', 'a:b'],
  ['a:b:c', 'a:b:c'],
  ['a newline', 'a\nb'],
  ['a carriage return', 'a\r\nb'],
  ['NUL', 'a\0b'],
  ['a NUL more', 'a\0b\0'],
  ['10 kB', 'x'.repeat(10_240)],
  ['10 kB, another at its end', `${'x'.repeat(10_239)}y`],
  ['a lone high surrogate', 'a\uD800'],
  ['another lone high surrogate', 'a\uD801'],
  ['a lone low surrogate', '\uDC00a'],
  ['a replacement character', 'a\uFFFD'],
  ['é composed', '\u00E9'],
  ['é decomposed', 'e\u0301'],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['toString', 'toString'],
  ['hasOwnProperty', 'hasOwnProperty'],
  ['undefined', 'undefined'],
  ['0', '0'],
  ['a slash', 'p/ten/slidingWindow'],
  ['%00', '%00'],
  ['a backslash', '\\'],
  ['a space', ' '],
]

/** Any string is data; a scope and a unit keep states apart. */
export function subjects({ test }: Suite): void {
  for (const [kind, limit] of every) {
    test(`${kind}: any subject is data`, async (bench) => {
      for (const [, subject] of SUBJECTS) await bench.one(charge(limit, 1, { subject }))
      for (const [name, subject] of SUBJECTS)
        expect([name, (await bench.peek(charge(limit, 1, { subject }))).remaining]).toEqual([name, TEN - 1])
    })
  }

  test('trap: Glob characters in a subject wipe other subjects on reset. Any subject is data: `*`, `{}`, `:`, newline, NUL, 10 kB, lone surrogates.', async (bench) => {
    const one = charge(limits.slidingWindow)
    const all = ['alice', ...SUBJECTS.map(([, subject]) => subject)]
    for (const subject of all) await bench.one({ ...one, subject })
    for (const [i, subject] of all.entries()) {
      await bench.store.reset([{ ...one, subject }])
      expect((await bench.peek({ ...one, subject })).remaining).toBe(TEN)
      for (const other of all.slice(i + 1)) expect((await bench.peek({ ...one, subject: other })).remaining).toBe(TEN - 1)
    }
  })

  test('a reset takes several subjects, and one that was never seen', async (bench) => {
    const one = charge(limits.tokenBucket)
    for (const subject of ['a', 'b', 'c']) await bench.one({ ...one, subject })
    await bench.store.reset([
      { ...one, subject: 'a' },
      { ...one, subject: 'never' },
      { ...one, subject: 'c' },
    ])
    const left = await Promise.all(['a', 'b', 'c'].map(async (subject) => (await bench.peek({ ...one, subject })).remaining))
    expect(left).toEqual([TEN, TEN - 1, TEN])
  })

  for (const [kind, limit] of every) {
    test(`${kind}: scopes do not mix`, async (bench) => {
      const one = charge(limit)
      await fill(bench, one)
      for (const scope of ['policy/other', 'policy', `${one.scope}/`, `${one.scope}:alice`, `~${one.scope}`, '']) {
        expect(await bench.one({ ...one, scope })).toMatchObject({ allowed: true, remaining: TEN - 1 })
      }
      expect((await bench.peek(one)).allowed).toBe(false)
    })
  }

  test('a scope and a subject are told apart wherever one ends', async (bench) => {
    const one = charge(limits.fixedWindow)
    const places = [
      ['p:a', 'b'],
      ['p', 'a:b'],
      ['p:a:b', ''],
      ['p/a', 'b'],
      ['p', 'a/b'],
      ['p\0a', 'b'],
      ['p', 'a\0b'],
    ] as const
    for (const [scope, subject] of places) expect(await bench.one({ ...one, scope, subject })).toMatchObject({ remaining: TEN - 1 })
  })

  for (const [kind, limit] of windows) {
    if (typeof limit.window !== 'number') continue
    test(`${kind}: another window length is another state`, async (bench) => {
      await bench.one(charge(limit, TEN))
      const longer = changed(limit, { window: Number(limit.window) * 2 })
      expect(await bench.one(charge(longer))).toMatchObject({ allowed: true, remaining: TEN - 1 })
      await bench.store.reset([charge(longer)])
      expect((await bench.peek(charge(limit))).allowed).toBe(false)
    })
  }

  test('fixedWindow: another anchor, or another time zone, is another state', async (bench) => {
    const { fixedWindow, 'fixedWindow, first': first, 'fixedWindow, day': day } = limits
    const scope = 'policy/same/fixedWindow'
    const variants = [fixedWindow, first, day, changed(day, { timeZone: 'Asia/Kathmandu' }), changed(day, { window: 'week' })]
    for (const limit of variants) expect(await bench.one(charge(limit, 1, { scope }))).toMatchObject({ remaining: TEN - 1 })
  })
}
