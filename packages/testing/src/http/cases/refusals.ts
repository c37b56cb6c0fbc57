import { fixedWindow } from '@sluice/core'
import type { Mount, Fixture } from '../adapter.ts'
import { allowedLines, bodyLines, type HttpCase, OK_BODY, problemBody, refusedLines, retryAfterLines } from '../case.ts'

const minute = fixedWindow({ name: 'minute', limit: 1, window: '1m' })
const bare = { limits: [minute], standard: false, legacy: false } as const
const policy = '"minute";q=1;w=60'

/** How the second request is refused. */
function refusal(name: string, options: (fixture: Fixture) => Mount, status: number, type: string, body: string): HttpCase {
  return {
    name,
    app: (fixture) => ({ use: [fixture.limits({ ...bare, ...options(fixture) })] }),
    async run(t) {
      t.answers(await t.get(), 200, [], OK_BODY)
      t.answers(await t.get('/', ['X-Name', 'ann']), status, [...retryAfterLines(60), ...bodyLines(type)], body)
    },
  }
}

/** A handler that fails, after which the framework answers. */
function failing(name: string, handler: () => Promise<never>): HttpCase {
  return {
    name,
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute], handler })] }),
    async run(t) {
      await t.get()
      const { status, lines } = await t.get()
      t.is(status, 500)
      t.is(lines.includes('retry-after: 60'), true, 'the headers are on')
      t.errors('no answer')
    },
  }
}

/** What a refusal says, and who says it. */
export const refusalCases: readonly HttpCase[] = [
  refusal('message: text', () => ({ message: 'Slow down.' }), 429, 'text/plain; charset=utf-8', 'Slow down.'),
  refusal('message: an object is JSON', () => ({ message: { error: 'slow down' } }), 429, 'application/json', '{"error":"slow down"}'),
  refusal(
    'message: a function of the request and the decision, answering text',
    ({ read }) => ({ message: (c, { decision }) => `${read.header(c, 'x-name')}: ${decision.binding?.name} ${decision.retryAfter}` }),
    429,
    'text/plain; charset=utf-8',
    'ann: minute 60000',
  ),
  refusal(
    'message: a function answering an object',
    () => ({ message: (_, { decision }) => ({ code: 'slow', policy: decision.policy }) }),
    429,
    'application/json',
    '{"code":"slow","policy":"default"}',
  ),
  refusal(
    'message in another script than ASCII keeps its bytes',
    () => ({ message: 'Zu schnell – später' }),
    429,
    'text/plain; charset=utf-8',
    'Zu schnell – später',
  ),
  refusal(
    'statusCode: the response and its problem body agree',
    () => ({ statusCode: 403 }),
    403,
    'application/problem+json',
    problemBody('minute', '1 request per 60 seconds', 60, 403),
  ),
  refusal('statusCode beside message', () => ({ statusCode: 503, message: 'Later.' }), 503, 'text/plain; charset=utf-8', 'Later.'),
  {
    name: 'message: a function that throws ends in the error path of the framework',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [minute],
          message() {
            throw new Error('no message')
          },
        }),
      ],
    }),
    async run(t) {
      await t.get()
      t.is((await t.get()).status, 500)
      t.errors('no message')
    },
  },
  {
    name: 'handler: answers itself, with the headers on and the decision at hand; once per refusal',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [minute],
          async handler(c, { decision, status, response }) {
            fixture.note(`handler ${decision.verdict} ${fixture.read.decision(c) === decision} ${status}`)
            await Promise.resolve()
            return fixture.read.reply(c, 420, `calm down, ${fixture.read.header(c, 'x-name')}`, response)
          },
        }),
      ],
    }),
    async run(t) {
      await t.get()
      // The type of the body is the handler's.
      const { lines, ...reply } = await t.get('/', ['X-Name', 'ann'])
      const own = lines.filter((line) => !line.startsWith('content-type'))
      const expected = refusedLines(policy, '"minute";r=0;t=60', [1, 0, 60], 60).filter((line) => !line.startsWith('content-type'))
      t.answers({ ...reply, lines: own }, 420, expected, 'calm down, ann')
      t.is((await t.log()).notes, ['handler refused true 429'])
    },
  },
  failing('handler that rejects: the error path of the framework', () => Promise.reject(new Error('no answer'))),
  failing('handler that throws: the error path of the framework', () => {
    throw new Error('no answer')
  }),
  {
    name: 'the decision is where the framework keeps such things, and stays there after the response',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [minute], skip: (c) => fixture.read.path(c) === '/skipped' })],
      routes: ['/', '/skipped'].map((path) => ({
        path,
        answer: ({ decision }) => ({
          json:
            decision === undefined ? null : [decision.verdict, decision.binding?.name, decision.remaining, decision.policy, decision.mode],
        }),
      })),
    }),
    async run(t) {
      const line = allowedLines(policy, '"minute";r=0;t=60', [1, 0, 60])
      t.answers(await t.get(), 200, line, '["allowed","minute",0,"default","enforce"]')
      t.answers(await t.get('/skipped'), 200, [], 'null')
    },
  },
]
