import { memoryStore } from '@sluice/core'
import { fakeClock } from '@sluice/testing'
import { expect, test } from 'vitest'
import { type DocumentOptions, documentPolicies, type JointRequest, type JointView, parseDocument } from '../src/index.ts'

/** A request of this test: what the application says of it. */
type Facts = Readonly<Record<string, string>>

const VIEW: JointView<Facts> = {
  method: () => 'GET',
  target: () => '/',
  host: () => undefined,
  address: ({ ip }) => ip,
  isForwarded: () => false,
  header: () => undefined,
  route: () => '',
  attributes: (facts) => facts,
}

const LIMIT = 'algorithm: fixedWindow, window: 1m'
const HEAD = `
apiVersion: sluice/v1
namespace: shop
revision: 3
subjects:
  user: { parts: [{ attribute: user }], missing: skip }
  tenant: { parts: [{ attribute: tenant }], missing: skip }
  key: { parts: [{ attribute: key }], missing: reject }
policies:
`

function started(policies: string, on: DocumentOptions['on'] = {}) {
  const clock = fakeClock()
  const store = memoryStore({ clock })
  const namespace = documentPolicies(parseDocument(HEAD + policies), { clock, store, on })
  const mount = namespace.joint(VIEW)
  const decide = async (...requests: (Facts | JointRequest<Facts>)[]) => {
    const { allowed, parts, revision, skipped, decision } = await mount.decide(requests.map(requestOf))
    return {
      allowed,
      revision,
      skipped,
      decision,
      left: parts.map(({ outcome }) => outcome?.remaining),
      ok: parts.map((part) => part.allowed),
      parts,
    }
  }
  return { decide }
}

function requestOf(request: Facts | JointRequest<Facts>): JointRequest<Facts> {
  return 'how' in request ? (request as JointRequest<Facts>) : { context: request, units: 1, how: 'charge' }
}

const TWO = `
  - name: users
    rules: [{ name: all, limits: [{ name: minute, limit: 3, subject: user, ${LIMIT} }] }]
  - name: tenants
    rules: [{ name: all, limits: [{ name: minute, limit: 5, subject: tenant, ${LIMIT} }] }]
`

test('requests are admitted together or not at all', async () => {
  const { decide } = started(TWO)
  for (const left of [2, 1, 0]) {
    expect(await decide({ user: 'ada' }, { tenant: 't' })).toMatchObject({ allowed: true, revision: 3, left: [left, left + 2] })
  }
  const refused = await decide({ user: 'ada' }, { tenant: 't' })
  expect(refused).toMatchObject({ allowed: false, ok: [false, true] })
  expect(refused.parts[0]?.limit?.name).toBe('users.minute')
  // The refused decision took nothing of the tenant.
  expect(await decide({ tenant: 't' })).toMatchObject({ allowed: true, left: [1] })
})

test('one limit counts two subjects in one decision', async () => {
  const { decide } = started(TWO)
  expect(await decide({ user: 'ada' }, { user: 'bob' })).toMatchObject({ allowed: true, left: [2, 2] })
  expect(await decide({ user: 'ada' })).toMatchObject({ left: [1] })
})

test('a limit that two requests have for one subject is charged once, with the larger cost', async () => {
  const { decide } = started(TWO)
  const big: JointRequest<Facts> = { context: { user: 'ada' }, units: 2, how: 'charge' }
  const both = await decide({ user: 'ada', tenant: 't' }, big)
  expect(both).toMatchObject({ allowed: true, left: [1, 1] })
  expect(both.decision?.charges).toHaveLength(2)
})

test('nothing limits a request that no rule is for', async () => {
  const { decide } = started(TWO)
  expect(await decide({ other: 'x' })).toMatchObject({ allowed: true, decision: undefined, left: [undefined] })
  expect(await decide({ other: 'x' }, { user: 'ada' })).toMatchObject({ allowed: true, left: [undefined, 2] })
})

