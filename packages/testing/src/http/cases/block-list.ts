import { concurrency, fixedWindow, header, ip, type RequestBlock, type RequestBlockList, user } from '@sluice/core'
import { START } from '../fixture.ts'
import type { AppParts, Fixture, Mount } from '../adapter.ts'
import { allowedLines, bodyLines, type CaseClient, type HttpCase, OK_BODY } from '../case.ts'

const minute = fixedWindow({ name: 'minute', limit: 5, window: '1m' })
const policy = '"minute";q=5;w=60'
const LEFT = (left: number) => allowedLines(policy, `"minute";r=${left};t=60`, [5, left, 60])
const BOT = ['X-Api-Key', 'bot'] as const
export const BLOCKED_LINES = ['retry-after: 60', ...bodyLines()]
export const BLOCKED_BODY =
  '{"type":"about:blank","title":"Forbidden","status":403,"detail":"Requests are blocked for a time. Retry in 60 seconds.","retry_after":60}'

/** A list that blocks the subject `bot`. */
export function listOf(fixture: Fixture, action: RequestBlock['action'], notes = false): RequestBlockList {
  const check: RequestBlockList['check'] = (subjects, address) => {
    if (notes) fixture.note(`check ${JSON.stringify(subjects)} ${address}`)
    return [subjects].flat().includes('bot') ? { until: START + 60_000, rule: 'default', action } : undefined
  }
  const decided: RequestBlockList['decided'] = ({ verdict, retryAfter }, { how, latency, tenant, address, authenticated, identity }) =>
    fixture.note(
      `decided ${verdict} ${retryAfter} ${how} ${latency >= 0} ${tenant} ${address} ${authenticated}${identity === undefined ? '' : ` ${identity}`}`,
    )
  const { clock } = fixture
  return notes ? { clock, check, decided } : { clock, check }
}

/** A list that blocks every client by its address. */
function everyone({ clock }: Fixture): RequestBlockList {
  return { clock, check: (_, address) => (address === undefined ? undefined : { until: START + 60_000, rule: 'all', action: 'refuse' }) }
}

function mountOf(fixture: Fixture, blockList: RequestBlockList, options: Mount = {}): Mount {
  const { on } = fixture.observed()
  const decision: NonNullable<typeof on.decision> = ({ verdict, source, mode, allowed, rule }, { method }) =>
    fixture.note(`${verdict} ${source === 'block' ? source : 'store'} ${mode} ${allowed} ${rule} ${method}`)
  return fixture.limits({ limits: [minute], key: header('x-api-key'), blockList, on: { ...on, decision }, ...options })
}

function appOf(mount: Mount, parts: AppParts = {}): AppParts {
  return { routes: [{ path: '/', use: [mount], answer: () => ({ json: { ok: true } }) }], ...parts }
}

/** `'dropped'` if the connection ended without an answer. */
async function statusOf(t: CaseClient, ...headers: readonly (readonly [string, string])[]): Promise<number | 'dropped'> {
  try {
    return (await t.get('/', ...headers)).status
  } catch {
    return 'dropped'
  }
}

const decisionsIn = async (t: CaseClient) => (await t.log()).notes

