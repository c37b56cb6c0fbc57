import { EventEmitter } from 'node:events'
import { nodeHeader, type NodeResponse, type NodeSocket, proceed, whenClosed } from '@sluice/core/adapter-kit'
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
})

describe('proceed', () => {
  afterEach(() => void vi.useRealTimers())
  const admission = { pass: true, headers: [], decision: undefined } as const
  test.each([
    ['whole', { writableEnded: true, writableFinished: true }, 200],
    ['cut off under HTTP/1.1', { writableEnded: true, writableFinished: false }, undefined],
    ['cut off under HTTP/2', { writableEnded: false, writableFinished: true }, undefined],
  ])('calls `done` with the status that the client received: %s', (_name, changes, status) => {
    const res = response()
    const done = vi.fn<(status: number | undefined) => void>()
    const next = vi.fn<() => void>()
    proceed({ ...admission, delay: 0, done }, res, 'the response', next)
    expect(next).toHaveBeenCalledTimes(1)
    Object.assign(res, changes).emit('close')
    expect(done.mock.calls).toEqual([[status, 'the response']])
  })
  test('waits for the delay, and does not go on when the client leaves before its end', () => {
    vi.useFakeTimers()
    const [gone, stays] = [response(), response()]
    const next = vi.fn<(isGone: boolean) => void>()
    for (const res of [gone, stays]) proceed({ ...admission, delay: 5, done: undefined }, res, undefined, () => next(res === gone))
    gone.emit('close')
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(4)
    expect(next).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(next.mock.calls).toEqual([[false]])
  })
})

test('nodeHeader joins the lines of a header that Node keeps as a list', () => {
  expect(nodeHeader({ 'set-cookie': ['a=1', 'b=2'], host: 'x' }, 'set-cookie')).toBe('a=1, b=2')
  expect([nodeHeader({ host: 'x' }, 'host'), nodeHeader({}, 'host')]).toEqual(['x', undefined])
})
