import type { Cidr } from './address.ts'

/** Whether a whole number, such as the bits of an IPv4 address, is in one of the blocks. Its time is the logarithm of their number. */
export function ipv4Ranges(blocks: readonly Cidr[]): (bits: number) => boolean {
  const sorted = blocks
    .filter(({ address }) => address.length === 4)
    .map(({ address, bits }) => {
      const first = address.reduce((value, byte) => value * 256 + byte, 0)
      return { first, last: first + 2 ** (32 - bits) - 1 }
    })
    .toSorted((a, b) => a.first - b.first)
  const firsts: number[] = []
  const lasts: number[] = []
  for (const { first, last } of sorted) {
    // Blocks that overlap are one range, so that the last range that begins before a number is the only one that can have it.
    const end = lasts.length - 1
    if (end >= 0 && first <= (lasts[end] as number) + 1) lasts[end] = Math.max(last, lasts[end] as number)
    else {
      firsts.push(first)
      lasts.push(last)
    }
  }
  return (bits) => {
    let low = 0
    let high = firsts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((firsts[middle] as number) <= bits) low = middle + 1
      else high = middle
    }
    return low > 0 && bits <= (lasts[low - 1] as number)
  }
}
