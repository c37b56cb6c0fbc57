import { followResponse, withWaitUntil, whenAborted, whenBodyEnds, withHeaders } from '@sluice/core/adapter-kit'
import { afterEach, describe, expect, it, vi } from 'vitest'

/** A body of these parts. It records what is read from it, and with an error it fails after the last part. */
function bodyOf(parts: readonly string[], notes: string[] = [], failure?: Error): ReadableStream<Uint8Array> {
  const left = parts.map((part) => new TextEncoder().encode(part))
  return new ReadableStream(
    {
      pull(controller) {
        const part = left.shift()
        notes.push(part === undefined ? 'end' : 'pull')
        if (part !== undefined) controller.enqueue(part)
        else if (failure === undefined) controller.close()
        else controller.error(failure)
      },
      cancel: (reason) => void notes.push(`cancel ${String(reason)}`),
    },
    { highWaterMark: 0 },
  )
}

function tracked(response: Response) {
  const ends: boolean[] = []
  return { ends, response: whenBodyEnds(response, (whole) => ends.push(whole)) }
}

describe('whenBodyEnds', () => {
  it('reports the end when the last byte has been read, not before, and reads nothing ahead', async () => {
    const notes: string[] = []
    const { ends, response } = tracked(new Response(bodyOf(['one', 'two'], notes)))
    const reader = response.body!.getReader()
    expect([notes, ends]).toEqual([[], []])
    await reader.read()
    await reader.read()
    expect([notes, ends]).toEqual([['pull', 'pull'], []])
    expect((await reader.read()).done).toBe(true)
    expect([notes, ends]).toEqual([['pull', 'pull', 'end'], [true]])
  })

  it('keeps status, text, headers and bytes, of a response with immutable headers too', async () => {
    const { response } = tracked(new Response('ö'.repeat(100_000), { status: 201, statusText: 'Made', headers: { 'x-a': '1' } }))
    expect([response.status, response.statusText, response.headers.get('x-a')]).toEqual([201, 'Made', '1'])
    expect(await response.text()).toBe('ö'.repeat(100_000))
    const fetched = tracked(await fetch('data:text/plain,hello'))
    expect([await fetched.response.text(), fetched.ends]).toEqual(['hello', [true]])
  })

  it('keeps the lines of a header that comes twice', () => {
    const headers = new Headers([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ])
    expect(tracked(new Response('x', { headers })).response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })

  it('a reader that cancels: one report, and the source is cancelled', async () => {
    const notes: string[] = []
    const { ends, response } = tracked(new Response(bodyOf(['one', 'two'], notes)))
    const reader = response.body!.getReader()
    await reader.read()
    await reader.cancel('enough')
    expect([notes, ends]).toEqual([['pull', 'cancel enough'], [false]])
  })

  it('cancelled while a part is awaited: one report, and no unhandled rejection', async () => {
    const ends: boolean[] = []
    const never = new ReadableStream({ pull: () => new Promise(() => undefined) })
    const response = whenBodyEnds(new Response(never), (whole) => ends.push(whole))
    const reader = response.body!.getReader()
    const read = reader.read()
    await reader.cancel()
    expect([(await read).done, ends]).toEqual([true, [false]])
  })

  it('a body that fails: one report, and the reader gets its error', async () => {
    const { ends, response } = tracked(new Response(bodyOf(['one'], [], new Error('broken'))))
    await expect(response.text()).rejects.toThrow('broken')
    expect(ends).toEqual([false])
  })

  it('no body has ended at once, and the response stays the same object', () => {
    const empty = new Response(null, { status: 204 })
    const { ends, response } = tracked(empty)
    expect([response === empty, ends]).toEqual([true, [true]])
  })

  it('a body that is being read already is not changed', () => {
    const taken = new Response('x')
    taken.body!.getReader()
    const { ends, response } = tracked(taken)
    expect([response === taken, ends]).toEqual([true, [false]])
  })
})

describe('a response that is never sent', () => {
  afterEach(() => void vi.useRealTimers())

  it('trap: held for ever: given up after a minute without a reader', () => {
    vi.useFakeTimers()
    const { ends } = tracked(new Response('x'))
    vi.advanceTimersByTime(59_999)
    expect(ends).toEqual([])
    vi.advanceTimersByTime(1)
    expect(ends).toEqual([false])
  })

  it('one that is being read may take longer', async () => {
    vi.useFakeTimers()
    const { ends, response } = tracked(new Response(bodyOf(['one', 'two'])))
    const reader = response.body!.getReader()
    await reader.read()
    vi.advanceTimersByTime(3_600_000)
    expect(ends).toEqual([])
    await reader.read()
    await reader.read()
    expect(ends).toEqual([true])
  })
})

describe('withHeaders, followResponse and withWaitUntil', () => {
  it('sets, and never appends, on a copy where it has to be one', async () => {
    const own = new Response('x', { headers: { 'x-a': '0' } })
    expect(withHeaders(own, [['X-A', '1']])).toBe(own)
    expect(own.headers.get('x-a')).toBe('1')
    const fetched = await fetch('data:text/plain,hello')
    const copy = withHeaders(fetched, [['X-A', '1']])
    expect([copy === fetched, copy.headers.get('x-a'), await copy.text()]).toEqual([false, '1', 'hello'])
    const failed = Response.error()
    expect(withHeaders(failed, [['X-A', '1']])).toBe(failed)
  })

  it('HEAD has ended when it is answered', async () => {
    const reported: unknown[] = []
    const response = new Response('x')
    expect(followResponse(response, (status) => void reported.push(status), 'HEAD')).toBe(response)
    expect(await followResponse(new Response('x', { status: 201 }), (status) => void reported.push(status), 'GET').text()).toBe('x')
    expect(reported).toEqual([200, 201])
  })

  it.each(['at once', 'later'])('a runtime waits until all is done (%s)', async (when) => {
    const work: Promise<void>[] = []
    const steps: string[] = []
    const settle = when === 'later' ? async () => void steps.push('done') : () => void steps.push('done')
    const done = withWaitUntil(settle, { waitUntil: (each) => void work.push(each) })
    expect(work).toHaveLength(1)
    void done(200)
    await work[0]
    expect(steps).toEqual(['done'])
    expect(withWaitUntil(settle, undefined)).toBe(settle)
  })

  it('is not shorter for a second event of the same end', async () => {
    const work: Promise<void>[] = []
    const steps: string[] = []
    let settled = (): void => undefined
    const settling = [new Promise<void>((resolve) => (settled = resolve))]
    // As the pipeline's: a later call has nothing to do.
    const done = withWaitUntil(() => settling.pop(), { waitUntil: (each) => void work.push(each) })
    const waited = work[0]!.then(() => steps.push('waited'))
    void done(undefined)
    void done(undefined)
    await new Promise(setImmediate)
    steps.push('settled')
    settled()
    await waited
    expect(steps).toEqual(['settled', 'waited'])
  })
})

describe('whenAborted', () => {
  it('reports a client that has disconnected, now or later, once; without a signal never', () => {
    const client = new AbortController()
    let reported = 0
    const report = () => (reported += 1)
    whenAborted(client.signal, report)
    whenAborted(undefined, report)
    expect(reported).toBe(0)
    client.abort()
    expect(reported).toBe(1)
    whenAborted(client.signal, report)
    expect(reported).toBe(2)
  })
})
