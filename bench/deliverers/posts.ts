import { Pool } from 'undici'
import { BODY, UNDER_WAY } from '../support/deliverer.ts'

/** Posts by undici as it comes, over kept connections. */
export function poster(url: string) {
  const { origin, pathname } = new URL(url)
  const pool = new Pool(origin, { connections: UNDER_WAY, pipelining: 1 })
  return async (headers: Record<string, string> = {}, body: string | Uint8Array = BODY) => {
    const answer = await pool.request({
      method: 'POST',
      path: pathname,
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
    await answer.body.text()
    if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`)
  }
}

/** Does so many things, no more than `UNDER_WAY` at a time. */
export async function together(count: number, work: (index: number) => Promise<unknown>, most = UNDER_WAY) {
  let next = 0
  const lane = async () => {
    while (next < count) {
      const index = next
      next += 1
      await work(index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(most, count) }, lane))
}
