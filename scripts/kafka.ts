// Makes sure that Apache Kafka is there for the tests of @sluice/kafka, also by itself: `node scripts/kafka.ts`. Maven fetches its jars
// (43 MB) into .tools, where they stay. Root on a system with apt gets Java and Maven installed. Everybody else gets the command to type,
// and the tests fail with the same command.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { installPackages, mayInstall, run } from './apt.ts'

interface Jars {
  readonly KAFKA_VERSION: string
  readonly kafkaFolder: () => string
  readonly kafkaCommand: () => unknown
}

export async function ensureKafka(): Promise<void> {
  const { href } = new URL('../packages/testing/src/kafka/jars.ts', import.meta.url)
  const { KAFKA_VERSION, kafkaFolder, kafkaCommand } = (await import(href)) as Jars
  const problem = (): string | undefined => {
    try {
      kafkaCommand()
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
  if (problem() === undefined) return
  const packages = [['java', 'default-jre-headless'] as const, ['mvn', 'maven'] as const]
    .filter(([program]) => run(program, '--version').status !== 0)
    .map(([, name]) => name)
  if (packages.length > 0 && mayInstall()) {
    console.log(`Installing ${packages.join(' ')} for the tests of Kafka (once, about 100 MB)…`)
    const output = installPackages(packages)
    if (output !== '') console.log(output)
  }
  if (problem() !== undefined && run('mvn', '--version').status === 0) {
    console.log(`Downloading Apache Kafka ${KAFKA_VERSION} for the tests (once, 43 MB)…`)
    const output = fetchJars(KAFKA_VERSION, kafkaFolder())
    if (output !== '') console.log(output)
  }
  const missing = problem()
  if (missing !== undefined) console.log(missing)
}

/** Returns why it failed, or an empty text. */
function fetchJars(version: string, folder: string): string {
  const temporary = mkdtempSync(join(tmpdir(), 'sluice-kafka-'))
  try {
    writeFileSync(join(temporary, 'pom.xml'), pomOf(version))
    // Beside its place and renamed, so that an interrupted run leaves no half of it.
    const fresh = `${folder}.new`
    rmSync(fresh, { recursive: true, force: true })
    mkdirSync(dirname(fresh), { recursive: true })
    const options = ['-q', '-B', '-ntp', '-f', join(temporary, 'pom.xml'), '-DincludeScope=runtime', `-DoutputDirectory=${fresh}`]
    const { status, output } = run('mvn', ...options, 'dependency:copy-dependencies')
    if (status !== 0) return output
    rmSync(folder, { recursive: true, force: true })
    renameSync(fresh, folder)
    return ''
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

function pomOf(version: string): string {
  const dependency = (group: string, artifact: string, number: string): string =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${number}</version></dependency>`
  // Without a logger, a broker that fails to start says nothing.
  const dependencies = [dependency('org.apache.kafka', 'kafka_2.13', version), dependency('org.slf4j', 'slf4j-simple', '1.7.36')]
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`
}

if (import.meta.main) await ensureKafka()
