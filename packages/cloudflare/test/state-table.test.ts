import type { Workerd } from '@sluice/testing/workerd'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask, charge, inspect, startLab, take, TEN_UNITS, used } from './lab.ts'

let server: Workerd
beforeAll(async () => {
  server = await startLab()
})
afterAll(() => server.stop())

test('trap: no subject is read as a pattern, an escape or SQL', async () => {
  const plain = ['*', 'a*', '%', '_', "'", '"', '\\', '["a"]', ':', 'a:b', '\n', '\0', 'a\0b', 'a', '', ' ', '__proto__', 'constructor']
  const odd = ['\uD800', '\uDC00', '\uFFFD', 'a\uD800', 'ü', 'u\u0308', '\\ud800']
  const long = ['x'.repeat(128), 'x'.repeat(129), `${'x'.repeat(10_239)}y`, `${'x'.repeat(10_239)}\uD800`, `${'x'.repeat(10_239)}\uDC00`]
  const subjects = [...plain, ...odd, ...long]
  for (const objects of [1, 64]) {
    const store = { name: 'hostile', objects }
    await take(
      server,
      subjects.map((subject) => charge(subject, TEN_UNITS, 3)),
      store,
    )
    expect(await Promise.all(subjects.map((subject) => used(server, subject, TEN_UNITS, store)))).toEqual(subjects.map(() => 3))
    await ask(server, [{ do: 'reset', targets: [charge('a*'), charge(long[2] as string)] }], store)
    const left = await Promise.all(subjects.map((subject) => used(server, subject, TEN_UNITS, store)))
    expect(subjects.filter((_, i) => left[i] !== 3)).toEqual(['a*', long[2]])
  }
  for (const { key } of (await inspect(server, 'hostile.1/0')).rows) expect(key.length).toBeLessThan(400)
})

test('a blocked subject is stored as its states are: whole, or as its hash if it is long', async () => {
  const long = 'x'.repeat(129)
  const store = { name: 'blocked', objects: 1 }
  await ask(server, [{ do: 'block', targets: [charge('short'), charge(long)], ms: 60_000 }], store)
  expect((await inspect(server, 'blocked.1/0')).rows.map(({ key }) => key)).toEqual([
    'block:["p","short"]',
    expect.stringMatching(/^block:\["p",null,"[0-9a-f]{64}"\]$/),
  ])
  const outcomes = await Promise.all(['short', long, `${long}y`].map((subject) => take(server, charge(subject), store)))
  expect(outcomes.flat().map(({ blocked }) => blocked)).toEqual([true, true, undefined])
})
