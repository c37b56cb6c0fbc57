// One contender of observed.ts: `observed-process.ts <contender>`.
import { observe, type RequestBlockList } from '@sluice/core'
import { namedContender } from '../measure/process.ts'
import { answerWithRequests } from './request-contenders.ts'

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

answerWithRequests({ turn: 50, blockList: namedContender(CONTENDERS)() })
