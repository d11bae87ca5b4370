import type { Made, Order } from '../support/deliverer.ts'
import { poster, together } from './posts.ts'

/** The POST alone: nothing is kept, nothing is signed. */
export async function make({ url }: Order): Promise<Made> {
  const post = poster(url)
  let owed = 0
  return {
    async load(count) {
      owed += count
    },
    async drain() {
      await together(owed, () => post())
      owed = 0
    },
  }
}
