import type { ComponentChildren } from 'preact'

/** Small line drawings of what the guides speak of. The sentence beside each says the same. */
function Picture({ children }: { children: ComponentChildren }) {
  return (
    <svg class="picture" viewBox="0 0 64 64" aria-hidden="true">
      {children}
    </svg>
  )
}

/** The share button of Safari. */
export const SharePicture = () => (
  <Picture>
    <path d="M24 26h-8v28h32V26h-8M32 42V10M22 20l10-10 10 10" />
  </Picture>
)

/** "Add to Home Screen" in the sheet. */
export const PlusPicture = () => (
  <Picture>
    <rect x="12" y="12" width="40" height="40" rx="8" />
    <path d="M32 22v20M22 32h20" />
  </Picture>
)

/** A home screen with one icon more. */
export const HomePicture = () => (
  <Picture>
    <rect x="18" y="6" width="28" height="52" rx="5" />
    <rect x="23" y="14" width="7" height="7" rx="2" />
    <rect x="34" y="14" width="7" height="7" rx="2" />
    <rect class="strong" x="23" y="26" width="7" height="7" rx="2" />
    <path d="M28 52h8" />
  </Picture>
)

/** The settings of a site, beside its address. */
export const LockPicture = () => (
  <Picture>
    <rect x="6" y="22" width="52" height="20" rx="10" />
    <rect class="strong" x="14" y="30" width="9" height="7" rx="1.5" />
    <path d="M16 30v-2.5a2.5 2.5 0 0 1 5 0V30M30 32h20" />
  </Picture>
)

/** Notices, allowed. */
export const BellPicture = () => (
  <Picture>
    <path d="M16 44h32c-4-4-5-8-5-16a11 11 0 0 0-22 0c0 8-1 12-5 16ZM28 50a4.5 4.5 0 0 0 8 0M32 12v4" />
  </Picture>
)
