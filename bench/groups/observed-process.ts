// One contender of observed.ts: `observed-process.ts <contender>` decides requests through the pipeline that all adapters use.
import { memoryStore, observe, type RequestBlockList, slidingWindow } from '@sluice/core'
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

let units = 0
/** A list of nobody: what the pipeline does for any list. */
const nobody: RequestBlockList = { check: () => undefined, decided: (_, { latency }) => void (units += latency) }

const CONTENDERS: Readonly<Record<string, () => RequestBlockList | undefined>> = {
  off: () => undefined,
  decisions: () => observed({ decision: (_, { latency }) => void (units += latency) }),
  refusals: () => observed({ refusal: () => void (units += 1) }),
  blocks: () => nobody,
}

function observed(observers: Parameters<typeof observe>[0]): undefined {
  observe(observers)
}

const [name = ''] = process.argv.slice(2)
const start = CONTENDERS[name]
if (start === undefined) throw new Error(`No contender is named "${name}".`)
const limits = [slidingWindow({ name: 'a', limit: 100_000_000, window: '1h', key: ({ client }: Request) => client })]
const decide = createPipeline(host, { store: memoryStore({ maxSubjects: 1_000_000 }), trustProxy: 0, limits, blockList: start() })
/** As many requests as arrive in one turn of a busy server. Observers hear of them when it has ended. */
const TURN = 50
const run: Run = async (subjects, from, count) => {
  for (let i = from; i < from + count; i++) {
    const outcome = decide(new Request(subjects.at(i)))
    if (outcome instanceof Promise || !outcome.pass || outcome.headers.length === 0) throw new Error('the limit was reached')
    if (i % TURN === 0) await undefined
  }
}
const obey = inTurns(run, uniform(10_000))
answerParent((message) => obey(message as Order))
