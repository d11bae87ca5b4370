import { useEffect } from 'preact/hooks'
import { hostOf } from '../ui/format.ts'
import { t } from '../ui/text.ts'

/** The browser came from the app, and goes back to it once the result could be read. */
export function Leaving({ to }: { to: string }) {
  useEffect(() => {
    const timer = setTimeout(() => location.assign(to), 1_500)
    return () => clearTimeout(timer)
  }, [to])

  return (
    <p role="status">
      {t('leaving.text')} <a href={to}>{t('leaving.link', { host: hostOf(to) })}</a>
    </p>
  )
}
