// Writes packages/server/proto into packages/server/src/grpc/reflection/files.gen.ts, as descriptors of protobuf. `--check` writes nothing and
// fails where the two differ.
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import protobuf from 'protobufjs'
import descriptor from 'protobufjs/ext/descriptor/index.js'

const { FileDescriptorProto } = descriptor as unknown as { readonly FileDescriptorProto: protobuf.Type }
const ROOT = join(import.meta.dirname, '..')
const PROTO = join(ROOT, 'packages', 'server', 'proto')
const TARGET = join(ROOT, 'packages', 'server', 'src', 'grpc', 'reflection', 'files.gen.ts')

interface File {
  readonly name: string
  readonly package: string
  readonly imports: readonly string[]
  readonly members: readonly protobuf.ReflectionObject[]
}

const own = globSync('**/*.proto', { cwd: PROTO }).toSorted()
const root = new protobuf.Root()
root.resolvePath = (_origin, target) => (protobuf.common.get(target) === null ? join(PROTO, target) : target)
root.loadSync(own, { keepCase: true }).resolveAll()

const files = own.map((name): File => {
  const parsed = protobuf.parse(readFileSync(join(PROTO, name), 'utf8'), new protobuf.Root(), { keepCase: true })
  const space = root.lookup(parsed.package ?? '') as protobuf.Namespace
  const members = space.nestedArray.filter((each) => each.filename === join(PROTO, name))
  return { name, package: parsed.package ?? '', imports: parsed.imports ?? [], members }
})
const common = [...new Set(files.flatMap(({ imports }) => imports).filter((name) => name.startsWith('google/')))].toSorted()
const google = root.lookup('google.protobuf') as protobuf.Namespace
const known = common.map((name): File => {
  const nested = (protobuf.common.get(name) as { readonly nested: any }).nested.google.nested.protobuf.nested as object
  return { name, package: 'google.protobuf', imports: [], members: google.nestedArray.filter((each) => each.name in nested) }
})

const messages = [...files, ...known].map((file) => messageOf(file))
const names = new Set(messages.flatMap(({ package: space, messageType, enumType }) => namesIn(`.${space}`, messageType, enumType)))
for (const { package: space, messageType, service } of messages) {
  for (const each of messageType) qualify(each, `.${space}`)
  for (const { method } of service)
    for (const each of method) for (const key of ['inputType', 'outputType']) each[key] = fullName(each[key], `.${space}`)
}

const lines = [...files, ...known].map((file, i) => {
  const bytes = FileDescriptorProto.encode(messages[i] as object).finish()
  const texts = [file.name, file.imports.join(' '), file.members.flatMap(symbolsOf).join(' '), Buffer.from(bytes).toString('base64')]
  return `  [\n${texts.map((text) => `    '${text}',\n`).join('')}  ],\n`
})
const generated = `// Generated from packages/server/proto by \`node scripts/descriptors.ts\`. Do not edit.

/** Files of protobuf: the name, the imports, the full names of what is defined, and the descriptor in base64. */
export const PROTO_FILES: readonly (readonly [name: string, imports: string, symbols: string, descriptor: string])[] = [
${lines.join('')}]
`

if (process.argv.includes('--check')) {
  if (readFileSync(TARGET, 'utf8') !== generated) {
    console.error('packages/server/src/grpc/reflection/files.gen.ts differs from packages/server/proto. Run  npm run generate')
    process.exitCode = 1
  }
} else writeFileSync(TARGET, generated)

function symbolsOf(member: protobuf.ReflectionObject): readonly string[] {
  const name = member.fullName.slice(1)
  if (member instanceof protobuf.Service) return [name, ...member.methodsArray.map((each) => `${name}.${each.name}`)]
  const nested = member instanceof protobuf.Type ? member.nestedArray.flatMap(symbolsOf) : []
  return [name, ...nested]
}

/** The descriptor of a file. What refers to messages has names that are relative, which not every reader resolves. */
function messageOf(file: File): any {
  const of = (kind: abstract new (...parts: any[]) => protobuf.ReflectionObject): readonly any[] =>
    file.members.filter((each) => each instanceof kind).map((each) => (each as any).toDescriptor('proto3'))
  return FileDescriptorProto.create({
    name: file.name,
    package: file.package,
    dependency: file.imports as string[],
    messageType: of(protobuf.Type) as any[],
    enumType: of(protobuf.Enum) as any[],
    service: of(protobuf.Service) as any[],
    syntax: 'proto3',
  })
}

function namesIn(scope: string, types: readonly any[], enums: readonly any[]): readonly string[] {
  const all = types.flatMap(({ name, nestedType, enumType }) => [`${scope}.${name}`, ...namesIn(`${scope}.${name}`, nestedType, enumType)])
  return [...all, ...enums.map(({ name }) => `${scope}.${name}`)]
}

function qualify(message: any, scope: string): void {
  const own = `${scope}.${message.name}`
  for (const field of message.field) if (field.typeName) field.typeName = fullName(field.typeName, own)
  for (const each of message.nestedType) qualify(each, own)
}

/** Looks for a name as protobuf does: in the innermost scope first. */
function fullName(name: string, scope: string): string {
  if (name.startsWith('.')) return name
  for (let around = scope; around !== ''; around = around.slice(0, around.lastIndexOf('.')))
    if (names.has(`${around}.${name}`)) return `${around}.${name}`
  if (names.has(`.${name}`)) return `.${name}`
  throw new Error(`${scope}: there is no ${name}`)
}
