import type { Schema } from '@sluice/policies/schema-kit'
import { json } from '../http/answers.ts'
import type { Service } from '../service.ts'
import { answerSchema, releasedSchema, settledSchema } from './answer-schemas.ts'
import { Checks } from './checks.ts'
import type { Decisions } from './decisions.ts'
import { type DescribedRoute, operation } from './operation.ts'
import { checkSchema, oneOrMany, releaseSchema, settlementSchema } from './schemas.ts'
import { Settlements } from './settlements.ts'

/** `POST /v1/…`: one entry, or up to 1,000 in order. */
export function v1Routes(service: Service, decisions: Decisions): readonly DescribedRoute[] {
  const checks = new Checks(service, decisions)
  const settlements = new Settlements(service, decisions)
  return [
    entries({
      id: 'check',
      summary: 'Decides checks, and takes their units where all limits admit them',
      entry: checkSchema,
      answer: answerSchema,
      run: (inputs, pathOf) => checks.charge(inputs, pathOf),
    }),
    entries({
      id: 'peek',
      summary: 'Answers checks as check would, and takes nothing',
      entry: checkSchema,
      answer: answerSchema,
      run: (inputs, pathOf) => checks.peek(inputs, pathOf),
    }),
    entries({
      id: 'settle',
      summary: 'Corrects what decisions took to what they really cost, once, and releases their slots',
      entry: settlementSchema,
      answer: settledSchema,
      run: (inputs, pathOf) => settlements.settle(inputs, pathOf),
    }),
    entries({
      id: 'release',
      summary: 'Releases the slots of limits by concurrency, and nothing else',
      entry: releaseSchema,
      answer: releasedSchema,
      run: (inputs, pathOf) => settlements.release(inputs, pathOf),
    }),
  ]
}

interface Entries<I, A> {
  readonly id: string
  readonly summary: string
  readonly entry: Schema<I>
  readonly answer: Schema<A>
  run(this: void, inputs: readonly I[], pathOf: (index: number) => string): Promise<readonly A[]>
}

function entries<I, A>({ id, summary, entry, answer, run }: Entries<I, A>): DescribedRoute {
  return operation<undefined, I | readonly I[]>({
    method: 'POST',
    path: `/v1/${id}`,
    id,
    tag: 'Checks',
    summary,
    body: oneOrMany(entry),
    takesList: true,
    code: 'ERR_CHECK_INVALID',
    answers: {
      200: { description: 'The answer; for a list, all answers in its order.', body: oneOrMany(answer) },
      400: { description: 'The request cannot be understood. Nothing was changed.' },
      404: { description: 'There is no such namespace. Nothing was changed.' },
      413: { description: 'The body is too large.' },
      415: { description: 'The body is not sent as JSON.' },
    },
    async handle({ body }) {
      if (!isList<I>(body)) return json(200, (await run([body], () => ''))[0])
      return json(200, await run(body, (index) => `[${index}]`))
    },
  })
}

function isList<I>(body: I | readonly I[]): body is readonly I[] {
  return Array.isArray(body)
}
