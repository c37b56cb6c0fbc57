// How long a block takes to the last of 200 lists. In the slow tier, since it opens 400 connections.
import { setTimeout as sleep } from 'node:timers/promises'
import { blockList } from '@sluice/blocklist'
import { redisBlockStorage } from '@sluice/redis'
import { startRedis } from '@sluice/testing/redis'
import { expect, onTestFinished, test } from 'vitest'

const LISTS = 200
const BLOCKS = 100

test('200 lists have 99 of 100 blocks within a second', async () => {
  const server = await startRedis({ args: ['--maxclients', '2000'] })
  onTestFinished(() => server.stop())
  const lists = Array.from({ length: LISTS }, () => blockList({ storage: redisBlockStorage({ url: server.url }), rule: false }))
  await Promise.all(lists.map((list) => list.ready(60_000)))
  const storage = redisBlockStorage(server.client())
  const times: number[] = []
  for (let i = 0; i < BLOCKS; i++) {
    const name = `user:${i}`
    const begin = performance.now()
    await storage.put({ kind: 'subject', name, effect: 'refuse', reason: '', duration: 600_000, maxEntries: 1_000 })
    while (!lists.every((list) => list.check(name, undefined) !== undefined)) {
      if (performance.now() - begin > 30_000) throw new Error('waited 30 s')
      await sleep(1)
    }
    times.push(performance.now() - begin)
  }
  const sorted = times.toSorted((a, b) => a - b)
  console.log(`of ${LISTS} lists the last has a block after ${sorted[BLOCKS / 2]?.toFixed(0)} ms, at most ${sorted.at(-1)?.toFixed(0)} ms`)
  expect(sorted[Math.floor(BLOCKS * 0.99) - 1]).toBeLessThan(1_000)
  await Promise.all(lists.map((list) => list.close()))
}, 180_000)
