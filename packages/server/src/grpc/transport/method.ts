import type { MaybePromise } from '@sluice/core'
import type { StatusCode } from './status.ts'

/** What a method gets to know of its call. */
export interface CallInfo {
  /** Metadata of the call: its header fields, by names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The address that the connection came from. */
  readonly peer: string | undefined
}

/** A method with one request and one answer. */
export interface UnaryMethod {
  /** @returns the answer with its prefix, as `Writer.frame` makes it. @throws StatusError */
  unary(this: void, message: Buffer, call: CallInfo): MaybePromise<Buffer>
}

/** A method whose call lasts: requests come and answers go until one side ends it. */
export interface StreamMethod {
  stream(this: void, call: StreamCall): StreamListener
}

export type Method = UnaryMethod | StreamMethod

/** A call that lasts, as its method uses it. */
export interface StreamCall extends CallInfo {
  /** Sends an answer with its prefix. Nothing is sent after the call has ended. */
  send(frame: Buffer): void
  /** Ends the call. The answers before it are still sent. */
  end(status: StatusCode, message?: string): void
  /** Stops reading requests, or goes on: so the client waits by the flow control of HTTP/2. */
  pause(): void
  resume(): void
  /** Runs `run` when the call has ended, for any reason. */
  onClose(run: () => void): void
}

/** What a method hears of its call. */
export interface StreamListener {
  /** A request. @throws StatusError */
  message?(message: Buffer): void
  /** The client sends no more. */
  halfClosed?(): void
  /** The connection ends soon: the client should open the call on another one. */
  draining?(): void
}

/** Methods by their path, such as `/grpc.health.v1.Health/Check`. */
export type Methods = Readonly<Record<string, Method>>
