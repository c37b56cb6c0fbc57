/** How many keys are read at a time, so that a long time range does not hold up the server for others. */
const AT_A_TIME = 16

export async function inParts<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += AT_A_TIME) await Promise.all(items.slice(i, i + AT_A_TIME).map(run))
}
