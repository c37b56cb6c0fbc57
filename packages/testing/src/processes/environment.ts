/// <reference types="node" />
/**
 * The variables of this process without those of Sluice. To a service they are settings: it refuses to start with `SLUICE_FAULTS` of a test run.
 */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SLUICE_')))
}
