/** What a table knows of one client. Columns that are not listed here may be named by `columns` of a document. */
export interface ClientRow {
  /** Names the client, as it was asked for. A number is read as a text. */
  readonly client_id: string | number | bigint
  /** The tier of the client. `null` or an empty text: the tier that the request has without the table. */
  readonly tier?: string | null | undefined
  /** Limits by `<policy>.<limit>`: a number, or `{ limit, burst }`. As an object, or as a text of JSON. */
  readonly limits?: unknown
  /** `null` keeps the number of the tier. 0 refuses every request. */
  readonly [column: string]: unknown
}

/** Where the rows of clients are read from. A `ClientDirectory` asks it, once in a turn for all clients that are needed. */
export interface ClientTable {
  /** Names the table in messages. */
  readonly name: string
  /**
   * Reads the rows of clients, in any order. A client without a row is unknown. Rejects if it cannot read them.
   * @param ids different ids: 1 to 256 characters, none of which is a control character
   * @param signal is aborted when nobody waits for the rows any more
   */
  load(ids: readonly string[], signal: AbortSignal): Promise<readonly ClientRow[]>
  /** Ends a connection that the table made. A directory calls it in `close()`. */
  close?(): void | Promise<void>
}
