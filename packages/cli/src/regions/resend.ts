import type { Command } from '../command.ts'
import { reached, redisToAsk } from '../redis/redis-option.ts'
import { noRegions, REGION_OPTIONS } from './read-regions.ts'

export const regionsResend: Command = {
  name: 'regions resend',
  summary: 'have the other regions send again what they have counted',
  synopsis: '[--redis URL]',
  operands: [0, 0],
  description: [
    'Sluice does this by itself when the data of a region is empty. Use it after a part of the data was lost, such as after a restore of an older copy. The next process of this region that sends a beat asks the others, within some seconds. Each of them sends at most 1,000 subjects a second.',
    'The server is the Redis of the region that has lost data.',
  ],
  options: REGION_OPTIONS,
  exits: ['The request is written.', 'Not used.'],
  examples: [['sluice regions resend --redis redis://redis.eu:6379', 'Fill eu again with what us and ap have counted.']],
  async run(invocation) {
    const redis = await redisToAsk('regions resend', invocation)
    const { requestResend } = await import('@sluice/redis')
    const prefix = invocation.option('prefix')
    if (!(await reached(redis, requestResend(redis.source, { prefix })))) throw noRegions(redis.name, prefix)
    if (invocation.isJson) invocation.printJson({ isRequested: true })
    else invocation.print('the other regions are asked with the next beat, within some seconds')
    return 0
  },
}
