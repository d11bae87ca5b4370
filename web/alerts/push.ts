import { get, put, removeWith } from '../ui/api.ts'
import { locale, moreTexts, t } from '../ui/text.ts'

/** Whether this device tells of requests, or why it cannot. */
export type AlertState = 'on' | 'off' | 'lost' | 'blocked' | 'needs-install' | 'unsupported'

/** Set while the user wants to be told on this device, so that a subscription that was lost is noticed. */
const WANTED = 'alerts'

export async function alertState(): Promise<AlertState> {
  // On an iPhone only a page on the home screen may be told (iOS 16.4).
  if (isApplePhone() && !isInstalled()) return 'needs-install'
  if (!('serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window))
    return 'unsupported'
  if (Notification.permission === 'denied') return 'blocked'
  const isOn = Notification.permission === 'granted' && (await subscription()) !== null
  if (isOn) return 'on'
  return localStorage.getItem(WANTED) ? 'lost' : 'off'
}

const isApplePhone = () =>
  /iPhone|iPad/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1)
const isInstalled = () => matchMedia('(display-mode: standalone)').matches

/** Asks the browser for leave, then tells the server where to. Must be called from a press of a button. */
export async function turnOn(): Promise<AlertState> {
  if ((await Notification.requestPermission()) !== 'granted') return alertState()
  await keep(await subscribe())
  localStorage.setItem(WANTED, '1')
  return alertState()
}

export async function turnOff(): Promise<AlertState> {
  localStorage.removeItem(WANTED)
  const known = await subscription()
  if (known) {
    await removeWith('/v1/me/push', { endpoint: known.endpoint })
    await known.unsubscribe()
  }
  return alertState()
}

/** On each opening: the server hears where this device is now, and a subscription that was lost is made again. */
export async function keepInStep() {
  const known = await subscription()
  if (known) return keep(known)
  if (!localStorage.getItem(WANTED)) return
  await keep(await subscribe())
  const [registration] = await Promise.all([navigator.serviceWorker.ready, moreTexts()])
  await registration.showNotification(t('alerts.again.title'), {
    body: t('alerts.again.text'),
    lang: locale,
    tag: 'alerts',
    icon: '/icon-192.png',
    data: { path: '/alerts', receipt: null },
  })
}

async function subscription() {
  const registration = await navigator.serviceWorker.getRegistration()
  return (await registration?.pushManager.getSubscription()) ?? null
}

async function subscribe() {
  const { public_key } = await get<{ public_key: string }>('/v1/me/push')
  await navigator.serviceWorker.register(workerUrl())
  const { pushManager } = await navigator.serviceWorker.ready
  const options = { userVisibleOnly: true, applicationServerKey: public_key }
  return pushManager.subscribe(options)
}

const keep = (subscription: PushSubscription) => {
  const { endpoint, keys } = subscription.toJSON()
  return put('/v1/me/push', { endpoint, keys, language: locale })
}

/** Our policy allows this one address to become a worker (Trusted Types). */
function workerUrl(): string {
  const types = (window as unknown as { trustedTypes?: TrustedTypes }).trustedTypes
  policy ??= types?.createPolicy('sw', {
    createScriptURL(url) {
      if (url === WORKER) return url
      throw new TypeError('Only our own worker may be started.')
    },
  })
  return policy ? (policy.createScriptURL(WORKER) as unknown as string) : WORKER
}

const WORKER = '/sw.js'
let policy: TrustedTypePolicy | undefined

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): TrustedTypePolicy
}

interface TrustedTypePolicy {
  createScriptURL(url: string): unknown
}
