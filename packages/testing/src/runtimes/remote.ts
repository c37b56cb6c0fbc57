/// <reference types="node" />
import type { Feature, HangUp, HttpAdapter, Reader } from '../http/adapter.ts'
import { type Command, CONTROL, type Told } from '../http/case-server.ts'

export interface RemoteOptions {
  /** Where a server with a `caseServer()` answers. */
  readonly url: string
  /** What that calls the store. */
  readonly store: string
  readonly lacks?: readonly Feature[] | undefined
  readonly hangUp?: HangUp | undefined
}

/** Drives a server in another process or another runtime, which builds the same apps from the same cases. */
export function remoteAdapter({ url, store, lacks, hangUp }: RemoteOptions): HttpAdapter {
  const ask = async (command: Command): Promise<Told> => {
    const response = await fetch(url + CONTROL, { method: 'POST', body: JSON.stringify(command) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${JSON.stringify(command)}: ${response.status} ${text}`)
    return JSON.parse(text) as Told
  }
  return {
    read: NOBODYS,
    lacks,
    hangUp,
    async serve({ id }) {
      await ask({ do: 'start', id, store })
      return {
        url,
        close: async () => void (await ask({ do: 'end' })),
        control: {
          advance: async (ms) => void (await ask({ do: 'advance', ms })),
          open: async (gate) => void (await ask({ do: 'open', gate })),
          heard: async () => {
            const { unhandled: _, ...heard } = await ask({ do: 'heard' })
            return heard
          },
          unhandled: async () => (await ask({ do: 'heard' })).unhandled,
        },
      }
    },
  }
}

const nobody = (): never => {
  throw new Error('The app of this case is in another process.')
}
const NOBODYS: Reader = { method: nobody, path: nobody, header: nobody, decision: nobody, responseHeader: nobody, reply: nobody }