/** The option `blockList`. */
export const blockListCases: readonly HttpCase[] = [
  {
    name: 'blockList: a blocked client gets 403 before the limiter, and others go on',
    app: (fixture) => appOf(mountOf(fixture, listOf(fixture, 'refuse'))),
    async run(t) {
      t.answers(await t.get('/', ['X-Api-Key', 'a']), 200, LEFT(4), OK_BODY)
      for (const _ of [1, 2]) t.answers(await t.get('/', BOT), 403, BLOCKED_LINES, BLOCKED_BODY)
      t.answers(await t.get('/', ['X-Api-Key', 'a']), 200, LEFT(3), OK_BODY)
      await t.advance(59_001)
      t.answers(await t.get('/', BOT), 403, ['retry-after: 1', ...bodyLines()])
      const blocked = 'blocked block enforce false default GET'
      t.is(await decisionsIn(t), [
        'allowed store enforce true undefined GET',
        blocked,
        blocked,
        'allowed store enforce true undefined GET',
        blocked,
      ])
    },
  },
  {
    name: 'blockList: drop closes the connection, and nothing else',
    requires: ['dropped connections'],
    app: (fixture) => appOf(mountOf(fixture, listOf(fixture, 'drop'))),
    async run(t) {
      t.is(await t.bytes('GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: bot\r\n\r\n'), '')
      t.is(await statusOf(t, BOT), 'dropped')
      t.answers(await t.get('/', ['X-Api-Key', 'a']), 200, LEFT(4), OK_BODY)
      t.is((await decisionsIn(t))[0], 'blocked block enforce false default GET')
    },
  },
  {
    name: 'blockList: drop over HTTP/2 ends the stream without an answer',
    requires: ['dropped connections', 'HTTP/2'],
    app: (fixture) => appOf(mountOf(fixture, listOf(fixture, 'drop')), { http2: true }),
    async run(t) {
      const [dropped, other] = await Promise.all([statusOf(t, BOT), statusOf(t, ['X-Api-Key', 'a'])])
      t.is([dropped, other, await statusOf(t)], ['dropped', 200, 200])
    },
  },
  {
    name: 'blockList: drop is 403 where no connection can be closed, and the handler never runs',
    app(fixture) {
      const mount = mountOf(fixture, listOf(fixture, 'drop'), { on: undefined })
      const answer = () => {
        fixture.note('handled')
        return { json: { ok: true } }
      }
      return { routes: [{ path: '/', use: [mount], answer }] }
    },
    async run(t) {
      t.is([403, 'dropped'].includes(await statusOf(t, BOT)), true)
      t.is((await t.get('/', ['X-Api-Key', 'a'])).status, 200)
      t.is(await decisionsIn(t), ['handled'])
    },
  },
  {
    name: 'blockList: drop refuses what came through a proxy, whose connection is not that of the client',
    app: (fixture) => appOf(mountOf(fixture, listOf(fixture, 'drop'), { trustProxy: 1 })),
    async run(t) {
      t.answers(await t.get('/', BOT, ['X-Forwarded-For', '203.0.113.7']), 403, BLOCKED_LINES, BLOCKED_BODY)
      t.answers(await t.get('/', BOT, ['X-Forwarded-For', '127.0.0.1']), 403, BLOCKED_LINES, BLOCKED_BODY)
    },
  },
  {
    name: 'blockList: shadow reports a client, and the limiter decides it',
    app: (fixture) => appOf(mountOf(fixture, listOf(fixture, 'shadow'))),
    async run(t) {
      t.answers(await t.get('/', BOT), 200, LEFT(4), OK_BODY)
      t.is(await decisionsIn(t), ['blocked block shadow true default GET', 'allowed store enforce true undefined GET'])
    },
  },
  {
    name: 'blockList: a limiter in shadow only reports, and one that is off does not ask',
    app(fixture) {
      const shadow = mountOf(fixture, listOf(fixture, 'refuse', true), { name: 'trial', mode: 'shadow' })
      const off = mountOf(fixture, listOf(fixture, 'refuse', true), { name: 'off', mode: 'off' })
      return { routes: [{ path: '/', use: [shadow, off], answer: () => ({ json: { ok: true } }) }] }
    },
    async run(t) {
      t.answers(await t.get('/', BOT), 200, [], OK_BODY)
      const notes = await decisionsIn(t)
      t.is(
        notes.filter((note) => note.startsWith('check')),
        ['check "bot" 127.0.0.1'],
      )
      t.is(notes.includes('blocked block shadow true default GET'), true)
    },
  },
  {
    name: 'blockList: the list hears each decision with the wait that the client sees, its address, and whether it is known',
    app(fixture) {
      const named = user((context) => fixture.read.header(context, 'x-user'))
      const options = { limits: [fixedWindow({ name: 'minute', limit: 1, window: '1m' })], key: [named, header('x-api-key')] }
      return appOf(mountOf(fixture, listOf(fixture, 'refuse', true), { ...options, on: undefined }))
    },
    async run(t) {
      const known = [
        ['X-User', 'u:1'],
        ['X-Api-Key', 'a'],
      ] as const
      t.is((await t.get('/', ...known)).status, 200)
      t.is((await t.get('/', ...known)).status, 429)
      t.is((await t.get('/', ['X-Api-Key', 'a'])).status, 200)
      t.is(await decisionsIn(t), [
        String.raw`check ["u\\:1:a","u:1"] 127.0.0.1`,
        'decided allowed 0 charge true undefined 127.0.0.1 true u:1',
        String.raw`check ["u\\:1:a","u:1"] 127.0.0.1`,
        'decided refused 60000 charge true undefined 127.0.0.1 true u:1',
        String.raw`check "~ip\\:127.0.0.1:a" 127.0.0.1`,
        'decided allowed 0 charge true undefined 127.0.0.1 false',
      ])
    },
  },
  {
    name: 'blockList: limits with keys of their own are one check, and a key that anyone can send proves nothing',
    app(fixture) {
      const limits = [
        fixedWindow({ name: 'address', limit: 5, window: '1m', key: ip() }),
        fixedWindow({ name: 'key', limit: 5, window: '1m', key: header('x-api-key') }),
        fixedWindow({ name: 'hour', limit: 5, window: '1h', key: ip() }),
      ]
      return appOf(mountOf(fixture, listOf(fixture, 'refuse', true), { limits, on: undefined }))
    },
    async run(t) {
      t.is((await t.get('/', ['X-Api-Key', 'a'])).status, 200)
      t.is((await t.get('/', BOT)).status, 403)
      t.is(await decisionsIn(t), [
        'check ["127.0.0.1","a"] 127.0.0.1',
        'decided allowed 0 charge true undefined 127.0.0.1 false',
        'check ["127.0.0.1","bot"] 127.0.0.1',
      ])
    },
  },
  {
    name: 'blockList: an address is blocked also where a subject is missing, and in a tier without limits; skip exempts',
    app(fixture) {
      const options = { limits: undefined, tiers: { any: [minute], none: [] }, missing: 'reject', on: undefined } as const
      const tier = (context: unknown) => fixture.read.header(context, 'x-plan')
      const skip = (context: unknown) => fixture.read.header(context, 'x-skip') === 'yes'
      return appOf(mountOf(fixture, everyone(fixture), { ...options, tier, skip }))
    },
    async run(t) {
      t.answers(await t.get('/', ['X-Plan', 'any']), 403, BLOCKED_LINES, BLOCKED_BODY)
      t.answers(await t.get('/', ['X-Plan', 'none']), 403, BLOCKED_LINES, BLOCKED_BODY)
      t.answers(await t.get('/', ['X-Skip', 'yes']), 200, [], OK_BODY)
    },
  },
  {
    name: 'blockList: message, handler and blockedStatus answer as for limiter.block()',
    app(fixture) {
      const list = listOf(fixture, 'refuse')
      const message = mountOf(fixture, list, {
        name: 'a',
        message: (_, { decision, status }) => `${decision.rule} ${status}`,
        statusCode: 503,
      })
      const handler: Mount['handler'] = (context, { status, ...info }) =>
        fixture.read.reply(context, status, 'own', (info as { readonly response?: unknown }).response)
      const own = mountOf(fixture, list, { name: 'b', handler, blockedStatus: 429 })
      const answer = () => ({ json: { ok: true } })
      return {
        routes: [
          { path: '/message', use: [message], answer },
          { path: '/handler', use: [own], answer },
        ],
      }
    },
    async run(t) {
      const message = await t.get('/message', BOT)
      t.is([message.status, message.body], [403, 'default 403'])
      const handler = await t.get('/handler', BOT)
      t.is([handler.status, handler.body], [429, 'own'])
    },
  },
  {
    name: 'blockList: scripts of other origins may read the wait',
    app: (fixture) => appOf(mountOf(fixture, listOf(fixture, 'refuse'), { exposeHeaders: true, on: undefined })),
    async run(t) {
      t.answers(await t.get('/', BOT), 403, ['retry-after: 60', 'access-control-expose-headers: Retry-After', ...bodyLines()], BLOCKED_BODY)
    },
  },
  {
    name: 'blockList: a list that throws blocks nobody, and is reported once',
    app(fixture) {
      const fail = () => {
        throw new Error('mine')
      }
      return appOf(fixture.limits({ limits: [minute], blockList: { check: fail, decided: fail } }))
    },
    async run(t) {
      for (const left of [4, 3]) t.answers(await t.get(), 200, LEFT(left), OK_BODY)
      t.warnings('WARN_OBSERVER_FAILED', 'WARN_OBSERVER_FAILED')
    },
  },
  {
    name: 'blockList: a blocked request takes no slot, and the request of another client has it',
    app: (fixture) =>
      appOf(
        mountOf(fixture, listOf(fixture, 'refuse'), {
          limits: [concurrency({ name: 'slots', limit: 1, ttl: '1m', key: () => 'all' }), minute],
        }),
      ),
    async run(t) {
      t.is((await t.get('/', BOT)).status, 403)
      t.is((await t.get('/', ['X-Api-Key', 'a'])).status, 200)
    },
  },
]
