import { status } from '@grpc/grpc-js'
import { waitUntil } from '@sluice/testing'
import protobuf from 'protobufjs'
import descriptor from 'protobufjs/ext/descriptor/index.js'
import { afterEach, describe, expect, test } from 'vitest'
import { serve } from '../../src/index.ts'
import { ask, clientOf, ownProto } from './protos.ts'
import { failureOf } from './raw-client.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function start(file: string, name: string) {
  const service = await serve({ http: false, grpc: { port: 0 }, drain: { delay: 0 } })
  ends.push(() => service.close())
  const client = clientOf(ownProto(file), name, service.grpc?.url as string)
  ends.push(() => client.close())
  return { service, client }
}

describe('health', () => {
  const health = () => start('grpc/health/v1/health.proto', 'grpc.health.v1.Health')

  test('the server and its services are serving, others are not found', async () => {
    const { client } = await health()
    for (const service of ['', 'envoy.service.ratelimit.v3.RateLimitService', 'sluice.v1.Limiter'])
      expect(await ask(client, 'Check', { service })).toEqual({ status: 'SERVING' })
    expect((await failureOf(ask(client, 'Check', { service: 'other' }))).code).toBe(status.NOT_FOUND)
  })

  test('who watches hears that the service drains', async () => {
    const { service, client } = await health()
    const states: string[] = []
    const call = client['Watch']?.({ service: '' })
    call.on('data', (answer: { status: string }) => states.push(answer.status))
    const ended = new Promise((resolve) => call.on('status', resolve))
    call.on('error', () => undefined)
    const other: string[] = []
    const unknown = client['Watch']?.({ service: 'other' })
    unknown.on('data', (answer: { status: string }) => other.push(answer.status))
    unknown.on('error', () => undefined)
    await waitUntil('the first states', () => states.length === 1 && other.length === 1)
    await service.close()
    expect(await ended).toMatchObject({ code: status.UNAVAILABLE })
    expect(states).toEqual(['SERVING', 'NOT_SERVING'])
    expect(other).toEqual(['SERVICE_UNKNOWN'])
  })
})

interface Reflected {
  readonly message_response: string
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] }
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] }
  readonly error_response?: { readonly error_code: number }
  readonly all_extension_numbers_response?: object
}

describe.each(['v1', 'v1alpha'])('reflection %s', (version) => {
  async function reflect(...requests: object[]): Promise<readonly Reflected[]> {
    const { client } = await start(`grpc/reflection/${version}/reflection.proto`, `grpc.reflection.${version}.ServerReflection`)
    const call = client['ServerReflectionInfo']?.()
    const answers: Reflected[] = []
    call.on('data', (answer: Reflected) => answers.push(answer))
    const ended = new Promise((resolve) => call.on('status', resolve))
    for (const request of requests) call.write({ host: 'a', ...request })
    call.end()
    expect(await ended).toMatchObject({ code: status.OK })
    return answers
  }

  test('all services are listed, and each has its files with all imports', async () => {
    const [list] = await reflect({ list_services: '' })
    const names = list?.list_services_response?.service.map(({ name }) => name) ?? []
    expect(names).toEqual([
      'envoy.service.ratelimit.v3.RateLimitService',
      'sluice.v1.Limiter',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
    ])
    for (const answer of await reflect(...names.map((name) => ({ file_containing_symbol: name })))) {
      const files = answer.file_descriptor_response?.file_descriptor_proto ?? []
      const { FileDescriptorSet } = descriptor as unknown as { readonly FileDescriptorSet: protobuf.Type }
      const set = FileDescriptorSet.fromObject({ file: files.map((bytes) => fileOf(bytes)) })
      const found = set.toJSON()['file'] as readonly { readonly name: string; readonly dependency?: readonly string[] }[]
      const had = found.map(({ name }) => name)
      for (const { dependency = [] } of found) expect(had).toEqual(expect.arrayContaining([...dependency]))
      // Every type that a field names is there.
      ;(protobuf.Root as unknown as { fromDescriptor(of: unknown): protobuf.Root }).fromDescriptor(set).resolveAll()
    }
  })

  test('files are found by their name, and by the name of a method, a message or a field', async () => {
    const answers = await reflect(
      { file_by_filename: 'sluice/v1/limiter.proto' },
      { file_containing_symbol: 'sluice.v1.Limiter.Check' },
      { file_containing_symbol: 'sluice.v1.CheckResponse.Limit' },
      { file_containing_symbol: 'sluice.v1.CheckRequest.path' },
    )
    const names = answers.map((answer) => answer.file_descriptor_response?.file_descriptor_proto.map((bytes) => fileOf(bytes)['name']))
    expect(names).toEqual(Array.from({ length: 4 }, () => ['sluice/v1/limiter.proto', 'google/protobuf/struct.proto']))
  })

  test('what there is not is said in the answer', async () => {
    const [file, symbol, extension, type, none] = await reflect(
      { file_by_filename: 'none.proto' },
      { file_containing_symbol: 'none.None' },
      { file_containing_extension: { containing_type: 'sluice.v1.CheckRequest', extension_number: 1 } },
      { all_extension_numbers_of_type: 'sluice.v1.CheckRequest' },
      {},
    )
    for (const each of [file, symbol, extension]) expect(each?.error_response?.error_code).toBe(status.NOT_FOUND)
    expect(type?.all_extension_numbers_response).toEqual({ base_type_name: 'sluice.v1.CheckRequest', extension_number: [] })
    expect(none?.error_response?.error_code).toBe(status.INVALID_ARGUMENT)
  })
})

function fileOf(bytes: Buffer): Record<string, unknown> {
  const { FileDescriptorProto } = descriptor as unknown as { readonly FileDescriptorProto: protobuf.Type }
  return FileDescriptorProto.decode(bytes).toJSON()
}
