import { fixedWindow } from '@sluice/core'
import type { Mount, Fixture } from '../adapter.ts'
import { allowedLines, bodyLines, type HttpCase, OK_BODY, problemBody, refusedLines, retryAfterLines } from '../case.ts'

const minute = fixedWindow({ name: 'minute', limit: 1, window: '1m' })
const bare = { limits: [minute], standard: false, legacy: false } as const
const policy = '"minute";q=1;w=60'

/** Asserts status, content type and body of the second request, which is refused. */
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

/** A handler that fails, so that the framework answers. */
function failing(name: string, handler: () => Promise<never>): HttpCase {
  return {
    name,
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute], handler })] }),
    async run(t) {
      await t.get()
      const { status, lines } = await t.get()
      t.is(status, 500)
      t.is(lines.includes('retry-after: 60'), true, 'the headers are set')
      t.errors('no answer')
    },
  }
}

/** The content of a refusal: messages, status codes and handlers. */
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
    'message: text outside ASCII is sent as UTF-8',
    () => ({ message: 'Zu schnell – später' }),
    429,
    'text/plain; charset=utf-8',
    'Zu schnell – später',
  ),
  refusal(
    'statusCode: the response and its problem body have the same status',
    () => ({ statusCode: 403 }),
    403,
    'application/problem+json',
    problemBody('minute', '1 unit per 60 seconds', 60, 403),
  ),
  refusal('statusCode together with message', () => ({ statusCode: 503, message: 'Later.' }), 503, 'text/plain; charset=utf-8', 'Later.'),
  {
    name: "message: an error of the function goes to the framework's error handling",
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
    name: 'handler: sends the response itself, with headers set and the decision passed, once per refusal',
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
      // The handler chooses the content type.
      const { lines, ...reply } = await t.get('/', ['X-Name', 'ann'])
      const own = lines.filter((line) => !line.startsWith('content-type'))
      const expected = refusedLines(policy, '"minute";r=0;t=60', [1, 0, 60], 60).filter((line) => !line.startsWith('content-type'))
      t.answers({ ...reply, lines: own }, 420, expected, 'calm down, ann')
      t.is((await t.log()).notes, ['handler refused true 429'])
    },
  },
  failing("handler: a rejection goes to the framework's error handling", () => Promise.reject(new Error('no answer'))),
  failing("handler: an error goes to the framework's error handling", () => {
    throw new Error('no answer')
  }),
  {
    name: 'the decision is where the framework keeps data of a request',
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
