import type { Clock } from '@sluice/core'

/** The part of a `DynamoDBClient`, or of a `DynamoDBDocumentClient`, that is used. */
export interface DynamoClient {
  send(command: never, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>
}

/** The options of `dynamoTable`. */
export interface DynamoTableOptions {
  /** Your client of `@aws-sdk/client-dynamodb`, or of `@aws-sdk/lib-dynamodb`. It is neither closed nor changed. */
  readonly client: DynamoClient
  /** The name of the table, or its ARN. */
  readonly table: string
  /**
   * How the key of a client is made: the name of the partition key, whose value is the id; or a function that returns all parts of the key,
   * such as `(id) => ({ pk: 'CLIENT#' + id, sk: 'LIMITS' })`. Default: `client_id`.
   */
  readonly key?: string | ((id: string) => Readonly<Record<string, string | number>>) | undefined
  /** Whether a read sees every write before it, at twice the price. Default: false. */
  readonly consistent?: boolean | undefined
  /** The class `BatchGetItemCommand` of your copy of `@aws-sdk/client-dynamodb`. Default: that of the copy that is installed. */
  readonly command?: (new (input: never) => object) | undefined
  /** Names the table in messages. Default: `dynamoTable`. */
  readonly name?: string | undefined
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}

/** The item of a client, as plain values. */
export interface DynamoClientRow {
  readonly client_id: string
  readonly [column: string]: unknown
}

/** A table of clients, for `clientDirectory` of `@sluice/policies`. */
export interface DynamoTable {
  readonly name: string
  load(ids: readonly string[], signal: AbortSignal): Promise<readonly DynamoClientRow[]>
}
