import { describe, expect, it } from 'vitest'
import { expressRoute } from '../../src/http/express-route.ts'

// Layers as the versions of Express make them. Real applications: packages/express/test/route.test.ts.
const route = { path: '/login' }
const layers = (...stack: readonly object[]) => ({ stack: [{ handle: () => undefined }, ...stack] })
const routed = layers({ route, handle: () => undefined })
const express5 = (mount: object) => ({ router: layers({ ...mount, handle: routed }) })
const express4 = (regexp: RegExp, keys: readonly object[] = []) => ({ _router: layers({ regexp, keys, handle: routed }), lazyrouter: true })

describe('F01: the pattern of a route has no text of the request', () => {
  it.each([
    ['Express 5, a path', express5({ rawPath: '/auth/:id' }), '/auth/:id/login'],
    ['Express 5, several paths', express5({ rawPath: ['/a', '/b'] }), '/a,/b/login'],
    ['Express 5, an expression', express5({ rawPath: /^\/v\d+/ }), '/^\\/v\\d+//login'],
    ['Express 5, no path', express5({ rawPath: '/', slash: true }), '/login'],
    ['Express 5 with a router before 2.3, whose layers have no pattern', express5({ slash: false }), '/#1/login'],
    ['Express 4, a path', express4(/^\/auth\/?(?=\/|$)/i), '/auth/login'],
    [
      'Express 4, parameters',
      express4(/^\/a(?:\/([^/]+?))\/b(?:\/([^/]+?))\/?(?=\/|$)/i, [{ name: 'x' }, { name: 'y' }]),
      '/a/:x/b/:y/login',
    ],
    ['Express 4, an expression', express4(/^\/v\d+/), '^\\/v\\d+/login'],
    ['Express 4, no path', express4(Object.assign(/^\/?(?=\/|$)/i, { fast_slash: true })), '/login'],
    ['a router that no layer has', { router: layers() }, '*/login'],
    ['an application without routes', {}, '*/login'],
  ])('%s', (_, app, expected) => {
    expect(expressRoute(route, app)).toBe(expected)
    expect(expressRoute(route, app)).toBe(expected)
  })
  it('has both places of a router that is mounted twice', () => {
    const app = { router: layers({ rawPath: '/a', handle: routed }, { rawPath: '/b', handle: routed }) }
    expect(expressRoute(route, app)).toBe('/a/login|/b/login')
  })
  it('has the places of an application in others', () => {
    const outer = { router: layers(), mountpath: '/' }
    const middle = { router: layers(), mountpath: ['/m', '/n'], parent: outer }
    expect(expressRoute(route, { router: routed, mountpath: '/inner', parent: middle })).toBe('/m,/n/inner/login')
  })
  it('ends where a router is mounted in itself', () => {
    const router: { stack: object[] } = { stack: [{ route }] }
    router.stack.push({ rawPath: '/again', handle: router })
    expect(expressRoute(route, { router })).toBe('/login|/again/login')
  })
  it('is * before the path without an application', () => {
    expect(expressRoute(route, undefined)).toBe('*/login')
  })
})
