// Random numbers that a seed repeats.

export interface Random {
  /** At least 0 and below 1. */
  next(): number
  /** A whole number below `n`. */
  below(n: number): number
  /** Exponentially distributed with mean 1: the time between independent events. */
  exponential(): number
}

/** mulberry32. Its 32 bits of state suffice to choose instances, subjects and delays. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { next, below: (n) => Math.floor(next() * n), exponential: () => -Math.log(1 - next()) }
}

/** Draws numbers from 0 to n − 1; the k-th has the weight 1/k^s. */
export function zipf(n: number, s: number): (random: Random) => number {
  const sums = new Float64Array(n)
  let sum = 0
  for (let k = 0; k < n; k++) sums[k] = sum += 1 / (k + 1) ** s
  return (random) => {
    const wanted = random.next() * sum
    let [low, high] = [0, n - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** Replaces Web Crypto's random numbers while `run` runs, since the layers take ids and jitter from there. */
export async function seeded<T>(random: Random, run: () => Promise<T>): Promise<T> {
  const { crypto } = globalThis
  const original = Object.getOwnPropertyDescriptor(crypto, 'getRandomValues')
  const fill = (words: Uint32Array): Uint32Array => words.map((_, i, all) => (all[i] = random.below(2 ** 32)))
  Object.defineProperty(crypto, 'getRandomValues', { value: fill, configurable: true, writable: true })
  try {
    return await run()
  } finally {
    if (original === undefined) delete (crypto as Partial<Crypto>).getRandomValues
    else Object.defineProperty(crypto, 'getRandomValues', original)
  }
}
