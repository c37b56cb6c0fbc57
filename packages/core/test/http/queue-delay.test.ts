import { waitQueueDelay, whenAborted } from '@sluice/core/adapter-kit'
import { expect, test } from 'vitest'

test('waitQueueDelay resolves with true after the delay, and with false as soon as the client leaves', async () => {
  const client = new AbortController()
  const whenGone = (gone: () => void) => whenAborted(client.signal, gone)
  expect(await waitQueueDelay(1, whenGone)).toBe(true)
  const waiting = waitQueueDelay(3_600_000, whenGone)
  client.abort()
  expect([await waiting, await waitQueueDelay(3_600_000, whenGone)]).toEqual([false, false])
})
