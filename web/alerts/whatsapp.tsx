import { useEffect, useState } from 'preact/hooks'
import type { ContactCard, WhatsappLink } from '../../src/api/contract.ts'
import { useAction } from '../ui/action.ts'
import { post } from '../ui/api.ts'
import { Button } from '../ui/button.tsx'
import { Copy } from '../ui/copy.tsx'
import { Failure } from '../ui/failure.tsx'
import { when } from '../ui/format.ts'
import { useLoad } from '../ui/load.tsx'
import { locale, t } from '../ui/text.ts'

/** How often the page looks whether the message has come. */
const LOOK_MS = 3_000

interface Props {
  contacts: ContactCard[]
  reload: () => Promise<void>
}

/** Connects a phone, or brings one back: its user sends us a message with a code. */
export function UseWhatsapp({ contacts, reload }: Props) {
  const whatsapp = useLoad<{ is_on: boolean }>('/v1/me/whatsapp')
  const [link, setLink] = useState<WhatsappLink>()
  const begin = useAction(async () =>
    setLink(await post<WhatsappLink>('/v1/me/whatsapp/link', { language: locale })),
  )
  const phones = contacts.filter(({ channel }) => channel === 'whatsapp')
  const isPaused = phones.some(({ state }) => state !== 'active')
  const told = phones.map(({ id, state }) => `${id} ${state}`).join()

  // Whatever came of it shows in the list above.
  useEffect(() => setLink(undefined), [told])
  useEffect(() => {
    if (!link) return
    const timer = setInterval(reload, LOOK_MS)
    return () => clearInterval(timer)
  }, [link, reload])

  if (!whatsapp.data?.is_on) return null
  if (link) return <Send link={link} />
  return (
    <>
      <Failure error={begin.error} />
      <Button isBusy={begin.isBusy} onClick={begin.run}>
        {isPaused ? t('contacts.whatsapp.again') : t('contacts.whatsapp.use')}
      </Button>
    </>
  )
}

function Send({ link: { url, text, number, expires_at } }: { link: WhatsappLink }) {
  return (
    <div class="card">
      <p>{t('contacts.whatsapp.send', { number })}</p>
      <a class="button primary" href={url} target="_blank" rel="noopener noreferrer">
        {t('contacts.whatsapp.open')}
      </a>
      <p class="quiet">{t('contacts.whatsapp.consent')}</p>
      <Elsewhere url={url} />
      <Copy label={t('contacts.whatsapp.words')} value={text} />
      <p class="quiet" role="status">
        {t('contacts.whatsapp.waiting', { at: when(expires_at) })}
      </p>
    </div>
  )
}

/** For a page on another device than the phone. The drawing is fetched when somebody wants it. */
function Elsewhere({ url }: { url: string }) {
  const [dots, setDots] = useState<boolean[][]>()
  const draw = async () => setDots((await import('uqr')).encode(url).data)
  return (
    <details onToggle={() => void draw()}>
      <summary>{t('contacts.whatsapp.scan')}</summary>
      {dots && <Drawing dots={dots} />}
    </details>
  )
}

const Drawing = ({ dots }: { dots: boolean[][] }) => (
  <svg class="qr" viewBox={`0 0 ${dots.length} ${dots.length}`} role="img">
    <title>{t('contacts.whatsapp.scan')}</title>
    <path
      d={dots.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ''))).join('')}
    />
  </svg>
)
