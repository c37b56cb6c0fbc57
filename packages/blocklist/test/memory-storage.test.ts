import { memoryBlockStorage } from '@sluice/blocklist'
import { blockStorageConformance } from '@sluice/testing'
import { expect, test } from 'vitest'

blockStorageConformance('memory', async (clock) => {
  const storage = memoryBlockStorage({ clock })
  return { storage, again: () => storage }
})

test('a mistake is refused', () => {
  expect(() => memoryBlockStorage({ clok: undefined } as never)).toThrow('"clok" is not an option; use clock')
})
