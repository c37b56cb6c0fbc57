import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import fc from 'fast-check'
import { Hono } from 'hono'
import { serve } from '@hono/node-server'
import Koa from 'koa'
import { Router } from '@koa/router'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PathIndex } from '../src/compile/paths.ts'

function indexOf<T>(): PathIndex<T, readonly T[]> {
  return new PathIndex((values) => values)
}

function matches(pattern: string, target: string, caseSensitive = false): boolean {
  const index = indexOf<string>()
  index.add(pattern, caseSensitive, 'it')
  return index.find(target).includes('it')
}

describe('paths', () => {
  test.each([
    ['/login', '/login'],
    ['/login', '/LOGIN/'],
    ['/login', '/login?next=/'],
    ['/login', '/login#top'],
    ['/login', '/%6cogin'],
    ['/login', '/%4cogin'],
    ['/login', '//login'],
    ['/login', '/./login'],
    ['/login', '/x/../login'],
    ['/login', '/x/%2e%2e/login'],
    ['/login', '\\login'],
    ['/login', '/login;v=1'],
    ['/login', 'http://example.org/login'],
    ['/', '/'],
    ['/', 'http://example.org'],
    ['/', '/?a'],
    ['/users/:id', '/users/7'],
    ['/users/:id', '/users/a%2Fb'],
    ['/users/:id', '/users/a\\b'],
    ['/users/*/keys', '/users/7/keys'],
    ['/v1/*', '/v1'],
    ['/v1/*', '/v1/a/b/c'],
    ['/v1/*', '/v1/../x'],
    ['/*', '/'],
    ['/*', '/a/b'],
    ['/caf\u00e9', '/caf%C3%A9'],
  ])('%s matches %s', (pattern, target) => {
    expect(matches(pattern, target)).toBe(true)
  })

  test.each([
    ['/login', '/logins'],
    ['/login', '/login/x'],
    ['/login', '/x/login'],
    ['/users/:id', '/users'],
    ['/users/:id', '/users/7/keys'],
    ['/users/:id', '/users/a/b'],
    ['/v1/*', '/v2/v1'],
    ['/v1/*', '/v10'],
    ['/a/b', '/a%2Fb'],
    ['/a%2Fb', '/a/b'],
    ['/login', '/%256cogin'],
    ['/login', '/%E0%A4%A'],
  ])('%s does not match %s', (pattern, target) => {
    expect(matches(pattern, target)).toBe(false)
  })

  test('caseSensitive: paths differ by case, also decoded ones', () => {
    expect(matches('/Login', '/Login', true)).toBe(true)
    expect(matches('/Login', '/%4cogin', true)).toBe(true)
    expect(matches('/Login', '/login', true)).toBe(false)
  })

  test('an index finds what each pattern alone would', () => {
    const segment = fc.constantFrom('a', 'b', 'c', ':x', '*')
    const pattern = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`)
    const target = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'A', ''), { maxLength: 5 }).map((segments) => `/${segments.join('/')}`)
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 12 }), target, (patterns, path) => {
        const index = indexOf<number>()
        for (const [i, each] of patterns.entries()) index.add(each, false, i)
        const alone = patterns.flatMap((each, i) => (matches(each, path) ? [i] : []))
        expect(index.find(path)).toEqual(alone)
      }),
    )
  })

  test('values come in the order in which they were added, each once', () => {
    const index = indexOf<string>()
    index.add('/a/*', false, 'first')
    index.add(undefined, false, 'second')
    for (const path of ['/a/b', '/a/:x']) index.add(path, false, 'third')
    index.add('/A/b', true, 'fourth')
    expect(index.find('/a/b')).toEqual(['first', 'second', 'third'])
    expect(index.find('/A/b')).toEqual(['first', 'second', 'third', 'fourth'])
    expect(index.find('/a/./b')).toEqual(['first', 'second', 'third'])
    expect(index.find('/x')).toEqual(['second'])
  })

  // What is remembered of paths has a bound, since clients choose the paths. A path is found the same before and after it is forgotten.
  test('60,000 different paths leave the same answers', () => {
    const names = Array.from({ length: 40 }, (_, i) => `s${i}`)
    const patterns = [...names.flatMap((name) => [`/${name}`, `/:a/${name}`, `/:a/:b/${name}`]), '/s1/*', '/s1/:b/s2']
    const newIndex = (): PathIndex<string, readonly string[]> => {
      const index = indexOf<string>()
      for (const pattern of patterns) index.add(pattern, false, pattern)
      return index
    }
    const index = newIndex()
    const fresh = newIndex()
    for (const a of names) for (const b of names) for (const c of names) index.find(`/${a}/${b}/${c}`)
    for (const path of ['/s1/s5/s2', '/s1/s2', '/s39/x/s7', '/s1', '/x']) expect(index.find(path), path).toEqual(fresh.find(path))
  })
})

// A path that a framework serves with the handler of a route must be limited by the rule of that route: anything else is a way around it.
describe('no path reaches a handler without its rule', () => {
  const ROUTES = ['/login', '/users/:id', '/files/:a/:b', '/v1/*'] as const
  const ports: Record<string, number> = {}
  const closing: (() => unknown)[] = []

  beforeAll(async () => {
    const app = express()
    for (const route of ROUTES) app.get(route.replace('*', '*rest'), (_, res) => void res.send(route))
    const onExpress = app.listen(0, '127.0.0.1')
    closing.push(() => onExpress.close())

    const onFastify = fastify({
      routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, useSemicolonDelimiter: true } as object,
    })
    for (const route of ROUTES) onFastify.get(route, () => route)
    await onFastify.listen({ port: 0, host: '127.0.0.1' })
    closing.push(() => onFastify.close())

    const hono = new Hono({ strict: false })
    for (const route of ROUTES) hono.get(route, (c) => c.text(route))
    const onHono = serve({ fetch: hono.fetch, port: 0, hostname: '127.0.0.1' })
    closing.push(() => onHono.close())

    const router = new Router()
    for (const route of ROUTES)
      router.get(route.replace('*', '*rest'), (ctx) => {
        ctx.body = route
      })
    const onKoa = new Koa().use(router.routes()).listen(0, '127.0.0.1')
    closing.push(() => onKoa.close())
    await Promise.all(
      [onExpress, onKoa, onHono].map(
        (server) => new Promise<void>((done) => (server.listening ? done() : server.once('listening', () => done()))),
      ),
    )
    const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port
    Object.assign(ports, { express: portOf(onExpress), fastify: portOf(onFastify.server), hono: portOf(onHono), koa: portOf(onKoa) })
  })
  afterAll(async () => {
    await Promise.all(closing.map((close) => close()))
  })

  const part = fc.constantFrom(
    'login',
    'LOGIN',
    'lo%67in',
    'users',
    'Users',
    'files',
    'v1',
    'V1',
    'a',
    '..',
    '.',
    '%2e%2e',
    '%2e',
    '',
    'a%2fb',
    'a%5cb',
    'a;b',
    'login;x',
    '%zz',
    '%25',
    'x',
  )
  const join = fc.constantFrom('/', '/', '/', '/', '//', '\\', '/./', '/../')
  const odd = fc.tuple(part, fc.array(fc.tuple(join, part), { maxLength: 4 })).map(([first, more]) => `/${first}${more.flat().join('')}`)

  test.each(['express', 'fastify', 'hono', 'koa'])('%s', async (name) => {
    const rules = indexOf<string>()
    for (const route of ROUTES) rules.add(route, false, route)
    let served = 0
    await fc.assert(
      fc.asyncProperty(fc.array(odd, { minLength: 8, maxLength: 8 }), async (targets) => {
        const answers = await pipelined(ports[name] as number, targets)
        for (const [i, target] of targets.entries()) {
          const body = answers[i]
          if (!ROUTES.includes(body as never)) continue
          served += 1
          expect(rules.find(target).includes(body as string), `${target} is served by ${body}`).toBe(true)
        }
      }),
      { numRuns: 150 },
    )
    expect(served).toBeGreaterThan(20)
  })
})

/** Sends raw targets over one connection, since any client would tidy them up, and returns the bodies. */
function pipelined(port: number, targets: readonly string[]): Promise<readonly (string | undefined)[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const heads = targets.map(
      (target, i) => `GET ${target} HTTP/1.1\r\nHost: x\r\n${i === targets.length - 1 ? 'Connection: close\r\n' : ''}\r\n`,
    )
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (text += chunk))
    socket.once('error', reject)
    socket.once('close', () => {
      const answers = text.split(/(?=HTTP\/1\.1 \d{3} )/)
      resolve(targets.map((_, i) => /\r\n\r\n(?:[\da-f]+\r\n)?([^\r\n]*)/.exec(answers[i] ?? '')?.[1]))
    })
    socket.write(heads.join(''))
  })
}
