import { createServer } from 'node:net'
import { Controller, type INestMicroservice, Inject } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ClientProxyFactory, GrpcMethod, MessagePattern, type MicroserviceOptions, Transport } from '@nestjs/microservices'
import { credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js'
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader'
import { lastValueFrom } from 'rxjs'
import { afterEach, describe, expect, test } from 'vitest'
import {
  concurrency,
  type Decision,
  fixedWindow,
  header,
  RateLimit,
  RateLimitDecision,
  RateLimiter,
  RateLimitModule,
  type RateLimitModuleOptions,
  type Store,
} from '../src/index.ts'
import { GUARD, INTERCEPTOR, moduleOf, stoppedStore } from './app.ts'

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})
const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

@Controller()
class Greeter {
  constructor(@Inject('calls') private readonly calls: string[]) {}
  @MessagePattern('hello')
  hello(name: string): string {
    this.calls.push(name)
    if (name === 'unknown') throw new Error('unknown')
    return `hello ${name}`
  }
  @MessagePattern('sum')
  @RateLimit({ limit: 1, window: '1m' })
  sum(): number {
    return 3
  }
  @MessagePattern('left')
  left(@RateLimitDecision() { remaining }: Decision): number {
    return remaining
  }
  @GrpcMethod('Greeter', 'Hello')
  greet({ name }: { name: string }): { text: string } {
    return { text: `hello ${name}` }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function microservice(
  options: RateLimitModuleOptions,
  transport: MicroserviceOptions,
  calls: string[] = [],
): Promise<INestMicroservice> {
  const root = moduleOf({
    imports: [RateLimitModule.forRoot({ store: stoppedStore().store, ...options })],
    controllers: [Greeter],
    providers: [GUARD, INTERCEPTOR, { provide: 'calls', useValue: calls }],
  })
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(root, { ...transport, logger: false })
  open.push(() => app.close())
  await app.listen()
  return app
}

describe('TCP', () => {
  const served = async (options: RateLimitModuleOptions) => {
    const calls: string[] = []
    const port = await freePort()
    const app = await microservice(options, { transport: Transport.TCP, options: { host: '127.0.0.1', port } }, calls)
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } })
    open.push(() => client.close())
    const send = (pattern: string, data: unknown = ''): Promise<unknown> => lastValueFrom(client.send(pattern, data))
    return { app, calls, send, limiter: app.get(RateLimiter) }
  }

  test('a refusal is RESOURCE_EXHAUSTED with RetryInfo, and the handler is not called', async () => {
    const { send, calls } = await served({ limits: [minute(1)] })
    expect(await send('hello', 'ann')).toBe('hello ann')
    await expect(send('hello', 'bob')).rejects.toEqual({
      status: 'RESOURCE_EXHAUSTED',
      code: 8,
      message: 'Limit "minute" allows 1 unit per 60 seconds. Retry in 60 seconds.',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '60s' }],
    })
    expect(calls).toEqual(['ann'])
  })
  test('the subject is the address of the connection; each pattern has its own limits', async () => {
    const { send, limiter } = await served({ limits: [minute(5)] })
    expect(await send('sum')).toBe(3)
    await expect(send('sum')).rejects.toMatchObject({ code: 8, message: expect.stringContaining('"Greeter.sum"') as string })
    expect((await limiter.peek('127.0.0.1')).remaining).toBe(4)
    expect(await send('left')).toBe(3)
  })
  test('the interceptor refunds by the result, and releases concurrency', async () => {
    const { send, limiter } = await served({
      limits: [minute(9), concurrency({ name: 'slots', limit: 1, ttl: '1m' })],
      refundWhen: (_, { status, error }) => status === 500 && error instanceof Error,
    })
    await expect(send('hello', 'unknown')).rejects.toMatchObject({ status: 'error' })
    expect(await send('hello', 'ann')).toBe('hello ann')
    expect(await send('hello', 'bob')).toBe('hello bob')
    expect((await limiter.peek('127.0.0.1', { cost: 0 })).outcomes.map((outcome) => outcome?.remaining)).toEqual([7, 1])
  })
  test('a missing subject is INVALID_ARGUMENT', async () => {
    const { send } = await served({ limits: [minute(1)], key: () => undefined, missing: 'reject' })
    await expect(send('hello')).rejects.toMatchObject({ status: 'INVALID_ARGUMENT', code: 3 })
  })
  test('an unavailable store under failMode closed is UNAVAILABLE', async () => {
    const closed = {
      allowed: false,
      remaining: 0,
      used: 0,
      retryAfter: 2_500,
      nextAfter: 0,
      resetAfter: 0,
      delay: 0,
      source: 'closed',
      at: 0,
      receipt: undefined,
      leaseFor: 0,
      granted: 0,
    }
    const store: Store = { name: 'away', consume: (charges) => charges.map(() => closed), reset: () => undefined }
    const { send } = await served({ limits: [minute(1)], store })
    await expect(send('hello')).rejects.toMatchObject({ status: 'UNAVAILABLE', code: 14, details: [{ retryDelay: '3s' }] })
  })
  test('a blocked subject is RESOURCE_EXHAUSTED, or PERMISSION_DENIED with `blockedStatus: 403`', async () => {
    const { send, limiter, calls } = await served({ limits: [minute(9)] })
    await limiter.block('127.0.0.1', '5m')
    const message = 'Requests are blocked for a time. Retry in 300 seconds.'
    const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '300s' }]
    await expect(send('hello')).rejects.toEqual({ status: 'RESOURCE_EXHAUSTED', code: 8, message, details })
    const forbidden = await served({ limits: [minute(9)], blockedStatus: 403 })
    await forbidden.limiter.block('127.0.0.1', '5m')
    await expect(forbidden.send('hello')).rejects.toEqual({ status: 'PERMISSION_DENIED', code: 7, message, details })
    expect(calls.concat(forbidden.calls)).toEqual([])
    await forbidden.limiter.unblock('127.0.0.1')
    expect(await forbidden.send('hello', 'ann')).toBe('hello ann')
  })
})

