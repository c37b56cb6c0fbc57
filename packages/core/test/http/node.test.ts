import { EventEmitter, once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  continueAfter,
  followNodeResponse,
  nodeHeader,
  type NodeResponse,
  type NodeSocket,
  setNodeHeaders,
  whenClosed,
} from '@sluice/core/adapter-kit'
import { afterEach, describe, expect, test, vi } from 'vitest'

class FakeResponse extends EventEmitter implements NodeResponse {
  statusCode = 200
  headersSent = false
  writableEnded = false
  writableFinished = false
  destroyed: boolean | undefined = false
  socket: NodeSocket | null | undefined = undefined
  req: { socket: NodeSocket } | undefined
  stream: { destroyed: boolean } | undefined
  setHeader(): void {}
}

const response = (changes: Partial<FakeResponse> = {}) => Object.assign(new FakeResponse(), changes)

describe('whenClosed', () => {
  test.each([
    ['HTTP/1.1', { destroyed: true }],
    ['HTTP/2, whose response has no `destroyed`', { destroyed: undefined, stream: { destroyed: true } }],
    ['a pipelined request whose connection has closed', { socket: null, req: { socket: { destroyed: true } } }],
  ])('a response that is closed already: at once (%s)', (_name, changes) => {
    const run = vi.fn<() => void>()
    whenClosed(response(changes), run)
    expect(run).toHaveBeenCalledTimes(1)
  })
  test('an open response: with its `close` event', () => {
    const res = response()
    const run = vi.fn<() => void>()
    whenClosed(res, run)
    expect(run).not.toHaveBeenCalled()
    res.emit('close')
    expect(run).toHaveBeenCalledTimes(1)
  })
  test('pipelined requests: with the connection, which has one listener for all of them', () => {
    const socket = new EventEmitter()
    const runs = Array.from({ length: 20 }, () => vi.fn<() => void>())
    const all = runs.map(() => response({ socket: null, req: { socket } }))
    all.forEach((res, i) => whenClosed(res, runs[i] as never))
    expect(socket.listenerCount('close')).toBe(1)
    all[0]?.emit('close')
    socket.emit('close')
    expect(runs.map((run) => run.mock.calls.length)).toEqual(runs.map(() => 1))
  })
  test('F11: a response that never emits `close`: with its connection, once', () => {
    const socket = new EventEmitter()
    const run = vi.fn<() => void>()
    const res = response({ socket, req: { socket } })
    whenClosed(res, run)
    socket.emit('close')
    res.emit('close')
    expect(run).toHaveBeenCalledTimes(1)
  })
  test('F11: a connection of many requests has one listener, and keeps nothing of those that have ended', () => {
    const socket = new EventEmitter()
    const runs = Array.from({ length: 20 }, () => vi.fn<() => void>())
    for (const run of runs) {
      const res = response({ socket, req: { socket } })
      whenClosed(res, run)
      res.emit('close')
    }
    expect(socket.listenerCount('close')).toBe(1)
    socket.emit('close')
    expect(runs.map((run) => run.mock.calls.length)).toEqual(runs.map(() => 1))
  })
  test('P6: a simulated request without a connection', () => {
    const run = vi.fn<() => void>()
    const res = response({ req: {} as never })
    whenClosed(res, run)
    expect(run).not.toHaveBeenCalled()
    res.emit('close')
    expect(run).toHaveBeenCalledTimes(1)
  })
})

describe('followNodeResponse', () => {
  const real = { remoteAddress: undefined }
  test.each([
    ['whole', { writableEnded: true, writableFinished: true }, 200],
    ['cut off under HTTP/1.1', { writableEnded: true, writableFinished: false, socket: real }, undefined],
    ['cut off before its turn', { writableEnded: true, writableFinished: false, socket: null }, undefined],
    ['cut off under HTTP/2', { writableEnded: false, writableFinished: true }, undefined],
    ['F15: simulated, and ended', { writableEnded: true, writableFinished: false, socket: {} }, 200],
    ['F15: simulated, and cut off', { writableEnded: false, writableFinished: false, socket: {} }, undefined],
  ])('calls `done` with the status that the client received: %s', (_name, changes, status) => {
    const res = response()
    const done = vi.fn<(status: number | undefined) => void>()
    followNodeResponse(res, { pass: true, headers: [], decision: undefined, delay: 0, done }, 'the response')
    Object.assign(res, changes).emit('close')
    expect(done.mock.calls).toEqual([[status, 'the response']])
  })
})

