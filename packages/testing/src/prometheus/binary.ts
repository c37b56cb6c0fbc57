/// <reference types="node" />
import { execFileSync } from 'node:child_process'

/** What each program is asked for by, and where another one may be named. */
const PROGRAMS = {
  prometheus: 'SLUICE_PROMETHEUS',
  promtool: 'SLUICE_PROMTOOL',
  'prometheus-alertmanager': 'SLUICE_ALERTMANAGER',
} as const

export type Program = keyof typeof PROGRAMS

/**
 * The path of a program: what its variable names, else the one on PATH.
 * @throws with how to install it. No test is skipped.
 */
export function prometheusBinary(name: Program): string {
  const variable = PROGRAMS[name]
  const binary = process.env[variable] || name
  try {
    execFileSync(binary, ['--version'], { stdio: 'ignore', timeout: 10_000 })
    return binary
  } catch {
    throw new Error(
      [
        `The tests need ${name}, and it does not run.`,
        'Debian, Ubuntu: sudo apt-get install --no-install-recommends prometheus prometheus-alertmanager',
        'macOS: brew install prometheus alertmanager',
        `anywhere: ${variable}=/path/to/${name}`,
      ].join('\n  '),
    )
  }
}
