import { documentPolicies } from '@sluice/policies'
import { type HttpCase, OK_BODY } from '../case.ts'
import { BLOCKED_BODY, BLOCKED_LINES, listOf } from './block-list.ts'
import { documentOf, MINUTE, one } from './policy-documents.ts'

/** The options `policies` and `blockList` together. */
export const policyBlockCases: readonly HttpCase[] = [
  {
    name: 'policies: blockList is asked before the document charges, and hears what it decided',
    app(fixture) {
      const { store, on } = fixture.observed()
      const policies = documentPolicies(
        documentOf(`policies:
  - name: all
    rules: [{ name: any, match: { paths: [/] }, limits: [{ ${MINUTE}, limit: 1, subject: client }] }]
  - { name: trial, mode: shadow, rules: [{ name: any, limits: [{ ${MINUTE}, limit: 9, subject: address }] }] }`),
        {
          store,
          clock: fixture.clock,
          on: { ...on, decision: ({ verdict, mode }, { tenant }) => fixture.note(`${verdict} ${mode} ${tenant}`) },
        },
      )
      const attributes = (context: unknown) => ({ client: fixture.read.header(context, 'x-client'), tenant: 'acme' })
      const mount = { policies, attributes, blockList: listOf(fixture, 'refuse', true) }
      return { use: [mount], routes: [{ path: '/free', answer: () => ({ json: { ok: true } }) }] }
    },
    async run(t) {
      const until = (count: number) => t.until(async () => (await t.log()).notes.length === count)
      t.answers(await t.get('/', ['X-Client', 'bot']), 403, BLOCKED_LINES, BLOCKED_BODY)
      t.is((await t.get('/', ['X-Client', 'a'])).status, 200)
      await until(6)
      t.is((await t.get('/', ['X-Client', 'a'])).status, 429)
      await until(9)
      t.is((await t.get('/')).status, 401)
      t.answers(await t.get('/free', ['X-Client', 'bot']), 200, [], OK_BODY)
      await until(12)
      const { notes } = await t.log()
      t.is(notes.slice(0, 2), ['check "bot" 127.0.0.1', 'blocked enforce acme'])
      t.is(notes.slice(2, 6).toSorted(), [
        'allowed enforce acme',
        'allowed shadow acme',
        'check "a" 127.0.0.1',
        'decided allowed 0 charge true acme 127.0.0.1 true a',
      ])
      t.is(notes.slice(6, 9).toSorted(), [
        'check "a" 127.0.0.1',
        'decided refused 60000 charge true acme 127.0.0.1 true a',
        'refused enforce acme',
      ])
      t.is(notes.slice(9).toSorted(), ['allowed shadow acme', 'check [] 127.0.0.1', 'check [] 127.0.0.1'], 'no subject, and no limit')
    },
  },
  {
    name: 'policies: the wait of a limit of 0 that ends is what the block list hears',
    app(fixture) {
      const { store, on } = fixture.observed()
      const text = one(`${MINUTE}, limit: 0, subject: address`, "active: { until: '2027-01-15T08:00:30Z' },")
      const policies = documentPolicies(documentOf(text), { store, clock: fixture.clock, on })
      return { use: [{ policies, blockList: listOf(fixture, 'refuse', true) }] }
    },
    async run(t) {
      t.is((await t.get()).status, 429)
      t.is((await t.log()).notes, ['check "127.0.0.1" 127.0.0.1', 'decided refused 30000 charge true undefined 127.0.0.1 false'])
    },
  },
]
