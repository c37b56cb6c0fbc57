// Random inputs: mostly invalid, but close enough to valid ones to pass the first check.
import type { Limit } from '@sluice/core'
import fc from 'fast-check'

/** Any value except a function. */
export const garbage: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(undefined, null, 0, -0, 1, -1, NaN, Infinity, 2 ** 31, 2 ** 53, 1e308, '', '1m', '__proto__', true, false),
  },
  {
    weight: 2,
    arbitrary: fc.anything({
      maxDepth: 2,
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: true,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(Symbol('s'), Object.create(null), [], {}, new Proxy({}, {}), /a/, new Date(NaN), 10n, [[]], {
      toString: null,
    }),
  },
)

/** Any text: control characters, lone surrogates, names of prototypes, templates, very long. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 2, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 2, arbitrary: fc.array(fc.integer({ min: 0, max: 0xff_ff }), { maxLength: 12 }).map((codes) => String.fromCharCode(...codes)) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'hasOwnProperty',
      '~',
      '~~',
      '~ip:1.2.3.4',
      ':',
      '\\',
      '\\:',
      '#',
      '##',
      '!l',
      'x!l',
      '{}',
      '{a}',
      '{meta}',
      '*',
      '?',
      '[a-z]',
      '\0',
      '\r\n',
      '\r\nX-Evil: 1',
      '\n',
      '\t',
      ' ',
      '\u2028',
      '\ud800',
      '\udfff',
      '\u00e9',
      'e\u0301',
      '😀',
      '%0d%0a',
      '%00',
      '${7*7}',
      '"',
      "'",
      '";q=1',
      ',',
      ';',
      '=',
      '../../..',
      'undefined',
      'null',
      'NaN',
      '0',
      '-1',
      '1e9',
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 20_000 })
      .chain((length) => fc.constantFrom('a', '\u20ac', '(', ' ', ',').map((c) => c.repeat(length))),
  },
)

/** Valid and invalid addresses, in every notation of proxies. */
export const address: fc.Arbitrary<string> = fc.oneof(
  fc.ipV4(),
  fc.ipV4Extended(),
  fc.ipV6(),
  fc.ipV6().map((ip) => `[${ip}]:443`),
  fc.ipV4().map((ip) => `::ffff:${ip}`),
  fc.ipV4().map((ip) => `${ip}:8080`),
  fc.ipV6().map((ip) => `${ip}%eth0`),
  fc.tuple(fc.ipV6(), fc.integer({ min: -1, max: 200 })).map(([ip, bits]) => `${ip}/${bits}`),
  fc.constantFrom(
    '',
    'unknown',
    '_hidden',
    '::',
    '::1',
    '1.2.3',
    '256.1.1.1',
    '01.2.3.4',
    '0x7f.1',
    '1.2.3.4.5',
    ':::',
    '::ffff:999.1.1.1',
    '%',
    '[::1',
    '::1]',
  ),
  text,
)

/** The value of a forwarded header. */
export const forwarded: fc.Arbitrary<string> = fc.oneof(
  fc.array(address, { maxLength: 5 }).map((list) => list.join(', ')),
  fc
    .array(
      fc.tuple(
        fc.constantFrom('for', 'FOR', 'by', 'proto', 'host', ''),
        fc.constantFrom('=', '="', ' = ', ''),
        address,
        fc.constantFrom('', '"', ';', ','),
      ),
      { maxLength: 5 },
    )
    .map((list) => list.map((parts) => parts.join('')).join(', ')),
  fc.integer({ min: 100, max: 2_000 }).map((count) => '1.2.3.4,'.repeat(count)),
  text,
)

const units = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 1, max: 100 }) }, fc.integer({ min: 1, max: 2 ** 31 }), garbage)
export const duration: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('1s', '1m', '1h', '1d', '500ms', 1, 60_000, 'day', 'week', 'month', 'quarter', 'year') },
  { weight: 1, arbitrary: fc.constantFrom('1 m', '-1s', '1.5h', '999999999d', '1y', 0, -1, 1.5) },
  { weight: 1, arbitrary: fc.integer({ min: -10, max: 2 ** 40 }) },
  { weight: 1, arbitrary: garbage },
)

