/// <reference types="node" />
import { spawnSync } from 'node:child_process'
import { prometheusBinary } from './binary.ts'

/**
 * Runs promtool. Returns its output; throws with it if promtool fails.
 * @param input what it reads, such as a scrape for `check metrics`
 */
export function promtool(args: readonly string[], { cwd, input }: { readonly cwd?: string; readonly input?: string } = {}): string {
  const { status, stdout, stderr, error } = spawnSync(prometheusBinary('promtool'), args, {
    cwd,
    input,
    encoding: 'utf8',
    timeout: 120_000,
  })
  const output = `${stdout ?? ''}${stderr ?? ''}${error ?? ''}`.trim()
  if (status !== 0) throw new Error(`promtool ${args.join(' ')}:\n${output}`)
  return output
}
