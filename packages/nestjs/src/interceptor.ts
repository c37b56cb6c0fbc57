import { type CallHandler, type ExecutionContext, HttpException, Injectable, type NestInterceptor } from '@nestjs/common'
import { finalize, type Observable, tap } from 'rxjs'
import { type PendingCall, takePending } from './call-state.ts'

/**
 * Passes the value or error of the handler to `refundWhen` and `settle`. Also settles calls without a response: subscriptions, and
 * messages over WebSocket and RPC. Bind it with APP_INTERCEPTOR; on a gateway, with `@UseInterceptors`.
 * @example
 * ```ts
 * import { Module, NotFoundException } from '@nestjs/common'
 * import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core'
 * import { RateLimitGuard, RateLimitInterceptor, RateLimitModule } from '@sluice/nestjs'
 *
 * @Module({
 *   imports: [RateLimitModule.forRoot({ refundWhen: (_context, { error }) => error instanceof NotFoundException })],
 *   providers: [
 *     { provide: APP_GUARD, useClass: RateLimitGuard },
 *     { provide: APP_INTERCEPTOR, useClass: RateLimitInterceptor },
 *   ],
 * })
 * export class AppModule {}
 * ```
 */
export class RateLimitInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const calls = takePending(context)
    return calls === undefined ? next.handle() : observe(next.handle(), calls)
  }
}
Injectable()(RateLimitInterceptor)

function observe(handled: Observable<unknown>, calls: readonly PendingCall[]): Observable<unknown> {
  // Stays undefined when the client leaves before the handler has ended.
  let status: number | undefined
  return handled.pipe(
    tap({
      next(value: unknown) {
        for (const { result } of calls) result.value = value
      },
      error(error: unknown) {
        status = error instanceof HttpException ? error.getStatus() : 500
        for (const { result } of calls) result.error = error
      },
      complete() {
        status = 200
      },
    }),
    finalize(() => {
      for (const { settle, result } of calls) settle?.(status, status === undefined ? undefined : result)
    }),
  )
}
