import { stringify } from 'yaml'
import type { ServerConfig } from './config.ts'
import { SETTINGS } from './settings.ts'
import { put, type Tree, valueAt } from './values.ts'

const MASK = '***'

/**
 * A configuration as YAML, which `--config` takes again, with a mask in place of each secret.
 * @example
 * ```ts
 * import { configOf, printedConfig } from '@sluice/server'
 *
 * console.log(printedConfig(await configOf({ env: process.env })))
 * ```
 */
export function printedConfig(config: ServerConfig): string {
  const shown: Tree = {}
  for (const { path, isSecret } of SETTINGS) {
    const value = valueAt(config, path)
    if (value !== undefined) put(shown, path, isSecret ? MASK : masked(value))
  }
  return Object.keys(shown).length === 0 ? '# Every setting has its default.\n' : stringify(shown, { lineWidth: 0 })
}

/** Without what stands between `//` and `@`, and without the digests of tokens. */
function masked(value: unknown): unknown {
  if (typeof value === 'string')
    return value.replace(/(\/\/[^/@:]*):[^/@]*@/, `$1:${MASK}@`).replace(/([?&](?:password|token|secret)=)[^&]*/gi, `$1${MASK}`)
  if (Array.isArray(value)) return value.map(masked)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, name === 'sha256' ? MASK : masked(each)]))
}
