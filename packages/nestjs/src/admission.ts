import type { ExecutionContext } from '@nestjs/common'
import { systemClock } from '@sluice/core'
import { type Admission, continueAfter, followNodeResponse, type NodeResponse } from '@sluice/core/adapter-kit'
import { addPending, type PendingCall } from './call-state.ts'
import type { RateLimitResult } from './options.ts'

/** The guard's answer to an admitted call: true, after its delay. Arranges that the call is settled when it has ended. */
export function admit(
  { delay, done, decision }: Admission<RateLimitResult>,
  context: ExecutionContext,
  response: NodeResponse | undefined,
): boolean | Promise<boolean> {
  if (done !== undefined) {
    const result: PendingCall['result'] = { response }
    if (response !== undefined) followNodeResponse(response, done, result)
    addPending(context, { result, settle: response === undefined ? (status, ended) => void done(status, ended) : undefined })
  }
  return delay === 0 || decision === undefined ? true : admitAfter(delay, response)
}

/** If the client leaves during the delay, the promise is never settled, so that the handler does not run. */
function admitAfter(delay: number, response: NodeResponse | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const next = () => resolve(true)
    if (response === undefined) systemClock.after(delay, next)
    else continueAfter(delay, response, next)
  })
}
