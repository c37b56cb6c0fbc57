import { All, Controller, type ControllerOptions, Get, NotFoundException, Req, VersioningType } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { describe, expect, test } from 'vitest'
import {
  fixedWindow,
  OverrideRateLimit,
  RateLimit,
  RateLimitModule,
  type RateLimitModuleOptions,
  route,
  SkipRateLimit,
} from '../src/index.ts'
import { appOf, moduleOf } from './app.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

@Controller()
class Plain {
  @Get()
  plain(): string {
    return 'plain'
  }
}

describe('a decorator that does not fit the module is refused when the application starts', () => {
  const started = (options: RateLimitModuleOptions, decorator: MethodDecorator, name = 'find') => {
    class Users {
      @Get()
      find(): string {
        return 'found'
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Users.prototype, 'find')!
    decorator(Users.prototype, 'find', descriptor)
    Object.defineProperty(descriptor.value, 'name', { value: name })
    Controller()(Users)
    return NestFactory.createApplicationContext(moduleOf({ imports: [RateLimitModule.forRoot(options)], controllers: [Users] }), {
      logger: false,
      abortOnError: false,
    })
  }

  test.each<[string, MethodDecorator, string, RegExp, string?]>([
    [
      'an unknown limit',
      OverrideRateLimit({ shrot: { limit: 1 } }),
      'ERR_OPTION_INVALID',
      /@OverrideRateLimit on Users.find: .*minute, got the string "shrot"/,
    ],
    ['an unknown policy', RateLimit('logni'), 'ERR_OPTION_INVALID', /the name of a policy: login, got the string "logni"/],
    ['an unknown skipped limit', SkipRateLimit('mintue'), 'ERR_OPTION_INVALID', /Users.find: expected the name of a limit: minute/],
    ['a given name that headers cannot have', RateLimit({ limit: 1, name: '$find' }), 'ERR_NAME_INVALID', /\$find/],
    ['the name of a policy', RateLimit({ limit: 1, name: 'login' }), 'ERR_NAME_TAKEN', /Users.find/],
    ['an invalid status', RateLimit({ limit: 1, statusCode: 200 }), 'ERR_OPTION_INVALID', /statusCode/],
  ])('%s', async (_what, decorator, code, message, name) => {
    const failed = started({ limits: [minute(9)], policies: { login: { limit: 5 } } }, decorator, name)
    await expect(failed).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
  })

  test('F16: the name that a route gets always fits, and two routes keep two names', async () => {
    const long = 'find'.padEnd(80, 'x')
    @Controller()
    class Users {
      @Get('/a')
      @RateLimit({ limit: 3, window: '1m' })
      [`${long}A`](): string {
        return 'a'
      }
      @Get('/b')
      @RateLimit({ limit: 5, window: '1m' })
      [`${long}B`](): string {
        return 'b'
      }
      @Get('/c')
      @RateLimit({ limit: 7, window: '1m' })
      $find(): string {
        return 'c'
      }
    }
    const { get } = await appOf({}, { controllers: [Users] })
    const names = await Promise.all(['/a', '/b', '/c'].map(async (path) => (await get(path)).policy?.split(', ').at(-1)))
    expect(names).toEqual([
      expect.stringMatching(/^"Users\.findx{45}-[0-9a-f]{8}";q=3;w=60$/),
      expect.stringMatching(/^"Users\.findx{45}-[0-9a-f]{8}";q=5;w=60$/),
      expect.stringMatching(/^"Users\._find-[0-9a-f]{8}";q=7;w=60$/),
    ])
    expect(new Set(names.map((name) => name?.split(';')[0])).size).toBe(3)
  })

  test('trap: two classes with one name would share a counter: the second is refused until it has a name', async () => {
    const version = (name?: string) => {
      @Controller(name ?? 'v1')
      class Users {
        @Get()
        @RateLimit({ limit: 3, window: '1m', name })
        find(): string {
          return 'found'
        }
      }
      return Users
    }
    const first = version()
    const failed = appOf({}, { controllers: [first, version(undefined)] })
    await expect(failed).rejects.toMatchObject({ code: 'ERR_NAME_TAKEN' })
    const { get } = await appOf({}, { controllers: [first, version('v2')] })
    expect((await get('/v1')).left).toEqual([99, 2])
    expect(await get('/v2')).toMatchObject({ left: [98, 2], policy: expect.stringContaining('"v2";q=3') as string })
  })
  test('F16: controllers of one name that differ in version or host have names of their own, the same in every process', async () => {
    const sibling = (options: ControllerOptions) => {
      @Controller(options)
      @RateLimit({ limit: 9, window: '1m' })
      class Users {
        @Get()
        @RateLimit({ limit: 3, window: '1m' })
        find(): string {
          return 'found'
        }
      }
      return Users
    }
    const SIBLINGS: readonly (readonly [path: string, ControllerOptions, name: RegExp, headers?: Record<string, string>])[] = [
      ['/a', {}, /^Users$/],
      ['/b', { version: '1' }, /^Users-v1$/, { version: '1' }],
      ['/c', { version: '2' }, /^Users-v2$/, { version: '2' }],
      ['/d', { version: ['2', '3'] }, /^Users-[0-9a-f]{8}$/, { version: '3' }],
      ['/e', { host: '127.0.0.1' }, /^Users-[0-9a-f]{8}$/],
      ['/f', { host: '127.0.0.1', version: '1' }, /^Users-[0-9a-f]{8}$/, { version: '1' }],
    ]
    const namesOf = async () => {
      const controllers = SIBLINGS.map(([path, options]) => sibling({ path, ...options }))
      const { get } = await appOf({}, { controllers }, (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'version' }))
      return Promise.all(
        SIBLINGS.map(async ([path, , , headers]) =>
          [...((await get(path, headers)).policy ?? '').matchAll(/"([^"]+)"/g)].map(([, name]) => name),
        ),
      )
    }
    const names = await namesOf()
    for (const [i, [, , name]] of SIBLINGS.entries()) {
      const [, ofClass, ofMethod] = names[i]!
      expect(ofClass).toMatch(name)
      expect(ofMethod).toBe(`${ofClass}.find`)
    }
    expect(new Set(names.map(([, ofClass]) => ofClass)).size).toBe(names.length)
    expect(await namesOf()).toEqual(names)
  })
  test('two classes with one name may override the same limit if one of them has a name', async () => {
    const version = (path: string, name?: string) => {
      @Controller(path)
      @OverrideRateLimit({ minute: { limit: 3 } }, { name })
      class Users {
        @Get()
        find(): string {
          return 'found'
        }
      }
      return Users
    }
    const failed = appOf({ limits: [minute(9)] }, { controllers: [version('v1'), version('v2')] })
    const message = expect.stringContaining("add a name: @OverrideRateLimit({ … }, { name: '…' })") as string
    await expect(failed).rejects.toMatchObject({ code: 'ERR_NAME_TAKEN', message })
    const { get } = await appOf({ limits: [minute(9)] }, { controllers: [version('v1'), version('v2', 'v2.users')] })
    expect((await get('/v1')).left).toEqual([2])
    expect((await get('/v2')).left).toEqual([2])
  })
  test('two { limit, window } on one method need a list, or a name', () => {
    @Controller()
    class Twice {
      @Get()
      @RateLimit({ limit: 3, window: '1m' })
      @RateLimit({ limit: 30, window: '1h' })
      twice(): string {
        return 'twice'
      }
    }
    return expect(appOf({}, { controllers: [Twice] })).rejects.toMatchObject({ code: 'ERR_NAME_DUPLICATE' })
  })
})

