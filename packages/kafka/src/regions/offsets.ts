interface Begun {
  readonly offset: bigint
  isDone: boolean
}

/** Which messages of each partition are applied. Only an offset with all before it may be committed. */
export class Offsets {
  private readonly partitions = new Map<number, Begun[]>()

  begin(partition: number, offset: bigint): void {
    const begun = this.partitions.get(partition)
    if (begun === undefined) this.partitions.set(partition, [{ offset, isDone: false }])
    else if (!begun.some((message) => message.offset === offset)) begun.push({ offset, isDone: false })
  }

  /** @returns the offset that may be committed now, if it is another one */
  done(partition: number, offset: bigint): bigint | undefined {
    const begun = this.partitions.get(partition) ?? []
    const message = begun.find((each) => each.offset === offset)
    if (message !== undefined) message.isDone = true
    let last: bigint | undefined
    while (begun[0]?.isDone === true) last = begun.shift()?.offset
    return last === undefined ? undefined : last + 1n
  }

  /** Another member may have a partition now. */
  clear(): void {
    this.partitions.clear()
  }
}
