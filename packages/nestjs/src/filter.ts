import { type ArgumentsHost, Catch, type ExceptionFilter, Injectable } from '@nestjs/common'
import { RateLimitException } from './exceptions.ts'
import { responseOf, transportOf } from './execution-context.ts'

interface Reply {
  code(status: number): Reply
  header(name: string, value: string): Reply
  send(body: Uint8Array): unknown
}
interface Response {
  setHeader(name: string, value: string): void
  end(body: string): void
}

/** Answers a refusal to the byte: Nest's own filter would send a problem document as plain JSON, with a charset. */
export class RateLimitFilter implements ExceptionFilter<RateLimitException> {
  catch(exception: RateLimitException, context: ArgumentsHost): void {
    // GraphQL shows what is handed back as an error.
    if (transportOf(context) !== 'http') throw exception
    const raw = responseOf(context)
    if (raw === undefined || raw.headersSent) return
    const { status, headers, body } = exception.refusal
    const type = headers.find(([name]) => name === 'Content-Type')?.[1] ?? 'text/plain; charset=utf-8'
    const response = context.getArgByIndex<Reply & Response & { raw?: unknown }>(1)
    // Bytes: to text of a JSON type Fastify adds a charset.
    if (response.raw !== undefined) response.code(status).header('Content-Type', type).send(Buffer.from(body))
    else {
      raw.statusCode = status
      response.setHeader('Content-Type', type)
      response.end(body)
    }
  }
}
// Applied as functions: syntax that Node's type stripping does not know would keep the sources from running as they are.
Injectable()(RateLimitFilter)
Catch(RateLimitException)(RateLimitFilter)
