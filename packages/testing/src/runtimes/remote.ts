/// <reference types="node" />
import type { Feature, AbortBy, HttpAdapter, ContextReader } from '../http/adapter.ts'
import { type Command, CONTROL_PATH, type ServerReport } from '../http/case-server.ts'

export interface RemoteOptions {
  /** The address of a server that uses `caseServer()`, without a slash at the end. */
  readonly url: string
  /** The name of a store in the `stores` of that `caseServer()`. */
  readonly store: string
  /** The features that the framework does not have. Default: none. */
  readonly unsupported?: readonly Feature[] | undefined
  /** How clients abort. Default `close`. */
  readonly abortBy?: AbortBy | undefined
}

/**
 * An adapter of httpConformance() for a server in another process or runtime. That server builds the same apps from the same
 * cases by `caseServer()` of `@sluice/testing/http`.
 *
 * @example
 * ```ts
 * import { httpConformance } from '@sluice/testing'
 * import { remoteAdapter, startRuntime } from '@sluice/testing/runtimes'
 * import { afterAll } from 'vitest'
 *
 * const bun = await startRuntime('bun', new URL('./case-server-bun.ts', import.meta.url))
 * afterAll(() => bun.stop())
 *
 * httpConformance('my framework on Bun', remoteAdapter({ url: bun.url, store: 'memory' }))
 * ```
 */
export function remoteAdapter({ url, store, unsupported, abortBy }: RemoteOptions): HttpAdapter {
  const send = async (command: Command): Promise<ServerReport> => {
    const response = await fetch(url + CONTROL_PATH, { method: 'POST', body: JSON.stringify(command) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${JSON.stringify(command)}: ${response.status} ${text}`)
    return JSON.parse(text) as ServerReport
  }
  return {
    read: NO_READER,
    unsupported,
    abortBy,
    async serve({ id }) {
      await send({ do: 'start', id, store })
      return {
        url,
        close: async () => void (await send({ do: 'end' })),
        control: {
          advance: async (ms) => void (await send({ do: 'advance', ms })),
          open: async (gate) => void (await send({ do: 'open', gate })),
          log: async () => {
            const { unhandled: _, ...log } = await send({ do: 'log' })
            return log
          },
          unhandled: async () => (await send({ do: 'log' })).unhandled,
        },
      }
    },
  }
}

const notHere = (): never => {
  throw new Error('remoteAdapter: the app of this case runs in another process, so its requests cannot be read here')
}
const NO_READER: ContextReader = {
  method: notHere,
  path: notHere,
  header: notHere,
  decision: notHere,
  responseHeader: notHere,
  reply: notHere,
}
