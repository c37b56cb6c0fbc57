import type { AddressInfo } from 'node:net'
import { type INestApplication, Module, type ModuleMetadata, type Provider, type Type } from '@nestjs/common'
import { APP_GUARD, APP_INTERCEPTOR, NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { afterEach } from 'vitest'
import { memoryStore, RateLimitGuard, RateLimitInterceptor, RateLimitModule, type RateLimitModuleOptions } from '../src/index.ts'

const open: INestApplication[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

const START = 1_800_000_000_000
export const GUARD: Provider = { provide: APP_GUARD, useClass: RateLimitGuard }
export const INTERCEPTOR: Provider = { provide: APP_INTERCEPTOR, useClass: RateLimitInterceptor }

/** A memory store whose clock stands still until the test moves it. */
export function stoppedStore() {
  const clock = { time: START, now: () => clock.time }
  return { clock, store: memoryStore({ clock }) }
}

export function moduleOf(metadata: ModuleMetadata): Type {
  @Module(metadata)
  class App {}
  return App
}

/** Starts an app with the module and its guard; closes it after the test. */
export async function appOf(
  options: RateLimitModuleOptions | undefined,
  metadata: ModuleMetadata,
  prepare: (app: INestApplication) => void = () => undefined,
): Promise<{
  readonly app: INestApplication
  readonly url: string
  get(path: string, headers?: Record<string, string>): Promise<TestResponse>
}> {
  const imports = [...(options === undefined ? [] : [RateLimitModule.forRoot(options)]), ...(metadata.imports ?? [])]
  const root = moduleOf({ ...metadata, imports, providers: [...(options === undefined ? [] : [GUARD]), ...(metadata.providers ?? [])] })
  const app = await NestFactory.create(root, new ExpressAdapter(), { logger: false })
  open.push(app)
  prepare(app)
  await app.listen(0, '127.0.0.1')
  const url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`
  return { app, url, get: (path, headers = {}) => read(fetch(url + path, { headers: { connection: 'close', ...headers } })) }
}

export interface TestResponse {
  readonly status: number
  readonly policy: string | null
  /** The remaining units, in the order of the policy. */
  readonly left: readonly number[]
  readonly text: string
  readonly headers: Headers
}

async function read(answer: Promise<Response>): Promise<TestResponse> {
  const { status, headers, ...response } = await answer.then(async (got) => ({
    status: got.status,
    headers: got.headers,
    text: await got.text(),
  }))
  const left = [...(headers.get('ratelimit') ?? '').matchAll(/;r=(\d+)/g)].map(([, count]) => Number(count))
  return { status, headers, policy: headers.get('ratelimit-policy'), left, text: response.text }
}
