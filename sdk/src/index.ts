// Ask, wait, receive: Countersign, and every server that speaks OpenID CIBA. Web APIs alone.

export { type App, type AppAsked, type AppOptions, createApp, type Delivery } from './app.ts'
export { dpopFetch } from './dpop.ts'
export { type Code, CountersignError } from './errors.ts'
export type { Fetch } from './http.ts'
export type { Incoming } from './incoming.ts'
export {
  type Ask,
  type Asked,
  type AskOptions,
  createInitiator,
  type Initiator,
  type InitiatorOptions,
  type Notification,
  type Tokens,
} from './initiator.ts'
export type { SigningKey } from './jwt.ts'
export type { WaitOptions } from './wait.ts'
export { verifyWebhook } from './webhook.ts'
