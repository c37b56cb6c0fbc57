// Whole requests as bytes: what a client can write on a socket.
import { connect } from 'node:net'
import fc from 'fast-check'
import { address, forwarded, text } from './inputs.ts'

/** A request, and the id by which a server records what it did with it. */
export interface WireRequest {
  readonly id: string
  readonly method: string
  readonly target: string
  readonly version: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

/** Bytes: what is not Latin-1 would be cut to one byte, and a line break would begin another header. */
const bytes = (texts: fc.Arbitrary<string>) =>
  texts.map((value) =>
    Buffer.from(value)
      .toString('latin1')
      .replaceAll(/[\r\n]/g, ' '),
  )

const method = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('GET', 'POST', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'DELETE') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('TRACE', 'CONNECT', 'PATCH', 'QUERY', 'PROPFIND', 'M-SEARCH', 'TRACK', 'get', 'Post', 'FOO', '', 'GET\t'),
  },
)

const target = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('/', '/users/1', '/users/2?x=1', '/nowhere') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '/%',
      '/%zz',
      '/users/%',
      '/users/%E0%A4%A',
      '/users/%00',
      '/users/%2e%2e%2f',
      '/users/__proto__',
      '/../..',
      '//',
      '//users/1',
      '//evil.example/users/1',
      '///',
      '/USERS/1',
      '/users/1/',
      '/users//1',
      '/\\users\\1',
      '/users/1#part',
      '/?a[b]=%&__proto__[x]=1',
      '*',
      '?x',
      '',
      'users/1',
      'http://sluice.test/users/1',
      'http://sluice.test',
      'http://',
      'http:///users/1',
      'http://[::bad/users/1',
      'http://sluice.test:99999/users/1',
      'https://user:secret@evil.example/',
      'ftp://evil.example/',
      'javascript:1',
      'sluice.test:443',
    ),
  },
  { weight: 1, arbitrary: bytes(text).map((value) => `/${value.replaceAll(' ', '+')}`) },
  { weight: 1, arbitrary: bytes(text) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 20_000 }).map((length) => `/users/${'a'.repeat(length)}`) },
)

const json = fc.oneof(
  fc.constantFrom(
    'null',
    '[]',
    '{}',
    '1',
    '"a"',
    'true',
    '{"a":null}',
    '{"a":[]}',
    '{"a":"b"}',
    '{"a":{"b":null}}',
    '{"a":{"b":1e400}}',
    '{"a":{"b":{"toString":null}}}',
    '{"a":{"b":["x"]}}',
    '{"a":{"b":"ann"}}',
    '{"__proto__":{"b":1},"a":{"__proto__":{"b":"x"}}}',
    '{"constructor":{"prototype":{"b":1}}}',
    '[[["a"]]]',
    '{"a":',
    '{"a":{"b":"\\ud800"}}',
    '',
    ' ',
  ),
  fc.json(),
  fc.integer({ min: 1, max: 3_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  fc.integer({ min: 1, max: 60_000 }).map((length) => `{"a":{"b":"${'x'.repeat(length)}"}}`),
)
const body: fc.Arbitrary<readonly [string | undefined, string]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant([undefined, ''] as const) },
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constantFrom('application/json', 'application/json; charset=latin1', 'application/json; charset="', 'application/vnd.x+json'),
      bytes(json),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom('application/x-www-form-urlencoded', 'multipart/form-data', 'multipart/form-data; boundary=x', 'text/plain', ''),
      fc.oneof(fc.constantFrom('a.b=1&a[b]=2', '__proto__[b]=1', 'a[b][c][d][e][f][g][h]=1', '%', '--x\r\n\r\n--x--'), bytes(text)),
    ),
  },
)

const header: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('X-Forwarded-For', 'x-forwarded-for', 'X-Real-IP'), bytes(forwarded)) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('Forwarded'), bytes(forwarded)) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('X-Forwarded-Proto', 'X-Forwarded-Host', 'Host'), bytes(fc.oneof(address, text))) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('X-Api-Key', 'Authorization', 'Cookie'), bytes(text)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('Cookie'), bytes(text.map((value) => `session=${value}`))) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('__proto__', 'constructor', 'toString', 'Content-Type'), bytes(text)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('X-Refused'), fc.constantFrom('a', 'b')) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('Access-Control-Request-Method'), fc.constantFrom('GET', 'x', '')) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ['Expect', '100-continue'],
      ['Expect', 'nonsense'],
      ['Content-Encoding', 'gzip'],
      ['Content-Encoding', 'nonsense'],
      ['Transfer-Encoding', 'nonsense'],
      ['Upgrade', 'h2c'],
      ['Upgrade', 'websocket'],
      ['Range', 'bytes=9-1'],
      ['If-None-Match', '*'],
      ['Content-Length', '-1'],
    ),
  },
)

const UPGRADE = [
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'c2x1aWNlc2x1aWNlc2x1aQ=='],
] as const

let requests = 0

/** Any request. Most get past the parser of Node's server. */
export const wireRequest: fc.Arbitrary<WireRequest> = fc
  .record({
    method,
    target,
    version: fc.oneof({ weight: 12, arbitrary: fc.constant('1.1') }, { weight: 1, arbitrary: fc.constantFrom('1.0', '2.0', '') }),
    body,
    host: fc.oneof(
      { weight: 12, arbitrary: fc.constant('sluice.test') },
      { weight: 1, arbitrary: fc.constantFrom(undefined, '', 'a b', '[::1', 'sluice.test:0', 'sluice.test/x@evil.example', 'é') },
    ),
    headers: fc.array(header, { maxLength: 5 }),
    connection: fc.constantFrom('close', 'close', 'close', 'upgrade', 'keep-alive, Upgrade'),
  })
  .map(({ method, target, version, body: [type, content], host, headers, connection }) => {
    const fixed: (readonly [string, string])[] = []
    if (host !== undefined) fixed.push(['Host', host])
    fixed.push(['Connection', connection])
    if (connection !== 'close') fixed.push(...UPGRADE)
    if (type !== undefined) fixed.push(['Content-Type', type], ['Content-Length', String(content.length)])
    return { id: '', method, target, version, headers: [...fixed, ...headers], body: content }
  })

/** The same request with an id of its own, since one input may be sent several times. */
export function withId(request: WireRequest): WireRequest {
  requests += 1
  return { ...request, id: `fuzz-${requests}` }
}

export function textOf({ id, method, target, version, headers, body }: WireRequest): string {
  const lines = [['X-Fuzz', id] as const, ...headers].map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${target} HTTP/${version}\r\n${lines.join('')}\r\n${body}`
}

/** ms after which a request counts as unanswered: the server waits for the rest of its body. */
const PATIENCE = 5_000

/** Sends a request on a connection of its own. Resolves with the status of the answer; 0: the connection was closed, or nothing came. */
export function statusOf(port: number, request: WireRequest): Promise<number> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(textOf(request), 'latin1'))
    const end = (status: number) => {
      socket.destroy()
      resolve(status)
    }
    socket.setTimeout(PATIENCE, () => end(0))
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      received += chunk
      // An interim answer comes before the final one.
      const heads = received.matchAll(/HTTP\/1\.1 (\d{3})[^]*?\r\n\r\n/g)
      const final = [...heads].map(([, status]) => Number(status)).find((status) => status !== 100)
      if (final !== undefined) end(final)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => end(0))
  })
}
