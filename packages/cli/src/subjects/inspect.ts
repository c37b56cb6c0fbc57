import type { SubjectDescription } from '@sluice/redis'
import type { Command, Invocation } from '../command.ts'
import { numberOption } from '../numbers.ts'
import { PREFIX, REDIS, reached, redisOf } from '../redis/redis-option.ts'
import { limitersOf, POLICIES } from './documents.ts'
import { subjectView } from './subject-view.ts'

export const SEARCH_MEANS =
  'How many keys may be searched for policies that are not in --policies. 0: none. Default: 100,000 on each primary.'

export const inspect: Command = {
  name: 'inspect',
  summary: 'show what Redis holds for a subject: its limits now, and when they end',
  synopsis: 'SUBJECT [--redis URL] [--policies FILE]',
  operands: [1, 1],
  description: [
    'Reads the states of a subject in every policy, and prints for each limit what is used, what is left and when it is full again. It charges and writes nothing.',
    'SUBJECT is the text that the limiter counts by, such as user:42 or an address. A value holds ids of limits and no names: with the documents of --policies, the limits have names and numbers. Overrides of a document are not read.',
  ],
  options: [POLICIES, REDIS, PREFIX, { name: 'search', value: 'NUMBER', means: SEARCH_MEANS }],
  exits: ['Something is counted or held for the subject.', 'Nothing is.'],
  examples: [
    ['sluice inspect user:42 --redis redis://localhost:6379 --policies sluice.yaml', 'See why a customer is refused.'],
    ['sluice inspect 203.0.113.7 --json', 'Give a script the states of an address, on the server of REDIS_URL.'],
  ],
  async run(invocation) {
    const description = await described('inspect', invocation)
    if (invocation.isJson) invocation.printJson(description)
    else invocation.print(subjectView(description, invocation.paint))
    return isHeld(description) ? 0 : 1
  },
}

/** What Redis holds for the subject of the command line. @throws ERR_COMMAND_INVALID, ERR_COMMAND_FAILED, ERR_POLICY_INVALID */
export async function described(command: string, invocation: Invocation): Promise<SubjectDescription> {
  const search = numberOption(command, invocation, 'search', [0, 1_000_000_000])
  const limiters = await limitersOf(invocation)
  const redis = await redisOf(command, invocation)
  const { describeSubject } = await import('@sluice/redis')
  const subject = invocation.operands[0] ?? ''
  return await reached(redis, describeSubject(redis.source, { subject, limiters, search, prefix: invocation.option('prefix') }))
}

/** Whether anything is stored, and not only known by a document. */
export function isHeld({ policies }: SubjectDescription): boolean {
  return policies.some(({ keys }) => keys.length > 0)
}
