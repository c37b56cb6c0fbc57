import { systemClock } from '@sluice/core'
import type { AnalyticsReader } from '@sluice/redis'
import type { Command, Invocation } from '../command.ts'
import { plain, usageError } from '../terminal/terminal.ts'
import { REDIS, reached, redisToAsk } from './redis-option.ts'
import { readTop, type TopQuery } from './read-top.ts'
import { subjectView, topView } from './top-view.ts'

export const top: Command = {
  name: 'top',
  summary: 'show who is refused most, and what is used',
  synopsis: '[--redis URL] [--since TIME] [--live SECONDS]',
  operands: [0, 0],
  description: [
    'Reads the analytics that processes with redisAnalytics() have sent to Redis, and prints the requests and refusals of each policy, and the subjects that were refused most. It writes nothing.',
    'A subject is shown as its hash, unless the processes send subjects in the clear. With --subject, it prints the refusals of one subject by policy and endpoint: of a hash, or of the subject itself if the environment variable SLUICE_SECRET has the secret of the processes.',
    'Counts are by the hour: at 14:05, --since 1h means from 13:00. Processes send their counts every 10 s.',
  ],
  options: [
    REDIS,
    { name: 'since', value: 'TIME', means: 'How long ago, as in 30m, 6h or 2d. Default: 1h.' },
    { name: 'namespace', value: 'NAME', means: 'Only this namespace of a document, or limiter. Default: all.' },
    { name: 'policy', value: 'NAME', means: 'Only this policy. Default: all.' },
    { name: 'shadow', means: 'Show what limits in shadow would have refused.' },
    { name: 'limit', value: 'NUMBER', means: 'How many subjects: 1 to 1,000. Default: 10.' },
    { name: 'subject', value: 'TEXT', means: 'Show this subject.' },
    {
      name: 'live',
      value: 'SECONDS',
      means: 'Show it again every so many seconds, 1 or more, until Ctrl-C. With --json, a line each time.',
    },
    { name: 'prefix', value: 'TEXT', means: 'The beginning of the keys. Default: sluice:analytics.' },
  ],
  exits: ['The counts were read.', 'Not used.'],
  examples: [
    ['sluice top --redis redis://localhost:6379', 'See who has been refused most since the last hour began.'],
    ['sluice top --live 2 --namespace shop', 'Watch one namespace, on the server of REDIS_URL.'],
    ['SLUICE_SECRET=… sluice top --subject user:42 --since 2d', 'See what one customer was refused.'],
  ],
  async run(invocation) {
    const query = queryOf(invocation)
    const redis = await redisToAsk('top', invocation)
    // Loaded here, since most commands need no Redis.
    const { analyticsReader } = await import('@sluice/redis')
    const reader = analyticsReader(redis.source, { prefix: invocation.option('prefix'), secret: invocation.io.env['SLUICE_SECRET'] })
    try {
      for (;;) {
        const text = await reached(redis, textOf(reader, query, invocation))
        // A person sees one page that changes; a pipe gets one page after the other.
        invocation.print(query.live !== undefined && invocation.io.out.isTTY === true && !invocation.isJson ? `${CLEAR}${text}` : text)
        if (query.live === undefined) return 0
        await pause(query.live)
      }
    } finally {
      await reader.close()
    }
  },
}

/** To the first place of the screen, and everything away. */
const CLEAR = '\u001B[H\u001B[2J'

interface Asked extends TopQuery {
  readonly subject: string | undefined
  /** ms */
  readonly live: number | undefined
}

/** @throws ERR_COMMAND_INVALID */
function queryOf({ option, has }: Invocation): Asked {
  const since = option('since') ?? '1h'
  if (!/^\d+(?:ms|s|m|h|d)$/.test(since))
    throw usageError(`sluice top: --since: expected a time such as 30m, 6h or 2d, got ${plain(since)}`)
  const live = whole('live', option('live'), 3_600)
  return {
    since: since as TopQuery['since'],
    namespace: option('namespace'),
    policy: option('policy'),
    mode: has('shadow') ? 'shadow' : 'enforce',
    limit: whole('limit', option('limit'), 1_000) ?? 10,
    subject: option('subject'),
    live: live === undefined ? undefined : live * 1000,
  }
}

/** @throws ERR_COMMAND_INVALID */
function whole(name: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined
  const number = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (number < 1 || number > most) throw usageError(`sluice top: --${name}: expected a whole number, 1 to ${most}, got ${plain(text)}`)
  return number
}

async function textOf(reader: AnalyticsReader, query: Asked, { isJson, paint }: Invocation): Promise<string> {
  if (query.subject === undefined) {
    const read = await readTop(reader, query, systemClock.now())
    return isJson ? JSON.stringify(read, null, spaces(query)) : topView(read, query, paint)
  }
  const read = await reader.violations(query.subject, {
    since: query.since,
    namespace: query.namespace,
    policy: query.policy,
    mode: query.mode,
  })
  return isJson
    ? JSON.stringify({ subject: query.subject, policies: read }, null, spaces(query))
    : subjectView(query.subject, read, query, paint)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.after(ms, resolve))
}

/** A line for each value, where there are several. */
function spaces({ live }: Asked): number {
  return live === undefined ? 2 : 0
}
