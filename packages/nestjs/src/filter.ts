import { type ArgumentsHost, Catch, type ExceptionFilter, Injectable } from '@nestjs/common'
import { RateLimitException } from './exceptions.ts'
import { responseOf, transportOf } from './execution-context.ts'

interface FastifyReply {
  readonly raw: unknown
  code(status: number): FastifyReply
  header(name: string, value: string): FastifyReply
  send(body: Uint8Array): unknown
}
interface ExpressResponse {
  setHeader(name: string, value: string): void
  end(body: string): void
}

/**
 * Sends a refusal over HTTP. Nest's own filter would send the problem document as `application/json; charset=utf-8`. The module binds
 * this filter; bind it yourself beside a `rateLimit()` guard.
 * @example
 * ```ts
 * import { Controller, Get, UseFilters, UseGuards } from '@nestjs/common'
 * import { rateLimit, RateLimitFilter } from '@sluice/nestjs'
 *
 * @Controller('search')
 * @UseGuards(rateLimit({ name: 'search', limit: 10, window: '1m' }))
 * @UseFilters(RateLimitFilter)
 * export class Search {
 *   @Get()
 *   search(): void {}
 * }
 * ```
 */
export class RateLimitFilter implements ExceptionFilter<RateLimitException> {
  catch(exception: RateLimitException, context: ArgumentsHost): void {
    // A GraphQL server turns a thrown exception into an error of its answer.
    if (transportOf(context) !== 'http') throw exception
    const node = responseOf(context)
    if (node === undefined || node.headersSent) return
    const { status, headers, body } = exception.refusal
    const type = headers.find(([name]) => name === 'Content-Type')?.[1] ?? 'text/plain; charset=utf-8'
    const response = context.getArgByIndex<FastifyReply | ExpressResponse>(1)
    // As bytes, because Fastify adds a charset to the type of a JSON text.
    if ('raw' in response) response.code(status).header('Content-Type', type).send(Buffer.from(body))
    else {
      node.statusCode = status
      response.setHeader('Content-Type', type)
      response.end(body)
    }
  }
}
// Applied as functions: Node's type stripping does not support decorator syntax, and the sources must run as they are.
Injectable()(RateLimitFilter)
Catch(RateLimitException)(RateLimitFilter)
