import type { ArgumentsHost } from '@nestjs/common'

// google.rpc.Status with one google.rpc.RetryInfo, for the trailer where gRPC's clients look for details. Three messages of
// five fields are not worth a dependency.

interface Metadata {
  set(key: string, value: Uint8Array): void
}
interface Details {
  readonly code: number
  readonly message: string
  /** `undefined`: retrying does not help, so there is no RetryInfo. */
  readonly retrySeconds: number | undefined
}

/** The trailer's metadata, made by the class of the call's own; `undefined` where the call is not gRPC. */
export function grpcDetails(context: ArgumentsHost, details: Details): Metadata | undefined {
  const call = context.getArgByIndex<{ getPeer?: unknown } | undefined>(2)
  const given = context.getArgByIndex<object | undefined>(1)
  if (typeof call?.getPeer !== 'function' || given === undefined) return undefined
  const metadata = new (given.constructor as new () => Metadata)()
  metadata.set('grpc-status-details-bin', Buffer.from(statusOf(details)))
  return metadata
}

function statusOf({ code, message, retrySeconds }: Details): readonly number[] {
  const status = [...varintField(1, code), ...textField(2, message)]
  if (retrySeconds === undefined) return status
  const duration = varintField(1, retrySeconds)
  const info = bytesField(1, duration)
  return [...status, ...bytesField(3, [...textField(1, 'type.googleapis.com/google.rpc.RetryInfo'), ...bytesField(2, info)])]
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

/** Seven bits a byte, the lowest first; all but the last have the eighth. Up to 2^31, which no code, length or capped wait comes near. */
function varint(value: number): readonly number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]
}
