const bodies = new WeakMap<Request, Promise<unknown>>()

/** The fields of a JSON or form body. A clone is read, so that the handler can still read the body. `undefined` if it cannot be parsed. */
export function parsedBody(request: Request): Promise<unknown> | undefined {
  const known = bodies.get(request)
  if (known !== undefined) return known
  const type = request.headers.get('content-type')?.toLowerCase() ?? ''
  const parse = type.includes('json') ? JSON.parse : type.includes('urlencoded') ? fieldsOf : undefined
  if (parse === undefined || request.bodyUsed) return undefined
  const body = read(request, parse)
  bodies.set(request, body)
  return body
}

async function read(request: Request, parse: (text: string) => unknown): Promise<unknown> {
  try {
    return parse(await request.clone().text())
  } catch {
    // `clone` throws where Node's server cannot make a `Request` of the URL that a client has sent.
    return undefined
  }
}

function fieldsOf(text: string): unknown {
  return Object.fromEntries(new URLSearchParams(text))
}
