import { expect, test } from 'vitest'
import { RedisStoreError } from '../src/index.ts'

test.each([
  ['LOADING Redis is loading the dataset in memory', 'loading', 'starting'],
  ["READONLY You can't write against a read only replica.", 'readonly', 'unwritable'],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'oom', 'unwritable'],
  ['MISCONF Redis is configured to save RDB snapshots', 'oom', 'unwritable'],
  ["NOPERM User app has no permissions to run the 'evalsha' command", 'noperm', 'forbidden'],
  ["ERR The user executing the script can't run this command or subcommand", 'noperm', 'forbidden'],
  // Redis 6.2.
  ["@user_script: 1: The user executing the script can't access at least one of the keys", 'noperm', 'forbidden'],
  // Valkey 8 and 9.
  ["ERR ACL failure in script: User app has no permissions to run the 'del' command", 'noperm', 'forbidden'],
  ['CLUSTERDOWN The cluster is down', undefined, undefined],
  ['No answer within 50 ms', undefined, undefined],
])('%s', (message, answer, refusal) => {
  expect(new RedisStoreError(new Error(message), 'shard', 7)).toMatchObject({ answer, refusal, shard: 'shard', batch: 7 })
})
