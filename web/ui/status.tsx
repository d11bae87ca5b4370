import type { RequestStatus } from '../../src/api/contract.ts'
import { t } from './text.ts'

const marks: Record<RequestStatus, string> = {
  pending: '●',
  approved: '✓',
  rejected: '✕',
  expired: '○',
  withdrawn: '–',
}

/** A state in a mark, a colour, and always a word. */
export function Status({ of }: { of: RequestStatus }) {
  return (
    <span class={`status ${of}`}>
      <span aria-hidden="true">{marks[of]}</span> {t(`status.${of}`)}
    </span>
  )
}
