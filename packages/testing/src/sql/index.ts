// Entry `@sluice/testing/sql`: real database servers for tests. They end with the test process, even when it is killed.

export { sqlServerFolder } from './binary.ts'
export { type SqlServer, startMariadb, startPostgres } from './server.ts'