describe('gRPC', () => {
  const protoPath = new URL('greeter.proto', import.meta.url).pathname
  interface Client {
    hello(request: object, metadata: Metadata, done: (error: ServiceError | null, answer?: { text: string }) => void): void
    close(): void
  }
  const served = async (options: RateLimitModuleOptions) => {
    const port = await freePort()
    const url = `127.0.0.1:${port}`
    await microservice(options, { transport: Transport.GRPC, options: { url, package: 'greeter', protoPath } })
    const { greeter } = loadPackageDefinition(loadSync(protoPath)) as never as {
      greeter: { Greeter: new (url: string, with_: unknown) => Client }
    }
    const client = new greeter.Greeter(url, credentials.createInsecure())
    open.push(() => client.close())
    return (key?: string) => {
      const metadata = new Metadata()
      if (key !== undefined) metadata.set('x-api-key', key)
      return new Promise<string>((resolve, reject) =>
        client.hello({ name: 'ann' }, metadata, (error, answer) => (error === null ? resolve(answer!.text) : reject(error))),
      )
    }
  }

  test('a refusal is RESOURCE_EXHAUSTED, with RetryInfo where clients look for it', async () => {
    const hello = await served({ limits: [minute(1)] })
    expect(await hello()).toBe('hello ann')
    const error = await hello().then(
      () => undefined,
      (refused: ServiceError) => refused,
    )
    const details = 'Limit "minute" allows 1 unit per 60 seconds. Retry in 60 seconds.'
    expect(error).toMatchObject({ code: 8, details })
    const [bytes] = error!.metadata.get('grpc-status-details-bin')
    // Decoded by a protobuf library, not by our encoder.
    const types = loadSync(new URL('status.proto', import.meta.url).pathname, { longs: Number }) as Record<
      string,
      MessageTypeDefinition<object, object>
    >
    const status = types['google.rpc.Status']!.deserialize(bytes as Buffer) as { details: readonly { value: Buffer }[] }
    expect(status).toMatchObject({ code: 8, message: details, details: [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo' }] })
    expect(types['google.rpc.RetryInfo']!.deserialize(status.details[0]!.value)).toEqual({ retryDelay: { seconds: 60 } })
  })
  test('the subject is the peer, or a header from the metadata', async () => {
    const byKey = await served({ limits: [minute(1)], key: header('x-api-key') })
    expect(await byKey('a')).toBe('hello ann')
    expect(await byKey('b')).toBe('hello ann')
    await expect(byKey('a')).rejects.toMatchObject({ code: 8 })
    expect(await byKey()).toBe('hello ann')
    await expect(byKey()).rejects.toMatchObject({ code: 8 })
  })
})
