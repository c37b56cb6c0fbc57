import type { CheckInput, ResponseInput, UnitsInput } from '../../api/contract.ts'
import { STATUS, StatusError } from '../transport/status.ts'
import type { Reader } from '../wire/reader.ts'

type Draft<T> = { -readonly [K in keyof T]: T[K] }

/** Values within values. */
const MAX_DEPTH = 16

/** The message `CheckRequest` of `sluice.v1`, as JSON has it. An empty text is one that was left out. */
export function readCheck(reader: Reader): CheckInput {
  const input: Draft<CheckInput> = {}
  const headers: Record<string, string> = {}
  const attributes: Record<string, unknown> = {}
  const costs: Record<string, number> = {}
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    const name = TEXTS[tag]
    if (name !== undefined) {
      const text = reader.text()
      if (text !== '') input[name] = text
    } else if (tag === 0x3a) {
      readEntry(reader, headers, (of) => of.text(), '')
      input.headers = headers
    } else if (tag === 0x42) {
      readEntry(reader, attributes, (of) => readMessage(of, (value) => readValue(value, 0)), null)
      input.attributes = attributes
    } else if (tag === 0x4a) input.body = readMessage(reader, (value) => readValue(value, 0))
    else if (tag === 0x50) input.cost = reader.uint64()
    else if (tag === 0x5a) {
      readEntry(reader, costs, (of) => of.uint64(), 0)
      input.cost = costs
    } else if (tag === 0x60) input.decision = reader.uint32() !== 0
    else reader.skip(tag)
  }
  return input
}

const TEXTS: Readonly<Partial<Record<number, 'namespace' | 'method' | 'path' | 'host' | 'ip' | 'route'>>> = {
  0x0a: 'namespace',
  0x12: 'method',
  0x1a: 'path',
  0x22: 'host',
  0x2a: 'ip',
  0x32: 'route',
}

/** What Settle and Release take: which of the fields that exclude each other came is said by its presence. */
export interface SettlementFields {
  decision: string
  cost: UnitsInput | undefined
  refund: true | undefined
  response: ResponseInput | undefined
}

/** The message `SettleRequest` of `sluice.v1`. Of the fields of `taken`, the last holds. */
export function readSettlement(reader: Reader): SettlementFields {
  const fields: SettlementFields = { decision: '', ...NOTHING }
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) fields.decision = reader.text()
    else if (tag === 0x10) Object.assign(fields, NOTHING, { cost: reader.uint64() })
    else if (tag === 0x1a) Object.assign(fields, NOTHING, { cost: readMessage(reader, readCosts) })
    else if (tag === 0x20) Object.assign(fields, NOTHING, { refund: reader.uint32() === 0 ? undefined : true })
    else if (tag === 0x2a) Object.assign(fields, NOTHING, { response: readMessage(reader, readResponse) })
    else reader.skip(tag)
  }
  return fields
}

const NOTHING = { cost: undefined, refund: undefined, response: undefined } as const

function readResponse(reader: Reader): ResponseInput {
  const response: Draft<ResponseInput> = {}
  const headers: Record<string, string> = {}
  const attributes: Record<string, unknown> = {}
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) response.status = reader.uint32()
    else if (tag === 0x12) {
      readEntry(reader, headers, (of) => of.text(), '')
      response.headers = headers
    } else if (tag === 0x1a) {
      readEntry(reader, attributes, (of) => readMessage(of, (value) => readValue(value, 0)), null)
      response.attributes = attributes
    } else reader.skip(tag)
  }
  return response
}

/** The message `ReleaseRequest` of `sluice.v1`. */
export function readRelease(reader: Reader): { readonly decision: string } {
  let decision = ''
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) decision = reader.text()
    else reader.skip(tag)
  }
  return { decision }
}

function readCosts(reader: Reader): Record<string, number> {
  const costs: Record<string, number> = {}
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) readEntry(reader, costs, (of) => of.uint64(), 0)
    else reader.skip(tag)
  }
  return costs
}

function readMessage<T>(reader: Reader, read: (of: Reader) => T): T {
  const outer = reader.enter()
  const value = read(reader)
  reader.leave(outer)
  return value
}

/** An entry of a map: field 1 is its key, field 2 its value, whose tag says whether it is a varint or has a length. */
function readEntry<T>(reader: Reader, all: Record<string, T>, read: (of: Reader) => T, absent: T): void {
  readMessage(reader, () => {
    let key = ''
    let value = absent
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 0x0a) key = reader.text()
      else if (tag === 0x10 || tag === 0x12) value = read(reader)
      else reader.skip(tag)
    }
    // The checks after this one refuse a name that every object has, so it must not vanish.
    Object.defineProperty(all, key, { value, enumerable: true, configurable: true, writable: true })
  })
}

/** A `google.protobuf.Value`. */
function readValue(reader: Reader, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new StatusError(STATUS.INVALID_ARGUMENT, `expected at most ${MAX_DEPTH} values within each other`)
  let value: unknown = null
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) {
      reader.uint32()
      value = null
    } else if (tag === 0x11) value = reader.double()
    else if (tag === 0x1a) value = reader.text()
    else if (tag === 0x20) value = reader.uint32() !== 0
    else if (tag === 0x2a) value = readMessage(reader, (of) => readStruct(of, depth + 1))
    else if (tag === 0x32) value = readMessage(reader, (of) => readList(of, depth + 1))
    else reader.skip(tag)
  }
  return value
}

function readStruct(reader: Reader, depth: number): Record<string, unknown> {
  const struct: Record<string, unknown> = {}
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) readEntry<unknown>(reader, struct, (of) => readMessage(of, (value) => readValue(value, depth)), null)
    else reader.skip(tag)
  }
  return struct
}

function readList(reader: Reader, depth: number): readonly unknown[] {
  const list: unknown[] = []
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) list.push(readMessage(reader, (value) => readValue(value, depth)))
    else reader.skip(tag)
  }
  return list
}
