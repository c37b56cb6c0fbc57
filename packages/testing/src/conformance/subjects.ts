import { expect } from 'vitest'
import { chargeOf, fill, type Suite } from './suite.ts'
import { limitWith, allLimits, limits, QUOTA, windowLimits } from './limits.ts'

/** Title and subject. Many have a meaning for what a store may be built on: patterns, keys, paths, property names. */
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
  ['a second NUL', 'a\0b\0'],
  ['10 kB', 'x'.repeat(10_240)],
  ['10 kB, different in its last character', `${'x'.repeat(10_239)}y`],
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
  ['a slash', 'p+ten.slidingWindow'],
  ['%00', '%00'],
  ['a backslash', '\\'],
  ['a space', ' '],
]

/** Any string is a valid subject. Different scopes, subjects and window variants have different states. */
export function subjects({ test }: Suite): void {
  for (const [kind, limit] of allLimits) {
    test(`${kind}: any string is a subject of its own`, async (harness) => {
      for (const [, subject] of SUBJECTS) await harness.consumeOne(chargeOf(limit, 1, { subject }))
      for (const [name, subject] of SUBJECTS)
        expect([name, (await harness.peek(chargeOf(limit, 1, { subject }))).remaining]).toEqual([name, QUOTA - 1])
    })
  }

  test('trap: Glob characters in a subject wipe other subjects on reset. Any subject is data: `*`, `{}`, `:`, newline, NUL, 10 kB, lone surrogates.', async (harness) => {
    const charge = chargeOf(limits.slidingWindow)
    const all = ['alice', ...SUBJECTS.map(([, subject]) => subject)]
    for (const subject of all) await harness.consumeOne({ ...charge, subject })
    for (const [i, subject] of all.entries()) {
      await harness.store.reset([{ ...charge, subject }])
      expect((await harness.peek({ ...charge, subject })).remaining).toBe(QUOTA)
      for (const other of all.slice(i + 1)) expect((await harness.peek({ ...charge, subject: other })).remaining).toBe(QUOTA - 1)
    }
  })

  test('a reset takes several subjects, known or not', async (harness) => {
    const charge = chargeOf(limits.tokenBucket)
    for (const subject of ['a', 'b', 'c']) await harness.consumeOne({ ...charge, subject })
    await harness.store.reset([
      { ...charge, subject: 'a' },
      { ...charge, subject: 'never' },
      { ...charge, subject: 'c' },
    ])
    const left = await Promise.all(['a', 'b', 'c'].map(async (subject) => (await harness.peek({ ...charge, subject })).remaining))
    expect(left).toEqual([QUOTA, QUOTA - 1, QUOTA])
  })

  for (const [kind, limit] of allLimits) {
    test(`${kind}: different scopes have different states`, async (harness) => {
      const charge = chargeOf(limit)
      await fill(harness, charge, QUOTA)
      for (const scope of ['policy/other', 'policy', `${charge.scope}/`, `${charge.scope}:alice`, `~${charge.scope}`, '']) {
        expect(await harness.consumeOne({ ...charge, scope })).toMatchObject({ allowed: true, remaining: QUOTA - 1 })
      }
      expect((await harness.peek(charge)).allowed).toBe(false)
    })
  }

  test('scope and subject are not confused where their texts join to the same string', async (harness) => {
    const charge = chargeOf(limits.fixedWindow)
    const pairs = [
      ['p:a', 'b'],
      ['p', 'a:b'],
      ['p:a:b', ''],
      ['p/a', 'b'],
      ['p', 'a/b'],
      ['p\0a', 'b'],
      ['p', 'a\0b'],
    ] as const
    for (const [scope, subject] of pairs)
      expect(await harness.consumeOne({ ...charge, scope, subject })).toMatchObject({ remaining: QUOTA - 1 })
  })

  for (const [kind, limit] of windowLimits) {
    if (typeof limit.window !== 'number') continue
    test(`${kind}: a limit with another window length has another state`, async (harness) => {
      await harness.consumeOne(chargeOf(limit, QUOTA))
      const longer = limitWith(limit, { window: Number(limit.window) * 2 })
      expect(await harness.consumeOne(chargeOf(longer))).toMatchObject({ allowed: true, remaining: QUOTA - 1 })
      await harness.store.reset([chargeOf(longer)])
      expect((await harness.peek(chargeOf(limit))).allowed).toBe(false)
    })
  }

  test('fixedWindow: a limit with another anchor, window or time zone has another state', async (harness) => {
    const { fixedWindow, 'fixedWindow, first': first, 'fixedWindow, day': day } = limits
    const scope = 'policy+same.fixedWindow'
    const variants = [fixedWindow, first, day, limitWith(day, { timeZone: 'Asia/Kathmandu' }), limitWith(day, { window: 'week' })]
    for (const limit of variants) expect(await harness.consumeOne(chargeOf(limit, 1, { scope }))).toMatchObject({ remaining: QUOTA - 1 })
  })
}
