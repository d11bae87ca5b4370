import type { ComponentChildren } from 'preact'
import { useLocation } from 'preact-iso/router'
import { Heading } from '../ui/heading.tsx'
import { Shell } from '../ui/shell.tsx'
import { type Key, t } from '../ui/text.ts'
import './operator.css'

const places: [path: string, name: Extract<Key, `operator.nav.${string}`>][] = [
  ['/operator', 'operator.nav.health'],
  ['/operator/reviews', 'operator.nav.reviews'],
  ['/operator/users', 'operator.nav.users'],
  ['/operator/apps', 'operator.nav.apps'],
  ['/operator/events', 'operator.nav.events'],
  ['/operator/feedback', 'operator.nav.feedback'],
  ['/operator/settings', 'operator.nav.settings'],
]

/** The frame of the operator pages: where one is among them, what this page is, and what it is for. */
export function Frame(props: { title: string; lead?: string; children: ComponentChildren }) {
  const { path } = useLocation()
  const isAt = (to: string) => path === to || (to !== '/operator' && path.startsWith(`${to}/`))
  return (
    <Shell isWide>
      <nav class="parts" aria-label={t('operator.nav.label')}>
        {places.map(([to, name]) => (
          <a key={to} href={to} {...(isAt(to) && { 'aria-current': 'page' })}>
            {t(name)}
          </a>
        ))}
      </nav>
      <Heading title={props.title} />
      {props.lead && <p class="lead">{props.lead}</p>}
      {props.children}
    </Shell>
  )
}
