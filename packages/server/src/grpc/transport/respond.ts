import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { percentEncoded, STATUS, type StatusCode } from './status.ts'

const { NGHTTP2_NO_ERROR } = constants

/** The fields of every answer. A message that is compressed is answered by what is accepted instead. */
export const ANSWER: OutgoingHttpHeaders = { ':status': 200, 'content-type': 'application/grpc+proto' }
export const WITH_TRAILERS = { waitForTrailers: true } as const
const ONLY = { endStream: true } as const

/** The trailers of a call. */
export function trailersOf(status: StatusCode, message: string): OutgoingHttpHeaders {
  const trailers: OutgoingHttpHeaders = { 'grpc-status': String(status) }
  if (message !== '') trailers['grpc-message'] = percentEncoded(message)
  if (status === STATUS.UNIMPLEMENTED) trailers['grpc-accept-encoding'] = 'identity'
  return trailers
}

/** Answers a call by its status alone, before anything else was sent. The client need not send the rest of its request. */
export function refuse(stream: ServerHttp2Stream, status: StatusCode, message: string): void {
  if (stream.destroyed || stream.headersSent) return
  stream.respond({ ...ANSWER, ...trailersOf(status, message) }, ONLY)
  stream.close(NGHTTP2_NO_ERROR)
}

/** Answers what is no call of gRPC. */
export function refuseHttp(stream: ServerHttp2Stream, status: number, headers: OutgoingHttpHeaders = {}): void {
  stream.respond({ ':status': status, ...headers }, ONLY)
  stream.close(NGHTTP2_NO_ERROR)
}
