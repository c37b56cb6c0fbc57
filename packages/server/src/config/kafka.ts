import { SluiceError } from '@sluice/core'
import type { Kafka } from 'kafkajs'

/** What a URL of Kafka says. */
export interface KafkaPlace {
  readonly hosts: readonly string[]
  readonly ssl: boolean
  readonly user: { readonly username: string; readonly password: string } | undefined
  readonly topic: string | undefined
}

/** Reads `kafka://user:password@host:9092,host:9092/topic`. `undefined` for another text. */
export function kafkaPlace(place: string): KafkaPlace | undefined {
  const [, scheme, credentials, hosts, topic] = /^(kafkas?):\/\/(?:([^@/]*)@)?([^@/]+)(?:\/([\w.-]+))?\/?$/.exec(place) ?? []
  if (hosts === undefined) return undefined
  const [username = '', password = ''] = credentials?.split(':').map(decodeURIComponent) ?? []
  return {
    hosts: hosts.split(',').map((host) => (/:\d+$/.test(host) ? host : `${host}:9092`)),
    ssl: scheme === 'kafkas',
    user: credentials === undefined ? undefined : { username, password },
    topic,
  }
}

/** A client of kafkajs, which is not a dependency: most services have no Kafka. @throws ERR_CONFIG_INVALID if it is not installed */
export async function kafkaOf({ hosts, ssl, user }: KafkaPlace, setting: string): Promise<Kafka> {
  const { Kafka, logLevel } = await import('kafkajs').catch((error: unknown) => {
    throw new SluiceError(
      'ERR_CONFIG_INVALID',
      `${setting}: Kafka needs the package kafkajs, which is not installed:  npm install kafkajs`,
      { cause: error },
    )
  })
  return new Kafka({
    clientId: 'sluice-server',
    brokers: [...hosts],
    ssl,
    ...(user !== undefined && { sasl: { mechanism: 'plain' as const, ...user } }),
    logLevel: logLevel.NOTHING,
  })
}
