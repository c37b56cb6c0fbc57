/** Resolves at the first signal to end. A second one ends the process at once, unless `isPatient`. @param reload is called at SIGHUP */
export function untilEnded(reload: () => void, isPatient: boolean): Promise<void> {
  return new Promise((resolve) => {
    let signals = 0
    const end = (signal: NodeJS.Signals): void => {
      signals += 1
      if (signals === 1) resolve()
      else if (!isPatient) process.exit(signal === 'SIGINT' ? 130 : 143)
    }
    process.on('SIGTERM', end)
    process.on('SIGINT', end)
    process.on('SIGHUP', reload)
  })
}
