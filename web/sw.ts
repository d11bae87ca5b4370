/**
 * Shows what the server pushes while no page is open (Push API §10.4). It keeps no answers of the API: a decision is made
 * on what the server says now.
 */

interface Shown {
  title: string
  options: NotificationOptions & { data: { path: string; receipt: string | null } }
}

/** The part of the worker's scope that is used; the types of pages and of workers cannot stand in one project. */
interface WorkerScope {
  registration: ServiceWorkerRegistration
  clients: {
    claim(): Promise<void>
    matchAll(options: { type: 'window'; includeUncontrolled: boolean }): Promise<WindowClient[]>
    openWindow(url: string): Promise<unknown>
  }
  skipWaiting(): Promise<void>
  addEventListener(type: string, listener: (event: WorkerEvent) => void): void
}

interface WindowClient {
  url: string
  focus(): Promise<unknown>
  postMessage(message: unknown): void
}

interface WorkerEvent {
  waitUntil(work: Promise<unknown>): void
  data: { text(): string } | null
  notification: Notification
  oldSubscription: PushSubscription | null
  newSubscription: PushSubscription | null
}

const worker = globalThis as unknown as WorkerScope

worker.addEventListener('install', (event) => event.waitUntil(worker.skipWaiting()))
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()))

// A push that shows nothing costs the subscription on some systems, so even one that cannot be read shows something.
worker.addEventListener('push', (event) => {
  const { title, options } = readPush(event.data?.text())
  event.waitUntil(
    worker.registration.showNotification(title, options).then(() => confirmShown(options.data.receipt)),
  )
})

function readPush(text: string | undefined): Shown {
  try {
    const { notification } = JSON.parse(text ?? '')
    const { title, body, lang, tag, silent, navigate, data } = notification
    return {
      title: String(title),
      options: {
        body: String(body),
        lang: String(lang),
        tag: String(tag),
        silent: silent === true,
        icon: '/icon-192.png',
        badge: '/badge-96.png',
        data: { path: new URL(navigate).pathname, receipt: data?.receipt ?? null },
      },
    }
  } catch {
    return { title: 'Countersign', options: { tag: 'unreadable', data: { path: '/', receipt: null } } }
  }
}

/** Best effort: whoever asked sees that the request was shown. */
async function confirmShown(receipt: string | null) {
  if (receipt) await post('POST', '/v1/notices/shown', { receipt })
}

// A tap opens the request and decides nothing.
worker.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open(event.notification.data?.path ?? '/'))
})

async function open(path: string) {
  const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const page = pages.find(({ url }) => new URL(url).pathname === path) ?? pages[0]
  if (!page) return worker.clients.openWindow(path)
  await page.focus().catch(() => {})
  page.postMessage({ open: path })
}

// The browser has changed its address at the push service by itself.
worker.addEventListener('pushsubscriptionchange', (event) => {
  const { oldSubscription, newSubscription } = event
  const { registration } = worker
  event.waitUntil(
    (async () => {
      const fresh =
        newSubscription ??
        (await registration.pushManager.subscribe(oldSubscription?.options as PushSubscriptionOptionsInit))
      await post('PUT', '/v1/me/push', { ...fresh.toJSON(), expirationTime: undefined })
    })(),
  )
})

const post = (method: string, path: string, body: object) =>
  fetch(path, {
    method,
    credentials: 'same-origin',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }).catch(() => {})
