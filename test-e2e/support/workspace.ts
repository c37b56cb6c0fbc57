import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT: string = join(import.meta.dirname, '..', '..')

/** The path of a tool's script, from the dependencies of the root. Run it with Node. */
export function binary(tool: string, name: string = tool): string {
  const folder = join(ROOT, 'node_modules', tool)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin: Record<string, string> }
  return join(folder, bin[name]!)
}
