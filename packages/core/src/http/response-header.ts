/** A header of a response of Node, Fastify, Koa or the web; `undefined` if there is none. `name` is in lower case. */
export function responseHeader(response: unknown, name: string): string | undefined {
  if (typeof response !== 'object' || response === null) return undefined
  const value = valueIn(response, name)
  if (Array.isArray(value)) return value.join(', ')
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined
}

interface Response {
  getHeader?(name: string): unknown
  get?(name: string): unknown
  readonly headers?: { get?(name: string): unknown }
}

function valueIn(response: Response, name: string): unknown {
  if (response.getHeader !== undefined) return response.getHeader(name)
  return response.get === undefined ? response.headers?.get?.(name) : response.get(name)
}
