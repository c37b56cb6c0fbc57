import { Client, credentials, type ClientOptions, type ChannelCredentials, Metadata, type ServiceError } from '@grpc/grpc-js'

/** Calls of grpc-js whose messages are bytes. */
export class RawClient {
  readonly client: Client

  constructor(url: string, options: ClientOptions = {}, security: ChannelCredentials = credentials.createInsecure()) {
    this.client = new Client(new URL(url).host, security, options)
  }

  unary(path: string, message: Uint8Array, { deadline, metadata = new Metadata() }: CallSettings = {}): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        path,
        asBuffer,
        (bytes) => bytes,
        message,
        metadata,
        deadline === undefined ? {} : { deadline },
        (error, answer) => {
          if (error !== null) reject(error)
          else resolve(answer as Buffer)
        },
      )
    })
  }

  bidi(path: string) {
    return this.client.makeBidiStreamRequest(path, asBuffer, (bytes) => bytes)
  }

  close(): void {
    this.client.close()
  }
}

export interface CallSettings {
  readonly deadline?: Date | undefined
  readonly metadata?: Metadata | undefined
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes)
}

/** The status of a call that fails. */
export async function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call
  } catch (error) {
    return error as ServiceError
  }
  throw new Error('expected the call to fail')
}
