import type { RequestStatus } from '../../src/api/contract.ts'
import { ApiProblem, post } from '../ui/api.ts'
import { usePasskeyFor } from '../ui/passkey.ts'
import { type Shown, takeReview } from './take-review.ts'

export interface Decision {
  status: RequestStatus
  /** Where the browser goes now, for requests that began with a redirect. */
  redirect_to: string | null
}

/** The request is not what was read: here is how it reads now. */
export class Changed extends Error {
  override readonly name = 'Changed'
  readonly now: Shown

  constructor(now: Shown) {
    super()
    this.now = now
  }
}

/** Refusing needs no passkey: it must be the cheap way out. */
export const reject = (id: string) => post<Decision>(`/v1/me/requests/${id}/reject`)

/** Refuses, and lets the app ask no more: the user did not expect it. */
export const reportAndBlock = (id: string) => post<Decision>(`/v1/me/requests/${id}/reject`, { report: true })

/**
 * Signs what is shown.
 *
 * @throws Changed when the request reads differently by now, so nothing was approved
 */
export async function approve(id: string, shown: Shown, isRenewed = false): Promise<Decision> {
  const credential = await usePasskeyFor(shown.options)
  try {
    return await post<Decision>(`/v1/me/requests/${id}/approve`, { credential })
  } catch (error) {
    if (!isStale(error) || isRenewed) throw error
    const fresh = await takeReview(id, shown.withheld)
    if (fresh.text !== shown.text || error.problem.code === 'approval_changed') throw new Changed(fresh)
    // The review was only too old. What it says is the same, so the passkey is asked again and nobody reads twice.
    return approve(id, fresh, true)
  }
}

export const isSettled = (error: unknown) =>
  error instanceof ApiProblem && error.problem.code === 'request_settled'

const isStale = (error: unknown): error is ApiProblem =>
  error instanceof ApiProblem && [409, 410].includes(error.problem.status) && !isSettled(error)
