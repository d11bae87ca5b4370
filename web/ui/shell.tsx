import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import type { Me } from '../../src/api/contract.ts'
import { get } from './api.ts'
import { readInbox, useInbox } from './inbox.ts'
import { useLive } from './live.ts'
import { type Key, t } from './text.ts'
import { Wordmark } from './wordmark.tsx'

const places: [path: string, name: Extract<Key, `nav.${string}`>][] = [
  ['/', 'nav.inbox'],
  ['/tokens', 'nav.tokens'],
  ['/history', 'nav.history'],
  ['/security', 'nav.security'],
  ['/apps', 'nav.apps'],
]

/** A page below a place is of that place. */
const isAt = (path: string, to: string) => path === to || (to !== '/' && path.startsWith(`${to}/`))

/** The frame of every page of someone who is signed in. */
export function Shell({ children, isWide }: { children: ComponentChildren; isWide?: boolean }) {
  const { path } = useLocation()
  useLive(readInbox)
  useEffect(() => void readInbox(), [])
  useEffect(keepAlertsInStep, [])
  const isOperator = useOperator()

  return (
    <div class={isWide ? 'page wide' : 'page'}>
      <header>
        <a class="home" href="/">
          <Wordmark />
        </a>
        <nav aria-label={t('nav.label')}>
          {places.map(([to, name]) => (
            <a key={to} href={to} {...(isAt(path, to) && { 'aria-current': 'page' })}>
              {t(name)}
              {to === '/' && <Count />}
            </a>
          ))}
          {isOperator && (
            <a href="/operator" {...(isAt(path, '/operator') && { 'aria-current': 'page' })}>
              {t('nav.operator')}
            </a>
          )}
        </nav>
      </header>
      <main>{children}</main>
    </div>
  )
}

let role: Promise<Me['role']> | undefined

/** Whether whoever is signed in has the operator pages; asked once a document. */
function useOperator(): boolean {
  const [isOperator, setOperator] = useState(false)
  useEffect(() => {
    role ??= get<Me>('/v1/me').then((me) => me.role)
    role
      .then((known) => setOperator(known !== 'owner'))
      .catch(() => {
        role = undefined
      })
  }, [])
  return isOperator
}

let isInStep = false

/** Once a document, where this device was let tell of requests. */
function keepAlertsInStep() {
  if (isInStep || !('Notification' in window) || Notification.permission !== 'granted') return
  isInStep = true
  // What did not work now is tried at the next opening.
  void import('../alerts/push.ts').then(({ keepInStep }) => keepInStep()).catch(() => {})
}

function Count() {
  const { page } = useInbox()
  const waiting = page?.requests.length ?? 0
  if (!waiting) return null
  return (
    <>
      {' '}
      <span class="count">
        {waiting}
        {page?.next && '+'}
        <span class="unseen"> {t('nav.waiting')}</span>
      </span>
    </>
  )
}

/** The frame of the pages before sign-in. */
export function Porch({ children }: { children: ComponentChildren }) {
  return (
    <div class="page porch">
      <header>
        <Wordmark />
      </header>
      <main>{children}</main>
    </div>
  )
}
