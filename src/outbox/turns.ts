/** Others are waited for no longer than this, unless the store is still busy with those before. */
const GATHER_MS = 10

/**
 * Lets what ends within a few milliseconds go on together: while there is more to do than slots, a commit for each would
 * cost more than all else. One turn at a time: the slower the store, the more share the next one.
 *
 * @param enough so many need wait for no others
 * @param isBusy whether the turn before is not over
 * @param onTurn called when they go on
 */
export function gatherTurns(enough: number, isBusy: () => boolean, onTurn: () => void) {
  let turn: PromiseWithResolvers<void> | undefined
  let waiting = 0
  let isDue = false
  let timer: NodeJS.Timeout | undefined

  function end() {
    isDue = turn !== undefined
    if (!turn || isBusy()) return
    clearTimeout(timer)
    const { resolve } = turn
    turn = undefined
    waiting = 0
    isDue = false
    resolve()
    onTurn()
  }

  return {
    next(): Promise<void> {
      if (!turn) {
        turn = Promise.withResolvers()
        timer = setTimeout(end, GATHER_MS)
      }
      const { promise } = turn
      waiting += 1
      if (waiting >= enough) end()
      return promise
    },
    /** The turn before is over. */
    over() {
      if (isDue) end()
    },
  }
}
