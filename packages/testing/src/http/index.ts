// Entry `@sluice/testing/http`: the server's side of httpConformance(). It imports neither Node nor a test runner, so it can be
// bundled for any runtime.

export { type CaseServer, type CaseServerOptions, caseServer, CONTROL_PATH } from './case-server.ts'
export type { Answer, AppSpec, Feature, Mount, ContextReader, Route, HandlerInput } from './adapter.ts'
