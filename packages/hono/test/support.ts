import { fakeClock } from '@sluice/testing'
import { Hono } from 'hono'
import { afterEach } from 'vitest'
import { fixedWindow, memoryStore, type Store } from '../src/index.ts'
import { serveOnNode } from './on-node.ts'

export const START = 1_800_000_000_000
export const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

/** A memory store whose clock stands still. */
export const stoppedStore = () => memoryStore({ clock: fakeClock(START) })

export function storeOf(consume: Store['consume']): Store {
  return { name: 'custom', consume, reset: () => undefined }
}

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** Serves an app on a real socket until the test ends; returns its URL. */
export async function urlOf(app: Hono<any>): Promise<string> {
  const { url, close } = await serveOnNode(app)
  closing.push(close)
  return url
}

/** Serves an app on a real socket until the test ends; returns a function that sends a request. */
export async function served(app: Hono<any>): Promise<(path?: string, init?: RequestInit) => Promise<Response>> {
  const url = await urlOf(app)
  return (path = '/', init = {}) => fetch(url + path, { redirect: 'manual', ...init })
}

export const remainingOf = (response: Response) => response.headers.get('x-ratelimit-remaining')
