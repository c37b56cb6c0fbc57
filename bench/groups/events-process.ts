// One contender of events.ts: `events-process.ts <contender>`.
import { observe } from '@sluice/core'
import { decisionEvents } from '@sluice/telemetry'
import { namedContender } from '../measure/process.ts'
import { answerWithRequests } from './request-contenders.ts'

let micros = 0
let sent = 0

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

const [listen, isRefused] = namedContender(CONTENDERS)
listen()
answerWithRequests({ turn: 10, isRefused })
