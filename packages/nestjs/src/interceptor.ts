import { type CallHandler, type ExecutionContext, HttpException, Injectable, type NestInterceptor } from '@nestjs/common'
import { finalize, type Observable, tap } from 'rxjs'
import { type Pending, take } from './calls.ts'

/**
 * Tells `refundWhen` and `settle` what the handler returned or threw, and settles calls that have no response: messages over
 * WebSocket and RPC, subscriptions. Bind it with APP_INTERCEPTOR; on a gateway, with @UseInterceptors.
 */
export class RateLimitInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const left = take(context)
    return left === undefined ? next.handle() : followed(left, next)
  }
}
Injectable()(RateLimitInterceptor)

function followed(left: readonly Pending[], next: CallHandler): Observable<unknown> {
  // Without a status there was no answer: the client left before it came.
  let status: number | undefined
  return next.handle().pipe(
    tap({
      next(value: unknown) {
        for (const { result } of left) result.value = value
      },
      error(error: unknown) {
        status = error instanceof HttpException ? error.getStatus() : 500
        for (const { result } of left) result.error = error
      },
      complete() {
        status = 200
      },
    }),
    finalize(() => {
      for (const { end, result } of left) end?.(status, status === undefined ? undefined : result)
    }),
  )
}
