import { SIGNATURE } from './signature-path.ts'

/** The name over a signature line. */
export function Wordmark() {
  return (
    <span class="wordmark">
      Countersign
      <Signature />
    </span>
  )
}

/** A line that becomes a hand: the mark of the product, and what is drawn when something is approved. */
export function Signature() {
  return (
    <svg class="signature" viewBox="0 0 160 28" aria-hidden="true" focusable="false">
      <path pathLength={1} d={SIGNATURE} />
    </svg>
  )
}
