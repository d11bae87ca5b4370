/** Others are waited for no longer than this. */
const GATHER_MS = 4

/**
 * Lets what ends within a few milliseconds go on together: while there is more to do than slots, a commit for each would
 * cost more than all else.
 *
 * @param enough so many need wait for no others
 * @param onTurn called when they go on
 */
export function gatherTurns(enough: number, onTurn: () => void) {
  let turn: PromiseWithResolvers<void> | undefined
  let waiting = 0
  let timer: NodeJS.Timeout | undefined

  const end = () => {
    clearTimeout(timer)
    turn?.resolve()
    turn = undefined
    waiting = 0
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
  }
}
