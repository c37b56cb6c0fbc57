import { stateIdOf } from '@sluice/core/store-kit'
import type { Redis } from 'ioredis'
import { Keys } from '../../src/keys.ts'

const TEXT = 'day.fixedWindow.86400000'
const keys = new Keys('sluice', 16)

/** What a region counts of `user:1` under the policy `api`, and what it got from and gave to each other region. */
export async function rightsIn(
  client: Redis,
  name: string,
  all: readonly string[],
): Promise<{ readonly count: number; readonly from: Readonly<Record<string, number>>; readonly to: Readonly<Record<string, number>> }> {
  const key = keys.valueKeyIn('api', 'user:1')
  const [value, transfers] = await client.mgetBuffer(key, `${key}!r`)
  const numbersOf = (bytes: Buffer | null | undefined, text: string): readonly [number, number] => {
    for (let at = 0; bytes !== null && bytes !== undefined && at < bytes.length; at += 28) {
      if (bytes.readUInt32BE(at) === stateIdOf(text)) return [bytes.readDoubleBE(at + 12), bytes.readDoubleBE(at + 20)]
    }
    return [0, 0]
  }
  const others = all.filter((other) => other !== name)
  const moved = others.map((other) => [other, numbersOf(transfers, `${TEXT}!${other}`)] as const)
  return {
    count: numbersOf(value, TEXT)[0],
    from: Object.fromEntries(moved.map(([other, [got]]) => [other, got])),
    to: Object.fromEntries(moved.map(([other, [, donated]]) => [other, donated])),
  }
}
