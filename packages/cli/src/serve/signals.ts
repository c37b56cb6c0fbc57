import process from 'node:process'

/** The status of a process that a second signal ends. */
const ENDED = 2

/** Resolves at the first SIGTERM or SIGINT. The next one ends the process at once, for a service that does not end. */
export function signalled(): Promise<void> {
  return new Promise((resolve) => {
    let isEnding = false
    const onSignal = (): void => {
      if (isEnding) process.exit(ENDED)
      isEnding = true
      resolve()
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}