/** A record of some of these fields. Some values are garbage, and sometimes there is an unknown field. */
export function optionsOf(fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<Record<string, unknown>> {
  const known = Object.entries(fields).map(([name, value]) =>
    fc
      .option(fc.oneof({ weight: 12, arbitrary: value }, { weight: 1, arbitrary: garbage }), { nil: ABSENT, freq: 2 })
      .map((made) => [name, made] as const),
  )
  const more = fc.tuple(fc.oneof(fc.constantFrom(...UNKNOWN_FIELDS), text), garbage)
  const extra = fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: more })
  return fc.tuple(fc.tuple(...known), extra).map(([entries, more]) => {
    const options: Record<string, unknown> = {}
    for (const [name, value] of entries) if (value !== ABSENT) options[name] = value
    // An own property of any name, as JSON.parse creates it.
    if (more !== undefined)
      Object.defineProperty(options, more[0], { value: more[1], enumerable: true, configurable: true, writable: true })
    return options
  })
}
const ABSENT = Symbol('absent')
const UNKNOWN_FIELDS = [
  '__proto__',
  'constructor',
  'windowMs',
  'max',
  'points',
  'duration',
  'ttl',
  'keyGenerator',
  'limit ',
  'Limit',
  'polluted',
]

export const name: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('api', 'login', 'constructor', 'a', 'toString') },
  text,
  garbage,
)

const FACTORY_OPTIONS = {
  fixedWindow: {
    window: duration,
    anchor: fc.oneof(
      fc.constantFrom<unknown>(
        'epoch',
        'first',
        {},
        { day: 15 },
        { day: 31, hour: 6 },
        { weekday: 'sunday' },
        { month: 4, day: 31 },
        { hour: 24 },
      ),
      fc.record({ month: fc.nat(13), day: fc.nat(32), hour: fc.nat(24), minute: fc.nat(60) }, { requiredKeys: [] }),
    ),
    timeZone: fc.oneof(fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', '+05:30', '../../etc/passwd'), text),
  },
  slidingWindow: { window: duration },
  slidingLog: { window: duration, maxLog: units },
  tokenBucket: { window: duration, burst: units, debt: units },
  leakyBucket: { window: duration, burst: units, queue: fc.boolean(), maxDelay: duration },
  concurrency: { ttl: duration, retryHint: duration },
} as const

/** A factory of limits, and its options: valid, partly valid, or garbage. */
export const limitDefinitions: fc.Arbitrary<readonly [Limit['algorithm'], unknown]> = fc.oneof(
  ...Object.entries(FACTORY_OPTIONS).map(([factory, own]) => {
    const good = { name: fc.constantFrom('minute', 'hour', 'a', 'constructor'), limit: fc.integer({ min: 1, max: 1_000 }) }
    const bad = { name, limit: units }
    const options = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.record(good), optionsOf(own)).map(([least, more]) => ({ window: '1m', ...least, ...more })) },
      { weight: 2, arbitrary: optionsOf({ ...bad, ...own }) },
      { weight: 1, arbitrary: garbage },
    )
    return options.map((made) => [factory as Limit['algorithm'], factory === 'concurrency' ? withoutWindow(made) : made] as const)
  }),
)

function withoutWindow(options: unknown): unknown {
  if (typeof options !== 'object' || options === null || !('window' in options)) return options
  const { window, ...rest } = options
  return { ttl: window, ...rest }
}

/** Option functions that return anything. */
export const answers: fc.Arbitrary<() => unknown> = fc.oneof(garbage, text, fc.integer({ min: -1, max: 100 })).map((value) => () => value)
