import type { Device } from '../support/browser.ts'

type Permission = 'default' | 'granted' | 'denied'

/**
 * What a browser without a maker's push service lacks: leave to show notices, and the address to push to. All else is
 * real: the worker, its registration under Trusted Types, and the push event that it gets.
 */
export async function equip(device: Device, subscription: object | null, permission: Permission = 'default') {
  await device.context.addInitScript(
    ({ subscription, permission }) => {
      const kept = () => localStorage.getItem('test-subscription')
      const asSubscription = (text: string) => ({
        ...JSON.parse(text),
        toJSON: () => JSON.parse(text),
        unsubscribe: async () => localStorage.removeItem('test-subscription'),
      })
      localStorage.setItem('test-permission', localStorage.getItem('test-permission') ?? permission)
      Object.defineProperty(Notification, 'permission', {
        get: () => localStorage.getItem('test-permission'),
      })
      Notification.requestPermission = async () => {
        if (localStorage.getItem('test-permission') === 'default')
          localStorage.setItem('test-permission', 'granted')
        return localStorage.getItem('test-permission') as NotificationPermission
      }
      PushManager.prototype.getSubscription = async () => {
        const text = kept()
        return text === null ? null : asSubscription(text)
      }
      PushManager.prototype.subscribe = async (options) => {
        if (!options?.userVisibleOnly || !options.applicationServerKey) throw new TypeError('wrong options')
        const text = JSON.stringify(subscription)
        localStorage.setItem('test-subscription', text)
        return asSubscription(text)
      }
    },
    { subscription, permission },
  )
}
