import type { ServerConfig } from '../config/config.ts'
import { partsOf } from '../config/parts.ts'
import { settingsOf } from '../options.ts'
import { type RunningService, type Shared, start } from '../serve.ts'

/** Starts what a configuration says. `close` also ends the connections behind it. @param log gets a line for each document that comes into force */
export async function startConfigured(config: ServerConfig, log: (line: string) => void, shared?: Shared): Promise<RunningService> {
  const parts = await partsOf(config)
  const change = ({ document }: { readonly document: { readonly namespace: string; readonly revision: number } }): void =>
    log(`namespace ${document.namespace}: revision ${document.revision} is in force`)
  try {
    const settings = settingsOf({ ...parts.options, feed: { ...parts.options.feed, ...(parts.options.policies && { on: { change } }) } })
    const service = await start(settings, shared)
    return { ...service, close: () => service.close().then(() => parts.close()) }
  } catch (error) {
    await parts.close()
    throw error
  }
}
