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
      <path
        pathLength={1}
        d="M2 20H84C96 20 108 3 112 4S102 25 107 25 114 13 118 13 115 22 119 22 123 16 126 16 125 21 129 21 138 18 158 17"
      />
    </svg>
  )
}
