import type { PolicyDescription, SubjectDescription } from '@sluice/redis'
import type { Command, Invocation } from '../command.ts'
import { PREFIX, REDIS } from '../redis/redis-option.ts'
import { confirmed } from '../terminal/confirm.ts'
import { failed, plain } from '../terminal/terminal.ts'
import { described, isHeld, SEARCH_MEANS } from './inspect.ts'
import { removeStates } from './remove-states.ts'
import { subjectView } from './subject-view.ts'

export const reset: Command = {
  name: 'reset',
  summary: 'forget what a subject has used, so that it starts again',
  synopsis: 'SUBJECT [--redis URL] [--limiter NAME] [--yes]',
  operands: [1, 1],
  description: [
    'Removes the counts and the holders of a subject from Redis, in every policy or in those of one limiter. First it shows them, as sluice inspect does, and asks; a script adds --yes.',
    'A block of the subject stays, and so do entries of the block list: sluice unblock ends these. A process with a deny cache may refuse the subject for up to a second more, and leases that processes hold are not taken back.',
    'SUBJECT is the text that the limiter counts by, such as user:42 or an address.',
  ],
  options: [
    { name: 'limiter', value: 'NAME', means: 'Only this limiter, or this namespace of documents. Default: all.' },
    { name: 'yes', short: 'y', means: 'Do not ask.' },
    REDIS,
    PREFIX,
    { name: 'search', value: 'NUMBER', means: SEARCH_MEANS.replace(' that are not in --policies', '') },
  ],
  exits: ['The states were removed.', 'There was nothing to remove, or the answer was no.'],
  examples: [
    ['sluice reset user:42 --redis redis://localhost:6379', 'Let a customer start again, after a look at what was counted.'],
    ['sluice reset 203.0.113.7 --limiter shop --yes', 'The same in a script, for one limiter, on the server of REDIS_URL.'],
  ],
  async run(invocation) {
    const all = await described('reset', invocation)
    if (all.isPacked)
      throw failed(
        'packed states cannot be removed by this command, since their keys do not name the subject; call limiter.reset() in the application',
      )
    const limiter = invocation.option('limiter')
    const policies = all.policies.filter(
      (policy) => !policy.isEnded && (limiter === undefined || policy.limiter === limiter) && hasStates(policy),
    )
    const description = { ...all, policies }
    if (!isHeld(description)) return report(invocation, description, 'nothing')
    if (!invocation.isJson) invocation.io.err.write(`${subjectView(description, (_, text) => text)}\n\n`)
    const names = policies.map((policy) => plain(policy.policy)).join(', ')
    const isMeant = await confirmed('reset', `Forget this, in ${names}?`, invocation.io, invocation.has('yes'))
    if (!isMeant) return report(invocation, description, 'kept')
    await removeStates(invocation, policies)
    return report(invocation, description, 'removed')
  },
}

/** A policy with a block alone has nothing that could be reset. */
function hasStates({ states }: PolicyDescription): boolean {
  return states.length > 0
}

const WORDS = {
  nothing: 'nothing is counted, and nothing is held',
  kept: 'nothing was changed',
  removed: 'the subject starts again',
} as const

function report({ isJson, print, printJson }: Invocation, { subject, policies }: SubjectDescription, result: keyof typeof WORDS): number {
  if (isJson) printJson({ subject, removed: result === 'removed' ? policies.map(({ policy }) => policy) : [] })
  else print(`${plain(subject)}: ${WORDS[result]}`)
  return result === 'removed' ? 0 : 1
}
