import type { ExecutionContext } from '@nestjs/common'
import { systemClock } from '@sluice/core'
import { type Admission, continueAfter, followNodeResponse, type NodeResponse } from '@sluice/core/adapter-kit'
import { addPending, type PendingCall } from './call-state.ts'
import type { RateLimitResult } from './options.ts'

/** Arranges that an admitted call is settled when it has ended. */
export function followCall(outcome: Admission<RateLimitResult>, context: ExecutionContext, response: NodeResponse | undefined): void {
  const { done } = outcome
  if (done === undefined) return
  const result: PendingCall['result'] = { response }
  if (response !== undefined) followNodeResponse(response, outcome, result)
  addPending(context, { result, settle: response === undefined ? (status, ended) => void done(status, ended) : undefined })
}

/** The guard's answer to an admitted call: true, after its delay. */
export function admit({ delay }: Admission<RateLimitResult>, response: NodeResponse | undefined): boolean | Promise<boolean> {
  return delay === 0 ? true : admitAfter(delay, response)
}

/** If the client leaves during the delay, the promise is never settled, so that the handler does not run. */
function admitAfter(delay: number, response: NodeResponse | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const next = () => resolve(true)
    if (response === undefined) systemClock.after(delay, next)
    else continueAfter(delay, response, next)
  })
}
