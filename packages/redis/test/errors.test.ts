import { expect, test } from 'vitest'
import { RedisStoreError } from '../src/index.ts'

test.each([
  ['LOADING Redis is loading the dataset in memory', 'loading', 'starting'],
  ["READONLY You can't write against a read only replica.", 'readonly', 'unwritable'],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'oom', 'unwritable'],
  ['MISCONF Redis is configured to save RDB snapshots', 'oom', 'unwritable'],
  ["NOPERM User app has no permissions to run the 'evalsha' command", 'noperm', 'forbidden'],
  ['CLUSTERDOWN The cluster is down', undefined, undefined],
  ['No answer within 50 ms', undefined, undefined],
])('%s', (message, answer, refusal) => {
  expect(new RedisStoreError(new Error(message), 'shard', 7)).toMatchObject({ answer, refusal, shard: 'shard', batch: 7 })
})