test('a peek takes nothing, and refuses all where nothing is left', async () => {
  const { decide } = started(TWO)
  const peek: JointRequest<Facts> = { context: { user: 'ada' }, units: 1, how: 'peek' }
  expect(await decide(peek, { tenant: 't' })).toMatchObject({ allowed: true, ok: [true, true] })
  expect(await decide({ user: 'ada' })).toMatchObject({ left: [2] })
  for (let i = 0; i < 2; i++) await decide({ user: 'ada' })
  expect(await decide(peek, { tenant: 't' })).toMatchObject({ allowed: false, ok: [false, true] })
  expect(await decide({ tenant: 't' })).toMatchObject({ left: [3] })
})

test('a credit gives units back, unless another request is refused', async () => {
  const { decide } = started(TWO)
  const credit: JointRequest<Facts> = { context: { user: 'ada' }, units: 2, how: 'credit' }
  for (let i = 0; i < 3; i++) await decide({ user: 'ada' })
  expect(await decide(credit)).toMatchObject({ allowed: true, left: [2] })
  for (let i = 0; i < 2; i++) await decide({ user: 'ada' })
  for (let i = 0; i < 5; i++) await decide({ tenant: 't' })
  expect(await decide(credit, { tenant: 't' })).toMatchObject({ allowed: false })
  expect(await decide({ user: 'ada' })).toMatchObject({ allowed: false })
})

test('a missing subject refuses all, and nothing is taken', async () => {
  const { decide } = started(`${TWO}
  - name: keys
    rules: [{ name: all, match: { attributes: { secured: yes } }, limits: [{ name: minute, limit: 5, subject: key, ${LIMIT} }] }]
`)
  const refused = await decide({ user: 'ada' }, { secured: 'yes' })
  expect(refused).toMatchObject({ allowed: false, ok: [true, false] })
  expect(refused.parts[1]?.missing?.part).toBe('attribute:key')
  expect(await decide({ user: 'ada' })).toMatchObject({ left: [2] })
})

test('limits that only a response could correct are skipped and named', async () => {
  const { decide } = started(`
  - name: users
    rules:
      - name: all
        limits:
          - { name: minute, limit: 3, subject: user, ${LIMIT} }
          - { name: at-once, algorithm: concurrency, limit: 1, ttl: 1m, subject: user }
          - { name: errors, limit: 1, subject: user, refundOn: [2xx], ${LIMIT} }
          - { name: tokens, limit: 1, subject: user, settle: { attribute: tokens, max: 9 }, ${LIMIT} }
`)
  for (const left of [2, 1, 0]) {
    expect(await decide({ user: 'ada' })).toMatchObject({
      allowed: true,
      left: [left],
      skipped: ['users.at-once', 'users.errors', 'users.tokens'],
    })
  }
  expect(await decide({ user: 'ada' })).toMatchObject({ allowed: false })
})

test('a request can give limits of the same window another number', async () => {
  const { decide } = started(TWO)
  const own = (limit: number, window = 60_000): JointRequest<Facts> => ({
    context: { user: 'ada' },
    units: 1,
    how: 'charge',
    own: { limit, window },
  })
  expect(await decide(own(10))).toMatchObject({ left: [9] })
  expect(await decide(own(10, 1_000))).toMatchObject({ left: [1] })
  expect(await decide(own(10), own(5))).toMatchObject({ left: [2, 2] })
})

test('hidden limits refuse, and are not shown', async () => {
  const { decide } = started(`
  - name: users
    rules: [{ name: all, limits: [{ name: minute, limit: 1, visible: false, subject: user, ${LIMIT} }] }]
`)
  await decide({ user: 'ada' })
  expect(await decide({ user: 'ada' })).toMatchObject({ allowed: false, ok: [false], left: [undefined] })
})

test('policies in shadow decide each request alone, and refuse none', async () => {
  const verdicts: string[] = []
  const { decide } = started(
    `
  - name: users
    mode: shadow
    rules: [{ name: all, limits: [{ name: minute, limit: 1, subject: user, ${LIMIT} }] }]
`,
    { decision: ({ verdict, mode }) => void verdicts.push(`${mode} ${verdict}`) },
  )
  for (let i = 0; i < 2; i++) expect(await decide({ user: 'ada' }, { user: 'bob' })).toMatchObject({ allowed: true, decision: undefined })
  expect(verdicts).toEqual(['shadow allowed', 'shadow allowed', 'shadow refused', 'shadow refused'])
})
