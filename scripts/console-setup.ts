// Vitest builds the console once before the tests of @sluice/server, so that none runs against a stale page.
export { buildConsole as setup } from './console.ts'
