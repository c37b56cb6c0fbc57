/// <reference types="node" />
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The version of Apache Kafka that the tests run on. */
export const KAFKA_VERSION = '4.4.0'
const OLDEST_JAVA = 17

/** The folder into which `node scripts/kafka.ts` puts the jars. */
export function kafkaFolder(): string {
  return fileURLToPath(new URL(`../../../../.tools/servers/kafka-${KAFKA_VERSION}`, import.meta.url))
}

/**
 * The program `java`, and the class path of Kafka.
 * @throws with what to type. No test is skipped.
 */
export function kafkaCommand(): { readonly java: string; readonly classPath: string } {
  const java = javaProgram()
  const missing: string[] = []
  if (java === undefined) missing.push(`Java ${OLDEST_JAVA} or newer: sudo apt-get install --no-install-recommends default-jre-headless`)
  const folder = process.env['SLUICE_KAFKA_JARS'] || kafkaFolder()
  const hasJars = existsSync(folder) && readdirSync(folder).some((name) => name.startsWith(`kafka_`))
  if (!hasJars) missing.push(`its jars: node scripts/kafka.ts (needs Maven), or SLUICE_KAFKA_JARS=/path/to/kafka/libs`)
  if (java === undefined || missing.length > 0)
    throw new Error([`The tests need Apache Kafka ${KAFKA_VERSION}, and something is missing.`, ...missing].join('\n  '))
  return { java, classPath: `${folder}/*` }
}

function javaProgram(): string | undefined {
  const home = process.env['JAVA_HOME']
  return [...(home ? [`${home}/bin/java`] : []), 'java'].find((path) => versionOf(path) >= OLDEST_JAVA)
}

function versionOf(path: string): number {
  try {
    // Such as: openjdk 17.0.15 2025-04-15
    const text = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 })
    return Number(/^\S+ (\d+)/.exec(text)?.[1] ?? 0)
  } catch {
    return 0
  }
}
