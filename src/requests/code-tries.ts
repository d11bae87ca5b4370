import { DAY, HOUR, MINUTE } from '#base/clock.ts'
import type { Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'

/** How often a user was wrong about a code, and what is counted of whom. */
export interface Tries {
  userId: string
  /** `match`, for all codes of all requests; `user_code:` and a client, for what that client said. */
  about: string
  /** Wrong ones in a row. Time does not make them fewer, nor does a new code: only a right one does. */
  failures: number
  lockedUntil: number
}

/** Wrong codes in a row after which no more are looked at for a while (NIST SP 800-63B-4 §3.1.3). */
export const MOST_TRIES = 5
/** How long then: from the fifth on, the sixth, and any more. */
const LOCKS_MS = [15 * MINUTE, HOUR, DAY]

/** For one who tries: of two at the same moment, on whichever node, the second waits for the first. */
export async function lockTries(tx: Transaction, userId: string, about: string): Promise<Tries> {
  await tx.run(sql`
    insert into code_tries (user_id, about, failures, locked_until)
    values (${userId}, ${about}, 0, 0) on conflict do nothing`)
  const tries = await tx.one<Tries>(sql`
    select user_id, about, failures, locked_until
      from code_tries where user_id = ${userId} and about = ${about} /* for update */`)
  if (!tries) throw new Error('What was just counted is not there.')
  return tries
}

/** @returns how it stands now */
export async function noteWrong(tx: Transaction, { userId, about, ...before }: Tries, now: number) {
  const failures = before.failures + 1
  const lock = LOCKS_MS[Math.min(failures - MOST_TRIES, LOCKS_MS.length - 1)]
  const lockedUntil = lock === undefined ? 0 : now + lock
  await tx.run(sql`
    update code_tries set failures = ${failures}, locked_until = ${lockedUntil}
     where user_id = ${userId} and about = ${about}`)
  return { failures, lockedUntil }
}

/** A right one makes good what was before. */
export const forgetTries = (tx: Transaction, { userId, about }: Pick<Tries, 'userId' | 'about'>) =>
  tx.run(sql`delete from code_tries where user_id = ${userId} and about = ${about}`)
