// Which subject each decision is for. The order is random from a fixed seed, and the same for every contender.

export interface Subjects {
  readonly names: readonly string[]
  /** The subject of the i-th decision. */
  readonly at: (i: number) => string
}

const SHORTEST_PERIOD = 1 << 20

/** Each subject once, then each equally likely. */
export function uniform(count: number): Subjects {
  const random = seeded()
  const once = shuffled(count, random)
  return inOrder(count, (i) => once[i] ?? Math.floor(random() * count))
}

function shuffled(count: number, random: () => number): Uint32Array {
  const numbers = Uint32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swapped = numbers[i] as number
    numbers[i] = numbers[j] as number
    numbers[j] = swapped
  }
  return numbers
}

/** Zipf(1.0): the k-th subject is requested in proportion to 1/k. */
export function zipf(count: number, seed: number): Subjects {
  const random = seeded(seed)
  const sums = new Float64Array(count)
  let sum = 0
  for (let k = 0; k < count; k++) sums[k] = sum += 1 / (k + 1)
  return inOrder(count, () => {
    const wanted = random() * sum
    let low = 0
    for (let high = count - 1; low < high;) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) < wanted) low = middle + 1
      else high = middle
    }
    return low
  })
}

function inOrder(count: number, draw: (i: number) => number): Subjects {
  const names = Array.from({ length: count }, (_, i) => `user:${i}`)
  const period = Math.max(SHORTEST_PERIOD, 2 ** Math.ceil(Math.log2(count)))
  const order = Uint32Array.from({ length: period }, (_, i) => draw(i))
  return { at: (i) => names[order[i & (period - 1)] as number] as string, names }
}

function seeded(seed = 42): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
