import { documentPolicies } from '@sluice/policies'
import { type HttpCase, OK_BODY } from '../case.ts'
import { documentOf, MINUTE, mountOf, one } from './policy-documents.ts'

/** Policies in the mode `shadow`. */
export const policyShadowCases: readonly HttpCase[] = [
  {
    name: 'policies: a policy in shadow counts apart, and refuses nothing',
    app(fixture) {
      const { store, on } = fixture.observed()
      const decision: NonNullable<typeof on.decision> = ({ mode, verdict, policies = [], revision }) =>
        fixture.note(`${mode} ${verdict} ${policies.join(' ')} ${revision}`)
      const text = `policies:
  - { name: all, rules: [{ name: any, limits: [{ ${MINUTE}, limit: 2, subject: address }] }] }
  - { name: trial, mode: shadow, rules: [{ name: any, limits: [{ ${MINUTE}, limit: 1, subject: address }] }] }`
      const policies = documentPolicies(documentOf(text), { store, clock: fixture.clock, on: { ...on, decision } })
      return { use: [mountOf(fixture, policies)] }
    },
    async run(t) {
      for (const _ of [1, 2]) t.is((await t.get()).status, 200)
      t.is((await t.get()).status, 429)
      await t.until(async () => (await t.log()).notes.length === 5)
      const { notes } = await t.log()
      t.is(notes.toSorted(), [
        'enforce allowed all.any 1',
        'enforce allowed all.any 1',
        'enforce refused all.any 1',
        'shadow allowed trial.any 1',
        'shadow refused trial.any 1',
      ])
    },
  },
  {
    name: 'policies: one request is counted once in shadow, although two mounts of the policies have it',
    app(fixture) {
      const { store, on } = fixture.observed()
      const decision: NonNullable<typeof on.decision> = ({ mode, outcomes }) => fixture.note(`${mode} ${outcomes[0]?.used}`)
      const text = one(`${MINUTE}, limit: 9, subject: address`, 'mode: shadow,')
      const policies = documentPolicies(documentOf(text), { store, clock: fixture.clock, on: { ...on, decision } })
      return { use: [mountOf(fixture, policies), mountOf(fixture, policies)] }
    },
    async run(t) {
      t.answers(await t.get(), 200, [], OK_BODY)
      t.answers(await t.get(), 200, [], OK_BODY)
      await t.until(async () => (await t.log()).notes.length >= 2)
      t.is((await t.log()).notes.toSorted(), ['shadow 1', 'shadow 2'])
    },
  },
]