describe('unknown routes', () => {
  test('trap: Nest runs no guard where no route matches', async () => {
    const { get } = await appOf({ limits: [minute(1)] }, { controllers: [Plain] })
    for (const _ of [1, 2]) expect(await get('/nowhere')).toMatchObject({ status: 404, policy: null })
  })
  test('a last controller that matches everything limits them', async () => {
    @Controller()
    class Unknown {
      @All('*path')
      missing(): never {
        throw new NotFoundException()
      }
    }
    const { get } = await appOf({ limits: [minute(2)] }, { controllers: [Plain, Unknown] })
    expect([(await get('/')).status, (await get('/nowhere')).status, (await get('/nowhere')).status]).toEqual([200, 404, 429])
  })
})

describe('F01: route() has no text of the request', () => {
  test.each([
    [
      'in the path',
      { type: VersioningType.URI } as const,
      '/api/v2/tenants/:tenant/cats/:id',
      ['/api/v2/tenants/1/cats/a', '/API/V2/tenants/2/Cats/b/'],
    ],
    [
      'in a header',
      { type: VersioningType.HEADER, header: 'v' } as const,
      '/api/tenants/:tenant/cats/:id',
      ['/api/tenants/1/cats/a', '/api/Tenants/%31/cats/b'],
    ],
  ])('under a prefix, with a version %s', async (_where, versioning, expected, paths) => {
    @Controller({ path: 'tenants/:tenant/cats', version: ['1', '2'] })
    class Cats {
      @Get(':id')
      find(@Req() request: { rateLimit: { charges: readonly { subject: string }[] } }): string | undefined {
        return request.rateLimit.charges[0]?.subject
      }
    }
    const { get } = await appOf({ limits: [minute(9)], key: route() }, { controllers: [Cats] }, (app) => {
      app.setGlobalPrefix('api')
      app.enableVersioning(versioning)
    })
    for (const path of paths) expect((await get(path, { v: '2' })).text, path).toBe(`GET ${expected}`)
  })
})
