import { t } from './text.ts'

/** Grey lines where text will be. The style sheet keeps them unseen for the first 300 ms. */
export function Skeleton() {
  return (
    <div class="skeleton" role="status">
      <span class="unseen">{t('loading')}</span>
      <i />
      <i />
      <i />
    </div>
  )
}
