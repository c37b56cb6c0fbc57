// What events.ts, metrics.ts and observed.ts measure: requests through the pipeline that all adapters use, while something listens.
import { memoryStore, type RequestBlockList, slidingWindow } from '@sluice/core'
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { answerParent, type Order } from '../measure/process.ts'
import { uniform } from '../measure/subjects.ts'
import { inTurns, type Run } from './memory-contenders.ts'

class Request {
  readonly client: string
  constructor(client: string) {
    this.client = client
  }
}

const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  target: () => '/v1/orders/17?expand=items',
  address: () => '203.0.113.7',
  header: () => undefined,
  route: () => '/v1/orders/:id',
}

interface Requests {
  /** Requests of one turn of the event loop. Observers hear of them after it, so a longer one keeps more decisions alive than a server does. */
  readonly turn: number
  readonly blockList?: RequestBlockList | undefined
  /** Whether every request is refused. */
  readonly isRefused?: boolean
}

/** In a measured process: decides requests as the parent orders it. */
export function answerWithRequests({ turn, blockList, isRefused = false }: Requests): void {
  const [limit, window] = isRefused ? ([1, '24h'] as const) : ([100_000_000, '1h'] as const)
  const limits = [slidingWindow({ name: 'a', limit, window, key: ({ client }: Request) => client })]
  const decide = createPipeline(host, { store: memoryStore({ maxSubjects: 1_000_000 }), trustProxy: 0, limits, blockList })
  const clients = uniform(10_000)
  if (isRefused) for (const client of clients.names) void decide(new Request(client))
  const run: Run = async (subjects, from, count) => {
    for (let i = from; i < from + count; i++) {
      if (i % turn === 0) await undefined
      const outcome = decide(new Request(subjects.at(i)))
      if (outcome instanceof Promise || outcome.pass === isRefused || outcome.headers.length === 0)
        throw new Error(isRefused ? 'a request passed' : 'the limit was reached')
    }
  }
  const obey = inTurns(run, clients)
  answerParent((message) => obey(message as Order))
}
