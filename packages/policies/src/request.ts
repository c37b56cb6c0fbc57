import type { MaybePromise } from '@sluice/core'

/** What a document is asked about a request. The functions read a framework's request, so that nothing is copied. */
export interface RequestView<C> {
  method(context: C): string
  /** The target of the request, as it came: the path, with or without query. */
  target(context: C): string
  host?(context: C): string | undefined
  /** The address of the client, after the proxies that are trusted. */
  address(context: C): string | undefined
  /** True where the request came through a proxy that is not trusted: its address is then that of the proxy, for every client. */
  isForwarded?(context: C): boolean
  /** `name` is in lower case. */
  header(context: C, name: string): string | undefined
  /** The pattern of the route, with its method; `undefined` where the framework has not matched it yet. */
  route?(context: C): string | undefined
  /** The parsed body; absent where bodies are not parsed. */
  body?(context: C): MaybePromise<unknown>
}

/** What the application says about a request, by name. */
export type Attributes = Readonly<Record<string, unknown>>

/** The value at a path of names, such as `user.id`. Reads own properties only. */
export function fieldOf(value: unknown, path: readonly string[]): unknown {
  let found = value
  for (let i = 0; i < path.length; i++) {
    const name = path[i] as string
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined
    found = (found as Attributes)[name]
  }
  return found
}