describe('continueAfter', () => {
  afterEach(() => void vi.useRealTimers())
  test('without a delay: at once', () => {
    const next = vi.fn<() => void>()
    continueAfter(0, response(), next)
    expect(next).toHaveBeenCalledTimes(1)
  })
  test('waits for the delay, and does not go on when the client leaves before its end', () => {
    vi.useFakeTimers()
    const [gone, stays] = [response(), response()]
    const next = vi.fn<(isGone: boolean) => void>()
    for (const res of [gone, stays]) continueAfter(5, res, () => next(res === gone))
    gone.emit('close')
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(4)
    expect(next).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(next.mock.calls).toEqual([[false]])
  })
})

describe('F24: names that others expose', () => {
  const EXPOSE = 'Access-Control-Expose-Headers'
  /** A server whose handler gets the response when the limiter has set its headers. */
  const exposed = async (handler: (res: ServerResponse) => void, before?: string): Promise<string | null> => {
    const server = createServer((_req, res) => {
      if (before !== undefined) res.setHeader(EXPOSE, before)
      setNodeHeaders(res, [
        ['RateLimit', '"a";r=1'],
        [EXPOSE, 'RateLimit'],
      ])
      setNodeHeaders(res, [[EXPOSE, 'RateLimit, Retry-After']])
      handler(res)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { headers } = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    server.close()
    server.closeAllConnections()
    return headers.get(EXPOSE)
  }
  const all = 'X-Total, RateLimit, Retry-After'
  test.each<readonly [string, (res: ServerResponse) => void]>([
    ['setHeader', (res) => void res.setHeader(EXPOSE, 'X-Total').end()],
    ['setHeader with a list', (res) => void res.setHeader(EXPOSE, ['X-Total', 'retry-after']).end()],
    ['writeHead with an object', (res) => void res.writeHead(200, { 'access-control-expose-headers': 'X-Total' }).end()],
    ['writeHead with a text and an object', (res) => void res.writeHead(200, 'Fine', { [EXPOSE]: 'X-Total' }).end()],
    ['writeHead with a list', (res) => void res.writeHead(200, ['X-A', '1', EXPOSE, 'X-Total']).end()],
    ['setHeader, and writeHead with other headers', (res) => void res.setHeader(EXPOSE, 'X-Total').writeHead(200, { 'X-A': '1' }).end()],
    ['write', (res) => (res.setHeader(EXPOSE, 'X-Total'), res.write('a'), void res.end())],
    ['flushHeaders', (res) => (res.setHeader(EXPOSE, 'X-Total'), res.flushHeaders(), void res.end())],
  ])('after the limiter, by %s', async (name, handler) => {
    expect(await exposed(handler)).toBe(name.endsWith('a list') && name.startsWith('set') ? 'X-Total, retry-after, RateLimit' : all)
  })
  test('before the limiter', async () => {
    expect(await exposed((res) => void res.end(), 'X-Total')).toBe(all)
    expect(await exposed((res) => void res.end(), '')).toBe('RateLimit, Retry-After')
  })
  test('by no one', async () => {
    expect(await exposed((res) => void res.end())).toBe('RateLimit, Retry-After')
  })
  test('a response that cannot write a head: they are set at once', () => {
    const set: unknown[] = []
    setNodeHeaders(response({ setHeader: (...header: unknown[]) => void set.push(header) }), [[EXPOSE, 'RateLimit']])
    expect(set).toEqual([[EXPOSE, 'RateLimit']])
  })
})

test('nodeHeader joins the lines of a header that Node keeps as a list', () => {
  expect(nodeHeader({ 'set-cookie': ['a=1', 'b=2'], host: 'x' }, 'set-cookie')).toBe('a=1, b=2')
  expect([nodeHeader({ host: 'x' }, 'host'), nodeHeader({}, 'host')]).toEqual(['x', undefined])
})
