import { type Decision, fixedWindow } from '@sluice/core'
import type { AppParts, Fixture, Mount } from '../adapter.ts'
import { allowedLines, type HttpCase, OK_BODY, refusedLines } from '../case.ts'

const minute = fixedWindow({ name: 'minute', limit: 5, window: '1m' })
const policy = '"minute";q=5;w=60'
const BLOCKED = refusedLines(policy, '"minute";r=0;t=3600', [5, 0, 3_600], 3_600)
const PLAIN = BLOCKED.map((line) => (line.startsWith('content-type') ? 'content-type: text/plain; charset=utf-8' : line))
const BLOCK = ['X-Do', 'block'] as const
const UNBLOCK = ['X-Do', 'unblock'] as const

function blockedBody(status: number, title: string): string {
  return `{"type":"about:blank","title":"${title}","status":${status},"detail":"Requests are blocked for a time. Retry in 3600 seconds.","retry_after":3600}`
}

/** A route whose limiter blocks or unblocks the client, as a header says. Such a request is not limited. */
function blockable(fixture: Fixture, options: Mount = {}): AppParts {
  const skip = async (context: unknown): Promise<boolean> => {
    const command = fixture.read.header(context, 'x-do')
    const limiter = fixture.limiterOf(mount)
    if (command === 'block') fixture.note(`until ${await limiter.block(context, '1h')}`)
    if (command === 'unblock') fixture.note(`was blocked: ${await limiter.unblock(context)}`)
    return command !== undefined
  }
  const mount: Mount = fixture.limits({ limits: [minute], skip, ...options })
  const answer = ({ decision }: { readonly decision: Decision | undefined }) =>
    options.mode === 'shadow' ? { json: [decision?.verdict] } : { json: { ok: true } }
  return { routes: ['/', '/b'].map((path) => ({ path, use: [mount], answer })) }
}

function refusal(name: string, options: (fixture: Fixture) => Mount, status: number, lines: readonly string[], body: string): HttpCase {
  return {
    name,
    app: (fixture) => blockable(fixture, options(fixture)),
    async run(t) {
      await t.get('/', BLOCK)
      t.answers(await t.get(), status, lines, body)
    },
  }
}

/** A subject that `limiter.block()` blocked. */
export const blockCases: readonly HttpCase[] = [
  {
    name: 'newcomer 8, D1: a blocked client is refused until the block ends, and nothing is charged',
    app: (fixture) => blockable(fixture),
    async run(t) {
      t.answers(await t.get(), 200, allowedLines(policy, '"minute";r=4;t=60', [5, 4, 60]), OK_BODY)
      await t.get('/', BLOCK)
      for (const _ of [1, 2]) t.answers(await t.get(), 429, BLOCKED, blockedBody(429, 'Too Many Requests'))
      await t.get('/', UNBLOCK)
      await t.get('/', UNBLOCK)
      t.answers(await t.get(), 200, allowedLines(policy, '"minute";r=3;t=60', [5, 3, 60]), OK_BODY)
      await t.get('/', BLOCK)
      await t.advance(3_600_000)
      t.is((await t.get()).status, 200)
      const { notes } = await t.log()
      t.is(notes, ['until 1800003600000', 'was blocked: true', 'was blocked: false', 'until 1800003600000'])
    },
  },
  refusal('blockedStatus: 403', () => ({ blockedStatus: 403 }), 403, BLOCKED, blockedBody(403, 'Forbidden')),
  refusal(
    'blockedStatus beside statusCode',
    () => ({ statusCode: 503, blockedStatus: 429 }),
    429,
    BLOCKED,
    blockedBody(429, 'Too Many Requests'),
  ),
  refusal(
    'message of a blocked client',
    () => ({ blockedStatus: 403, message: (_, { decision, status }) => `${decision.verdict} ${status}` }),
    403,
    PLAIN,
    'blocked 403',
  ),
  {
    name: 'mode shadow: a blocked client passes, and the decision says that it is blocked',
    app: (fixture) => blockable(fixture, { mode: 'shadow' }),
    async run(t) {
      await t.get('/', BLOCK)
      t.answers(await t.get(), 200, [], '["blocked"]')
    },
  },
]
