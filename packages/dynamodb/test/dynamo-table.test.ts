import { join } from 'node:path'
import { BatchGetItemCommand, CreateTableCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { dynamoTable, type DynamoTableOptions } from '@sluice/dynamodb'
import { type ClientDirectory, clientDirectory, type ClientTable, settingsReader } from '@sluice/policies'
import { type DynamoServer, startDynamo } from '@sluice/testing/dynamodb'
import { runReadme, waitUntil } from '@sluice/testing/processes'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'

const never = new AbortController().signal
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }

let server: DynamoServer
let client: DynamoDBClient
beforeAll(async () => {
  server = await startDynamo()
  client = clientOf(server)
  await fill(client)
})
afterAll(async () => {
  client?.destroy()
  await server?.stop()
})

function clientOf({ url }: DynamoServer, maxAttempts = 2): DynamoDBClient {
  return new DynamoDBClient({ endpoint: url, region: 'eu-central-1', credentials, maxAttempts })
}

async function fill(to: DynamoDBClient): Promise<void> {
  const mode = { BillingMode: 'PAY_PER_REQUEST' } as const
  await to.send(
    new CreateTableCommand({
      ...mode,
      TableName: 'clients',
      AttributeDefinitions: [{ AttributeName: 'client_id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'client_id', KeyType: 'HASH' }],
    }),
  )
  await to.send(
    new CreateTableCommand({
      ...mode,
      TableName: 'shared',
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'N' },
      ],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
    }),
  )
  const limits = { M: { 'login.account': { N: '20' }, 'api.minute': { M: { limit: { N: '500' }, burst: { N: '900' } } } } }
  const put = (TableName: string, Item: PutItemCommand['input']['Item']): Promise<unknown> =>
    to.send(new PutItemCommand({ TableName, Item }))
  await put('clients', { client_id: { S: 'acme' }, tier: { S: 'enterprise' }, rps_limit: { N: '50' }, rpm_limit: { NULL: true }, limits })
  await put('clients', { client_id: { S: 'beta' }, tier: { NULL: true }, rps_limit: { N: '0' }, limits: { S: '{"login.account":5}' } })
  await put('shared', { pk: { S: 'CLIENT#acme' }, sk: { N: '1' }, tier: { S: 'pro' } })
  await put('shared', { pk: { S: 'ORDER#acme' }, sk: { N: '1' }, tier: { S: 'no client' } })
}

function directoryOf(table: ClientTable, deadline = 10_000): ClientDirectory {
  const directory = clientDirectory({ table, deadline, on: { warning: () => undefined } })
  onTestFinished(() => directory.close())
  return directory
}

describe('tier, columns and limits of a client', () => {
  test.each<[string, Partial<DynamoTableOptions>]>([
    ['by the client of the table', {}],
    ['with a consistent read', { consistent: true }],
    ['with the command that is passed', { command: BatchGetItemCommand }],
  ])('%s', async (_, options) => {
    const directory = directoryOf(dynamoTable({ client, table: 'clients', ...options }))
    const read = settingsReader({ rps_limit: 'api.second', rpm_limit: 'api.hour' })
    const [acme, beta, none] = await Promise.all(['acme', 'beta', 'none'].map((id) => directory.rowOf(id)))
    expect(acme && read(acme)).toEqual({
      tier: 'enterprise',
      limits: { 'api.second': { limit: 50 }, 'login.account': { limit: 20 }, 'api.minute': { limit: 500, burst: 900 } },
      problems: [],
    })
    expect(beta && read(beta)).toEqual({
      tier: undefined,
      limits: { 'api.second': { limit: 0 }, 'login.account': { limit: 5 } },
      problems: [],
    })
    expect(none).toBeUndefined()
    expect(directory.health()).toMatchObject({ lookups: 1, errors: 0 })
  })

  test('by a document client', async () => {
    const document = DynamoDBDocumentClient.from(client)
    const rows = await dynamoTable({ client: document, table: 'clients' }).load(['acme'], never)
    expect(rows).toMatchObject([{ client_id: 'acme', tier: 'enterprise', rps_limit: 50 }])
  })

  test('under a key of two parts', async () => {
    const table = dynamoTable({ client, table: 'shared', key: (id) => ({ pk: `CLIENT#${id}`, sk: 1 }) })
    expect(await table.load(['acme', 'none'], never)).toEqual([{ pk: 'CLIENT#acme', sk: 1, tier: 'pro', client_id: 'acme' }])
  })
})

test('the program of the README', async () => {
  const environment = {
    AWS_ENDPOINT_URL_DYNAMODB: server.url,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  }
  const printed = await runReadme(join(import.meta.dirname, '..'), environment)
  expect(JSON.parse(printed)).toMatchObject({ tier: 'enterprise', limits: { 'api.second': { limit: 50 }, 'login.account': { limit: 20 } } })
})

