import { systemClock } from '@sluice/core'

/** What became of one request. */
export type Result = 'admitted' | 'refused' | 'unavailable'

/** Why there is no decision. */
export interface Unanswered {
  readonly problem: string
}

/** What is asked: the number of the request chooses its subject. */
export type Target = (number: number) => Promise<Result | Unanswered>

/** What became of one request, also of one that failed. */
export async function outcomeOf(target: Target, number: number): Promise<Result | Unanswered> {
  try {
    return await target(number)
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

/** How much is asked. */
export interface Load {
  readonly target: Target
  /** ms */
  readonly time: number
  readonly count: number
  /** How many requests are under way at a time. */
  readonly atOnce: number
  /** Called five times a second. @param ms since the start */
  readonly progress: (requests: number, ms: number) => void
}

/** What was measured. Times are in ms. */
export interface Measured {
  readonly ms: number
  readonly counts: Readonly<Record<Result, number>>
  readonly errors: number
  /** Why the first request failed that did. */
  readonly problem: string | undefined
  /** How long each answered request took, the shortest first. */
  readonly times: readonly number[]
}

const PROGRESS = 200

/** Asks until the time or the count is reached, and waits for what is under way. */
export async function measured({ target, time, count, atOnce, progress }: Load): Promise<Measured> {
  const counts: Record<Result, number> = { admitted: 0, refused: 0, unavailable: 0 }
  const times: number[] = []
  let [errors, sent, shown] = [0, 0, 0]
  let problem: string | undefined
  const start = systemClock.monotonic()
  const work = async (): Promise<void> => {
    for (let now = start; sent < count && now - start < time;) {
      sent += 1
      const before = now
      const outcome = await outcomeOf(target, sent)
      now = systemClock.monotonic()
      if (typeof outcome === 'string') {
        counts[outcome] += 1
        times.push(now - before)
      } else {
        errors += 1
        problem ??= outcome.problem
      }
      if (now - shown >= PROGRESS) progress(sent, (shown = now) - start)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return { ms: systemClock.monotonic() - start, counts, errors, problem, times: times.toSorted((a, b) => a - b) }
}
