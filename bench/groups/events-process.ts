// One contender of events.ts: `events-process.ts <contender>` decides requests through the pipeline that all adapters use.
import { memoryStore, observe, slidingWindow } from '@sluice/core'
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { decisionEvents } from '@sluice/telemetry'
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

let micros = 0
let sent = 0
/** Requests of one turn of the event loop. Observers hear of them after it, so a longer one keeps more decisions alive than a server does. */
const TURN = 10

/** What listens, and whether every request is refused. */
const CONTENDERS: Readonly<Record<string, readonly [listen: () => unknown, isRefused: boolean]>> = {
  off: [() => undefined, false],
  observed: [() => observe({ decision: (_, { latency }) => void (micros += latency) }), false],
  events: [events, false],
  'off refused': [() => undefined, true],
  'events refused': [events, true],
}

/** As an application has them, with a sink that takes all at once. */
function events(): unknown {
  return decisionEvents({ sink: (batch) => void (sent += batch.events.length), secret: 'a secret of this benchmark' })
}

const [name = ''] = process.argv.slice(2)
const contender = CONTENDERS[name]
if (contender === undefined) throw new Error(`No contender is named "${name}".`)
const [listen, isRefused] = contender
listen()
const limits = [
  slidingWindow({ name: 'a', limit: isRefused ? 1 : 100_000_000, window: isRefused ? '24h' : '1h', key: ({ client }: Request) => client }),
]
const decide = createPipeline(host, { store: memoryStore({ maxSubjects: 1_000_000 }), trustProxy: 0, limits })
const clients = uniform(10_000)
if (isRefused) for (const client of clients.names) void decide(new Request(client))
const run: Run = async (subjects, from, count) => {
  for (let i = from; i < from + count; i++) {
    if (i % TURN === 0) await undefined
    const outcome = decide(new Request(subjects.at(i)))
    if (outcome instanceof Promise || outcome.pass === isRefused) throw new Error(`not ${name}`)
  }
}
const obey = inTurns(run, clients)
answerParent((message) => obey(message as Order))
