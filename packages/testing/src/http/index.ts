// The server's side of httpConformance() where there is no Node and no test runner: what is imported here runs, and can be
// bundled, for any runtime.

export { type CaseServer, type CaseServerOptions, caseServer, CONTROL } from './case-server.ts'
export type { Answer, AppSpec, Feature, Mount, Reader, Route, Seen } from './adapter.ts'
