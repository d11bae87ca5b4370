/** A line that stands in the file. */
interface Found {
  seq: string
  hash: Buffer
}

/**
 * Holds the lines of one checkpoint against the hashes that were sealed, and says of each difference what it is.
 *
 * @param before entries of the log before these
 * @returns how many lines hold, and a sentence for each that does not
 */
export function compareEntries(found: readonly Found[], sealed: readonly Buffer[], before: number) {
  const faults: string[] = []
  const places = new Map(sealed.map((hash, i) => [hash.toString('base64'), i]))
  const place = (line: Found | undefined) => line && places.get(line.hash.toString('base64'))
  const missing = new Set(sealed.keys())
  for (const line of found) missing.delete(place(line) ?? -1)

  const stays = longestRise(found.map((line) => place(line) ?? -1))
  const seen = new Map<number, string>()
  let holding = 0
  let next = 0
  for (const [i, line] of found.entries()) {
    const at = place(line)
    if (at === undefined) {
      if (missing.delete(next)) {
        faults.push(`Entry ${line.seq} was changed.`)
        seen.set(next, line.seq)
        next += 1
      } else faults.push(`Entry ${line.seq} was added.`)
    } else if (seen.has(at)) {
      faults.push(`Entry ${line.seq} stands there twice.`)
    } else {
      seen.set(at, line.seq)
      if (stays.has(i)) {
        holding += 1
        next = at + 1
      } else
        faults.push(`Entry ${line.seq} was moved: it stood ${at < next ? 'further up' : 'further down'}.`)
    }
  }
  for (const [first, last] of runsOf([...missing].toSorted((a, b) => a - b))) {
    const count = last - first + 1
    const what = count === 1 ? 'An entry was' : `${count} entries were`
    const above = seen.get(first - 1)
    const below = seen.get(last + 1)
    const where = [above && `behind entry ${above}`, below && `before entry ${below}`].filter(Boolean)
    faults.push(
      `${what} removed${where.length > 0 ? ` ${where.join(' and ')}` : ''} (place ${before + first + 1} of the log).`,
    )
  }
  return { holding, faults }
}

/** First and last of the numbers that follow each other. */
function runsOf(numbers: readonly number[]): [number, number][] {
  const runs: [number, number][] = []
  for (const number of numbers) {
    const last = runs.at(-1)
    if (last && last[1] === number - 1) last[1] = number
    else runs.push([number, number])
  }
  return runs
}

/** Of numbers in any order, where those stand that rise and are the most: whoever moved the fewest left these. */
function longestRise(numbers: readonly number[]): Set<number> {
  // For each length, where the rise of that length ends that ends lowest.
  const ends: number[] = []
  const before: (number | undefined)[] = []
  for (const [i, number] of numbers.entries()) {
    if (number < 0) continue
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((numbers[ends[middle] as number] as number) < number) low = middle + 1
      else high = middle
    }
    before[i] = ends[low - 1]
    ends[low] = i
  }
  const rise = new Set<number>()
  for (let i = ends.at(-1); i !== undefined; i = before[i]) rise.add(i)
  return rise
}
