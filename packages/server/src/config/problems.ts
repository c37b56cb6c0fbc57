import { SluiceError } from '@sluice/core'

/** What is wrong with the configuration, and where it was said. */
export interface ConfigProblem {
  /** Such as `sluice-server.yaml, line 3: http.listen`, `SLUICE_WORKERS` or `--workers`. */
  readonly where: string
  readonly message: string
}

const MAX_SHOWN = 10

/** @returns ERR_CONFIG_INVALID with all problems, one a line */
export function configError(problems: readonly ConfigProblem[]): SluiceError {
  const lines = problems.slice(0, MAX_SHOWN).map(({ where, message }) => `  ${where}: ${message}`)
  if (problems.length > lines.length) lines.push(`  and ${problems.length - lines.length} more`)
  return new SluiceError('ERR_CONFIG_INVALID', `the configuration is not valid, so the service does not start:\n${lines.join('\n')}\n`)
}
