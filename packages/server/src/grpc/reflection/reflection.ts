import type { Methods } from '../transport/method.ts'
import { STATUS } from '../transport/status.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { PROTO_FILES } from './files.gen.ts'

interface ProtoFile {
  readonly imports: readonly string[]
  readonly bytes: Buffer
}

const files = new Map<string, ProtoFile>()
/** The file in which a name is defined. */
const symbols = new Map<string, string>()

for (const [name, imports, defined, descriptor] of PROTO_FILES) {
  files.set(name, { imports: imports === '' ? [] : imports.split(' '), bytes: Buffer.from(descriptor, 'base64') })
  for (const symbol of defined.split(' ')) symbols.set(symbol, name)
}

const writer = new Writer()

/** The reflection protocol of gRPC: clients such as grpcurl ask for what they need to call a method. @param services the full names of what is served */
export function reflectionMethods(services: readonly string[]): Methods {
  const method: Methods[string] = {
    stream: (call) => ({
      message: (message) => call.send(answerTo(message, services)),
      halfClosed: () => call.end(STATUS.OK),
    }),
  }
  return {
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': method,
    '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': method,
  }
}

function answerTo(message: Buffer, services: readonly string[]): Buffer {
  const reader = new Reader(message)
  let host = ''
  let answer: () => void = () => writeError(STATUS.INVALID_ARGUMENT, 'expected a request')
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) host = reader.text()
    else if (tag === 0x1a) answer = answerOfFile(reader.text())
    else if (tag === 0x22) answer = answerOfSymbol(reader.text())
    else if (tag === 0x2a) {
      reader.bytes()
      answer = () => writeError(STATUS.NOT_FOUND, 'there are no extensions')
    } else if (tag === 0x32) answer = answerOfExtensions(reader.text())
    else if (tag === 0x3a) {
      reader.text()
      answer = () => writeServices(services)
    } else reader.skip(tag)
  }
  writer.begin()
  writer.text(0x0a, host)
  writer.bytes(0x12, message)
  answer()
  return writer.frame()
}

function answerOfFile(name: string): () => void {
  return files.has(name) ? () => writeFiles(name) : () => writeError(STATUS.NOT_FOUND, `there is no file ${name}`)
}

function answerOfSymbol(symbol: string): () => void {
  // A field has the name of its message before it.
  const name = symbols.get(symbol) ?? symbols.get(symbol.slice(0, symbol.lastIndexOf('.')))
  return name === undefined ? () => writeError(STATUS.NOT_FOUND, `there is no symbol ${symbol}`) : () => writeFiles(name)
}

function answerOfExtensions(type: string): () => void {
  if (!symbols.has(type)) return () => writeError(STATUS.NOT_FOUND, `there is no type ${type}`)
  return () => {
    const start = writer.enter(0x2a)
    writer.text(0x0a, type)
    writer.leave(start)
  }
}

/** A file, and all that it imports. */
function writeFiles(name: string): void {
  const start = writer.enter(0x22)
  const all = new Set([name])
  for (const each of all) {
    const { imports, bytes } = files.get(each) as ProtoFile
    writer.bytes(0x0a, bytes)
    for (const imported of imports) all.add(imported)
  }
  writer.leave(start)
}

function writeServices(services: readonly string[]): void {
  const list = writer.enter(0x32)
  for (const service of services) {
    const start = writer.enter(0x0a)
    writer.text(0x0a, service)
    writer.leave(start)
  }
  writer.leave(list)
}

function writeError(code: number, message: string): void {
  const start = writer.enter(0x3a)
  writer.uint(0x08, code)
  writer.text(0x12, message)
  writer.leave(start)
}
