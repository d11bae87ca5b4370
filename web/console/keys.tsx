import { t } from '../ui/text.ts'
import type { PartProps } from './app-page.tsx'
import { AppSecrets } from './app-secrets.tsx'
import { EncryptionKey } from './encryption-key.tsx'
import { SigningSecrets } from './signing-secrets.tsx'
import { Tls } from './tls.tsx'

/** What an app proves itself by, and what proves us to it. */
export function Keys(props: PartProps) {
  return (
    <>
      <p class="lead">{t('keys.lead')}</p>
      <AppSecrets {...props} />
      <SigningSecrets {...props} />
      <EncryptionKey {...props} />
      <Tls {...props} />
    </>
  )
}
