import type { ArgumentsHost } from '@nestjs/common'

// Encodes google.rpc.Status with one google.rpc.RetryInfo for the trailer in which gRPC clients look for details. It is three
// messages of five fields, so a protobuf library would be a dependency for forty lines.

interface Metadata {
  set(key: string, value: Uint8Array): void
}
interface Status {
  /** A number of google.rpc.Code. */
  readonly code: number
  readonly message: string
  /** Whole seconds; `undefined`: retrying does not help, so there is no RetryInfo. */
  readonly retrySeconds: number | undefined
}

/** The trailer's metadata; `undefined` if the call is not gRPC. Made by the class of the call's own metadata, so gRPC is not imported. */
export function grpcStatusMetadata(context: ArgumentsHost, status: Status): Metadata | undefined {
  const call = context.getArgByIndex<{ getPeer?: unknown } | undefined>(2)
  const received = context.getArgByIndex<object | undefined>(1)
  if (typeof call?.getPeer !== 'function' || received === undefined) return undefined
  const metadata = new (received.constructor as new () => Metadata)()
  metadata.set('grpc-status-details-bin', Buffer.from(encodeStatus(status)))
  return metadata
}

function encodeStatus({ code, message, retrySeconds }: Status): readonly number[] {
  const status = [...varintField(1, code), ...textField(2, message)]
  if (retrySeconds === undefined) return status
  const duration = varintField(1, retrySeconds)
  const retryInfo = bytesField(1, duration)
  return [...status, ...bytesField(3, [...textField(1, 'type.googleapis.com/google.rpc.RetryInfo'), ...bytesField(2, retryInfo)])]
}

function varintField(field: number, value: number): readonly number[] {
  return [field << 3, ...varint(value)]
}

function textField(field: number, text: string): readonly number[] {
  return bytesField(field, [...Buffer.from(text)])
}

function bytesField(field: number, bytes: readonly number[]): readonly number[] {
  return [(field << 3) | 2, ...varint(bytes.length), ...bytes]
}

/** Seven bits a byte, the lowest first; the eighth bit marks every byte but the last. Up to 2^31: no code, length or capped wait is larger. */
function varint(value: number): readonly number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]
}
