import type { Approval, Review } from '../../src/api/contract.ts'
import { post } from '../ui/api.ts'
import { challengeOf } from './challenge.ts'

/** What is on the screen, and what a passkey is asked to sign: the same. */
export interface Shown {
  approval: Approval
  text: string
  /** Numbers of the details that are kept back. */
  withheld: number[]
  options: Review['options']
}

/** What would be signed is not what would be shown. */
export class Altered extends Error {
  override readonly name = 'Altered'
}

let early: { id: string; shown: Shown } | undefined

/** Opens the request that the document was opened for, before its page is drawn. What stands against it is told there. */
export async function reviewEarly(id: string) {
  await takeReview(id).then(
    (shown) => {
      early = { id, shown }
    },
    () => {},
  )
}

/** What was opened early and is there by now, once. */
export function reviewInHand(id: string): Shown | undefined {
  const known = early?.id === id ? early.shown : undefined
  early = undefined
  return known
}

/**
 * Opens a request for decision.
 *
 * @throws Altered when the challenge is not the one of this text, or the text is about something else
 */
export async function takeReview(requestId: string, withheld: number[] = []): Promise<Shown> {
  const review = await post<Review>(`/v1/me/requests/${requestId}/review`, { withheld })
  if ((await challengeOf(review)) !== review.options.challenge) throw new Altered()

  const approval = JSON.parse(review.approval) as Approval
  const isOurs = approval.v === 1 && approval.decision === 'approve' && approval.request_id === requestId
  if (!isOurs) throw new Altered()
  // What is kept back is read from what will be signed, not from what was wished.
  const keptBack = approval.authorization_details.flatMap(({ granted }, i) => (granted ? [] : [i]))
  return { approval, text: review.approval, withheld: keptBack, options: review.options }
}
