/** Prints the steps of a flow as they happen, each with what went over the wire and how long it took. */
export function createSteps(write: (line: string) => void) {
  let count = 0
  return {
    /** Does one step. A step that fails is shown as failed, and ends the flow. */
    async step<T>(title: string, work: () => Promise<{ result: T; shown: string[] }>): Promise<T> {
      count += 1
      const startedAt = performance.now()
      try {
        const { result, shown } = await work()
        const ms = performance.now() - startedAt
        write(`\n${count}. ${title}  (${ms.toFixed(1)} ms)`)
        for (const line of shown) write(`     ${line}`)
        return result
      } catch (fault) {
        write(`\n${count}. ${title}: FAILED`)
        throw fault
      }
    },
  }
}

/** The first and last characters of a secret: enough to tell two apart, too little to use. */
export const shortened = (secret: string) => `${secret.slice(0, 10)}…${secret.slice(-6)}`
