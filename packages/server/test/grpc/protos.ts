import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { credentials, loadPackageDefinition, type Client, type ServiceClientConstructor, type ServiceError } from '@grpc/grpc-js'
import { loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader'

const require = createRequire(import.meta.url)
const OPTIONS: Options = { keepCase: true, longs: Number, enums: String, oneofs: true, arrays: true, defaults: true }
const OWN = join(import.meta.dirname, '../../proto')

/** A file of `packages/server/proto`. */
export function ownProto(file: string): PackageDefinition {
  return loadSync(file, { ...OPTIONS, includeDirs: [OWN] })
}

/** A file of Envoy, as the package `@grpc/grpc-js-xds` has it: written by somebody else. */
export function envoyProto(file: string): PackageDefinition {
  const root = dirname(require.resolve('@grpc/grpc-js-xds/package.json'))
  const parts = ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate']
  return loadSync(file, { ...OPTIONS, includeDirs: parts.map((part) => join(root, 'deps', part)) })
}

/** A client of grpc-js for one service. */
export function clientOf(definition: PackageDefinition, service: string, url: string): Client & Record<string, (...args: any[]) => any> {
  const found = service.split('.').reduce<any>((all, name) => all[name], loadPackageDefinition(definition)) as ServiceClientConstructor
  return new found(new URL(url).host, credentials.createInsecure()) as never
}

/** Calls a method with one answer. */
export function ask<T>(client: Client & Record<string, (...args: any[]) => any>, method: string, request: object): Promise<T> {
  return new Promise((resolve, reject) => {
    client[method]?.(request, (error: ServiceError | null, answer: T) => {
      if (error === null) resolve(answer)
      else reject(error)
    })
  })
}