test('250 clients at once are three requests', async () => {
  const ids = Array.from({ length: 250 }, (_, i) => `many-${i}`)
  for (const id of ids) await client.send(new PutItemCommand({ TableName: 'clients', Item: { client_id: { S: id } } }))
  let requests = 0
  class Counted extends BatchGetItemCommand {
    constructor(input: ConstructorParameters<typeof BatchGetItemCommand>[0]) {
      super(input)
      requests += 1
    }
  }
  const rows = await dynamoTable({ client, table: 'clients', command: Counted }).load(ids, never)
  expect(rows.map(({ client_id }) => client_id).toSorted()).toEqual(ids.toSorted())
  expect(requests).toBe(3)
})

test('keys that are not processed are asked for again', async () => {
  // 46 items of 390 kB are more than an answer may have, which is 16 MB.
  const ids = Array.from({ length: 46 }, (_, i) => `large-${i}`)
  const text = { S: 'x'.repeat(390_000) }
  for (const id of ids) await client.send(new PutItemCommand({ TableName: 'clients', Item: { client_id: { S: id }, text } }))
  const first = new BatchGetItemCommand({ RequestItems: { clients: { Keys: ids.map((id) => ({ client_id: { S: id } })) } } })
  const { UnprocessedKeys } = await client.send(first)
  expect(UnprocessedKeys?.['clients']?.Keys?.length).toBeGreaterThan(0)
  const rows = await dynamoTable({ client, table: 'clients' }).load(ids, never)
  expect(rows.map(({ client_id }) => client_id).toSorted()).toEqual(ids.toSorted())
})

test('an id that is no key takes its row from nobody else', async () => {
  const key = (id: string): { pk: string; sk: number } => ({ pk: 'CLIENT#acme', sk: Number(id) })
  const directory = directoryOf(dynamoTable({ client, table: 'shared', key }))
  expect(await directory.rowOf('1')).toMatchObject({ tier: 'pro' })
  directory.forget()
  const rows = await Promise.all(['x', '1'].map((id) => directory.rowOf(id)))
  expect(rows.map((row) => row?.tier)).toEqual([undefined, 'pro'])
})

test('a table that is not there says so', async () => {
  const directory = directoryOf(dynamoTable({ client, table: 'missing', name: 'clients' }))
  expect(await directory.rowOf('acme')).toBeUndefined()
  expect(directory.health().problem).toMatch(/^clients could not be read, .*: .+/)
})

test('DynamoDB is away and comes back: rows stay, and new clients come back', async () => {
  const own = await startDynamo()
  onTestFinished(() => own.stop())
  const to = clientOf(own, 1)
  onTestFinished(() => to.destroy())
  await fill(to)
  const directory = directoryOf(dynamoTable({ client: to, table: 'clients' }))
  expect(await directory.rowOf('acme')).toBeDefined()
  await own.kill()
  expect(await directory.rowOf('beta')).toBeUndefined()
  expect(directory.rowOf('acme')).toMatchObject({ tier: 'enterprise' })
  await own.restart()
  await fill(to)
  await waitUntil('the row of beta', async () => (await directory.rowOf('beta')) !== undefined)
  expect(directory.health().problem).toBeUndefined()
})

test('DynamoDB hangs: no request waits past the deadline, and the request is aborted', async () => {
  const own = await startDynamo()
  onTestFinished(() => own.stop())
  const to = clientOf(own, 1)
  onTestFinished(() => to.destroy())
  await fill(to)
  const directory = clientDirectory({
    table: dynamoTable({ client: to, table: 'clients' }),
    timeout: 500,
    on: { warning: () => undefined },
  })
  await own.pause()
  const start = performance.now()
  expect(await directory.rowOf('acme')).toBeUndefined()
  expect(performance.now() - start).toBeLessThan(400)
  await waitUntil('the request to fail', () => directory.health().errors === 1)
  await own.resume()
  await waitUntil('the row of acme', async () => (await directory.rowOf('acme')) !== undefined)
})

const CLIENT = { send: (): undefined => undefined }
test.each([
  [{}, 'dynamoTable: client: expected a DynamoDBClient, got undefined'],
  [{ client: CLIENT }, 'dynamoTable: table: expected the name of a table, got undefined'],
  [{ client: CLIENT, table: 't', key: '' }, 'dynamoTable: key: expected the name of the partition key, or a function'],
  [{ client: CLIENT, table: 't', consistent: 1 }, 'dynamoTable: consistent: expected true or false, got 1'],
  [{ client: CLIENT, table: 't', command: 'x' }, 'dynamoTable: command: expected the class BatchGetItemCommand'],
  [{ client: CLIENT, tableName: 't' }, 'dynamoTable: "tableName" is not an option'],
])('%j is refused', (options, message) => {
  expect(() => dynamoTable(options as never)).toThrow(message)
})
