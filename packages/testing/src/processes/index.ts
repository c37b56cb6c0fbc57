// Entry `@sluice/testing/processes`: child processes that end with the test process, even when it is killed.

export { plainEnvironment } from './environment.ts'
export { runSupervised, type SupervisedProcess } from './supervised-process.ts'
export { waitUntil } from './wait-until.ts'
export { runReadme } from './run-readme.ts'
