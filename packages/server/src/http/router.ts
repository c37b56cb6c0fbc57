import { quoted } from '@sluice/core/adapter-kit'
import { problem } from './answers.ts'
import type { Answer, Exchange, Route } from './route.ts'

/** Finds the route of a request, and answers where there is none. */
export class Router {
  private readonly exact = new Map<string, Map<string, Route>>()
  private readonly prefixes: { readonly prefix: string; readonly route: Route }[] = []
  private readonly patterns: { readonly segments: readonly string[]; readonly route: Route }[] = []

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      if (route.method === '*') this.prefixes.push({ prefix: route.path.slice(0, -2), route })
      else if (route.path.includes('/:')) this.patterns.push({ segments: route.path.split('/'), route })
      else this.exact.set(route.path, (this.exact.get(route.path) ?? new Map<string, Route>()).set(route.method, route))
    }
  }

  /**
   * The route of a request with its parameters, or the answer where there is none.
   * @param target as it was sent. With `..` in it, a client of a gateway could otherwise choose another endpoint of the service.
   * @param path of the URL, without `..`
   */
  find(given: string, target: string, path: string): { readonly route: Route; readonly params: Exchange['params'] } | Answer {
    const above = this.prefixes.find(({ prefix }) => isBelow(target, prefix))
    if (above !== undefined) return { route: above.route, params: NONE }
    const method = given === 'HEAD' ? 'GET' : given
    const methods = this.exact.get(path)
    const route = methods?.get(method)
    if (route !== undefined) return { route, params: NONE }
    const matches = this.patterns.flatMap(({ segments, route: each }) => {
      const params = paramsOf(segments, path)
      return params === undefined ? [] : [{ route: each, params }]
    })
    const match = matches.find((each) => each.route.method === method)
    if (match !== undefined) return match
    const allowed = [...(methods?.keys() ?? []), ...matches.map((each) => each.route.method)]
    if (allowed.length === 0) return problem(404, 'There is no such endpoint.')
    return { ...problem(405, `Expected ${allowed.join(' or ')}, got ${quoted(method)}.`), headers: [['Allow', allowed.join(', ')]] }
  }
}

const NONE: Exchange['params'] = Object.freeze({})

function isBelow(target: string, prefix: string): boolean {
  return target.startsWith(prefix) && ['/', '?', undefined].includes(target[prefix.length])
}

function paramsOf(segments: readonly string[], path: string): Readonly<Record<string, string>> | undefined {
  const parts = path.split('/')
  if (parts.length !== segments.length) return undefined
  const params: Record<string, string> = {}
  for (const [i, segment] of segments.entries()) {
    const part = parts[i] as string
    if (!segment.startsWith(':')) {
      if (segment !== part) return undefined
      continue
    }
    try {
      params[segment.slice(1)] = decodeURIComponent(part)
    } catch {
      return undefined
    }
  }
  return params
}
