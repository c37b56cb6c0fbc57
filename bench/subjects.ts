// Who is asked for, in which order: the same in every lane.

export interface Subjects {
  readonly names: readonly string[]
  /** The subject of the i-th decision. */
  readonly at: (i: number) => string
  /** Decisions after which the order begins anew: whoever comes at all has come. */
  readonly round: number
}

const SHORTEST = 1 << 20

/** Uniformly at random over so many, from a fixed seed. */
export function uniform(count: number): Subjects {
  const random = seeded()
  return drawn(count, () => Math.floor(random() * count))
}

/** Zipf(1.0) over so many: the k-th is asked for in proportion to 1/k. */
export function zipf(count: number, seed: number): Subjects {
  const random = seeded(seed)
  const sums = new Float64Array(count)
  let sum = 0
  for (let k = 0; k < count; k++) sums[k] = sum += 1 / (k + 1)
  return drawn(count, () => {
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

function drawn(count: number, draw: () => number): Subjects {
  const names = Array.from({ length: count }, (_, i) => `user:${i}`)
  const round = Math.max(SHORTEST, 2 ** Math.ceil(Math.log2(count)))
  const order = Uint32Array.from({ length: round }, draw)
  return { at: (i) => names[order[i & (round - 1)] as number] as string, names, round }
}

function seeded(seed = 42): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
