import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import { ClientDirectory } from './client-directory.ts'
import type { ClientDirectoryOptions } from './options.ts'

const TIMES = { ttl: 1, unknownTtl: 1, staleFor: 0, deadline: 0, timeout: 1 } as const

/**
 * Keeps the rows of a table of clients in memory. A request waits for the table only if its client is new, and never past the deadline.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { clientDirectory, type ClientTable, settingsReader } from '@sluice/policies'
 *
 * export async function report(table: ClientTable): Promise<void> {
 *   const directory = clientDirectory({ table, ttl: 60_000 })
 *   const settingsOf = settingsReader({ rps_limit: 'api.second' })
 *   const row = await directory.rowOf('acme')
 *   console.log(row === undefined ? 'unknown' : settingsOf(row), directory.health())
 * }
 * ```
 */
export function clientDirectory(options: ClientDirectoryOptions): ClientDirectory {
  const known = ['table', 'maxClients', ...Object.keys(TIMES), 'on', 'clock']
  knownOptions('clientDirectory', options, known)
  const { table, maxClients } = options
  if (typeof table?.load !== 'function') throw invalid('clientDirectory: table', 'a table such as sqlTable({ … })', table)
  if (maxClients !== undefined && !(Number.isSafeInteger(maxClients) && maxClients >= 1))
    throw invalid('clientDirectory: maxClients', 'a whole number, at least 1', maxClients)
  for (const [name, min] of Object.entries(TIMES)) {
    const value: unknown = options[name as keyof typeof TIMES]
    if (value !== undefined && !(typeof value === 'number' && Number.isFinite(value) && value >= min))
      throw invalid(`clientDirectory: ${name}`, `milliseconds, at least ${min}`, value)
  }
  return new ClientDirectory(options)
}
