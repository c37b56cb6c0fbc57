// A table of clients, for `clientDirectory` of `@sluice/policies`.
export { dynamoTable } from './dynamo-table.ts'
export type { DynamoClient, DynamoClientRow, DynamoTable, DynamoTableOptions } from './options.ts'
