import { type Clock, SluiceError, systemClock } from '@sluice/core'
import { invalid, knownOptions, pause } from '@sluice/core/store-kit'
import type { DynamoClientRow, DynamoTable, DynamoTableOptions } from './options.ts'
import { type AttributeValue, plainItem } from './plain-value.ts'

type Item = Readonly<Record<string, AttributeValue>>
type Command = new (input: never) => object

/** What BatchGetItem takes, and answers. */
interface Request {
  readonly RequestItems: Readonly<Record<string, KeysAndOptions>>
}
interface KeysAndOptions {
  readonly Keys: readonly Item[]
  readonly ConsistentRead?: boolean
}
interface Answer {
  readonly Responses?: Readonly<Record<string, readonly Item[]>>
  readonly UnprocessedKeys?: Readonly<Record<string, KeysAndOptions>>
}

/** The most keys of one BatchGetItem. */
const MAX_KEYS = 100
const FIRST_WAIT = 25
const LONGEST_WAIT = 1_000

/**
 * A table of clients in DynamoDB: one item for each client. All clients that are needed at once are read by BatchGetItem, 100 in a request.
 * Keys that DynamoDB did not process are asked for again. It writes nothing.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
 * import { dynamoTable } from '@sluice/dynamodb'
 * import { clientDirectory } from '@sluice/policies'
 *
 * const clients = clientDirectory({ table: dynamoTable({ client: new DynamoDBClient({}), table: 'clients' }) })
 * console.log(await clients.rowOf('acme'))
 * ```
 */
export function dynamoTable(options: DynamoTableOptions): DynamoTable {
  knownOptions('dynamoTable', options, ['client', 'table', 'key', 'consistent', 'command', 'name', 'clock'])
  const { client, table, key = 'client_id', consistent = false, command, name = 'dynamoTable', clock = systemClock } = options
  if (typeof client?.send !== 'function') throw invalid('dynamoTable: client', 'a DynamoDBClient', client)
  if (typeof table !== 'string' || table === '') throw invalid('dynamoTable: table', 'the name of a table', table)
  if (typeof key !== 'function' && (typeof key !== 'string' || key === ''))
    throw invalid('dynamoTable: key', 'the name of the partition key, or a function of the id', key)
  if (typeof consistent !== 'boolean') throw invalid('dynamoTable: consistent', 'true or false', consistent)
  if (command !== undefined && typeof command !== 'function')
    throw invalid('dynamoTable: command', 'the class BatchGetItemCommand', command)
  const keyOf = typeof key === 'function' ? key : (id: string) => ({ [key]: id })
  return {
    name,
    async load(ids, signal): Promise<readonly DynamoClientRow[]> {
      const BatchGetItem = command ?? (await installedCommand())
      const send = (request: Request): Promise<Answer> =>
        client.send(new BatchGetItem(request as never) as never, { abortSignal: signal }) as Promise<Answer>
      const chunks = Array.from({ length: Math.ceil(ids.length / MAX_KEYS) }, (_, i) => ids.slice(i * MAX_KEYS, (i + 1) * MAX_KEYS))
      const rows = await Promise.all(chunks.map((chunk) => rowsOf(chunk, keyOf, { table, consistent, clock, send, signal })))
      return rows.flat()
    },
  }
}

interface Context {
  readonly table: string
  readonly consistent: boolean
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly send: (request: Request) => Promise<Answer>
}

async function rowsOf(
  ids: readonly string[],
  keyOf: (id: string) => Readonly<Record<string, string | number>>,
  { table, consistent, clock, send, signal }: Context,
): Promise<readonly DynamoClientRow[]> {
  const keys = ids.map((id) => keyOf(id))
  const names = Object.keys(keys[0] ?? {})
  // An answer is in any order, and says whose item it is only by its key.
  const byKey = new Map(keys.map((key, i) => [textOf(names, key), ids[i] ?? '']))
  const rows: DynamoClientRow[] = []
  let asked: KeysAndOptions | undefined = { Keys: keys.map(attributesOf), ConsistentRead: consistent }
  for (let attempt = 0; ; attempt++) {
    const answer: Answer = await send({ RequestItems: { [table]: asked } })
    // With an ARN as the name of the table, the answer has that too.
    for (const item of Object.values(answer.Responses ?? {}).flat()) {
      const row = plainItem(item)
      const id = byKey.get(textOf(names, row))
      if (id !== undefined) rows.push({ ...row, client_id: id })
    }
    asked = Object.values(answer.UnprocessedKeys ?? {})[0]
    if (asked === undefined || asked.Keys.length === 0) return rows
    await pause(Math.random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(attempt, 10)), clock, signal)
    signal.throwIfAborted()
  }
}

function attributesOf(key: Readonly<Record<string, string | number>>): Item {
  return Object.fromEntries(
    Object.entries(key).map(([name, value]) => [name, typeof value === 'number' ? { N: String(value) } : { S: value }]),
  )
}

function textOf(names: readonly string[], values: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(names.map((name) => values[name]))
}

let installed: Promise<Command> | undefined

/** @throws ERR_OPTION_INVALID without the peer */
function installedCommand(): Promise<Command> {
  installed ??= import('@aws-sdk/client-dynamodb').then(
    ({ BatchGetItemCommand }) => BatchGetItemCommand as unknown as Command,
    (cause: unknown) => {
      installed = undefined
      const what = 'dynamoTable: @aws-sdk/client-dynamodb cannot be imported; install it, or pass its BatchGetItemCommand as command'
      throw new SluiceError('ERR_OPTION_INVALID', what, { cause })
    },
  )
  return installed
}
