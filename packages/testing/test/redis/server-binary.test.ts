import { expect, test, vi } from 'vitest'

test('without redis-server, the error says how to install it', async () => {
  vi.stubEnv('SLUICE_REDIS_SERVER', '/none/redis-server')
  try {
    // Imported after the variable is set, since the module caches the path.
    const { redisServerBinary } = await import('../../src/redis/server-binary.ts')
    await expect(redisServerBinary()).rejects.toThrow(/SLUICE_REDIS_SERVER \(.*\) does not run[^]*sudo apt-get install redis-server/)
  } finally {
    vi.unstubAllEnvs()
  }
})
