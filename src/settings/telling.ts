import { always, setting } from './setting.ts'
import { appOrigins, count, list, origin, phone, pushSubject, text, webhookSecret, webUrl } from './values.ts'

/** By what account holders are told. */
export const telling = {
  pushSubject: setting({
    env: 'PUSH_SUBJECT',
    parse: pushSubject,
    about:
      'Address at which push services reach the operator (RFC 8292): mailto: or https:. The public origin if not given.',
    example: 'mailto:ops@example.com',
  }),
  pushHosts: always({
    env: 'PUSH_HOSTS',
    parse: list,
    fallback: 'fcm.googleapis.com, *.push.services.mozilla.com, *.push.apple.com, *.notify.windows.com',
    about: 'Push services that may be called to tell a browser; others are refused.',
    example: 'fcm.googleapis.com, *.push.apple.com',
  }),
  appBackendUrl: setting({
    env: 'APP_BACKEND_URL',
    parse: webUrl,
    about:
      'Address at which the back end of your own app hears of requests, so that the app can tell and show them. With it the http channel is on.',
    example: 'https://app.example.com/hooks/countersign',
  }),
  appBackendSecret: setting({
    env: 'APP_BACKEND_SECRET',
    parse: webhookSecret,
    about: 'Signs those calls (Standard Webhooks): whsec_ and at least 24 bytes in base64.',
    example: 'in COUNTERSIGN_APP_BACKEND_SECRET_FILE: /run/secrets/app-backend',
    isSecret: true,
  }),
  appOrigins: setting({
    env: 'APP_ORIGINS',
    parse: appOrigins,
    about:
      'Origins of your own apps in which passkeys of this site may sign (WebAuthn): of an Android app its android:apk-key-hash.',
    example: 'android:apk-key-hash:Z9vG7nfBjn0h3vAdBl9wDzxkQAVtyKo8l8ddTDE3rnk',
  }),
  whatsappApi: always({
    env: 'WHATSAPP_API',
    parse: origin,
    fallback: 'https://graph.facebook.com',
    about: 'Base address of the WhatsApp Cloud API.',
    example: 'https://graph.facebook.com',
  }),
  whatsappApiVersion: always({
    env: 'WHATSAPP_API_VERSION',
    parse: text,
    fallback: 'v23.0',
    about: 'Version of the WhatsApp Cloud API.',
    example: 'v23.0',
  }),
  whatsappPhoneNumberId: setting({
    env: 'WHATSAPP_PHONE_NUMBER_ID',
    parse: text,
    about: 'Id of the number that messages come from. With it the WhatsApp channel is on.',
    example: '106540352242922',
  }),
  whatsappAccountId: setting({
    env: 'WHATSAPP_BUSINESS_ACCOUNT_ID',
    parse: text,
    about:
      'Id of the WhatsApp business account that the number and the templates belong to. With it countersign doctor looks at the templates.',
    example: '102290129340398',
  }),
  whatsappNumber: setting({
    env: 'WHATSAPP_NUMBER',
    parse: phone,
    about: 'The number itself, which users write to when they connect their phone. Without it Meta is asked.',
    example: '+1 555 010 0199',
  }),
  whatsappRate: always({
    env: 'WHATSAPP_RATE',
    parse: count,
    fallback: '80',
    about:
      'Messages a second from the number, over all nodes. Meta begins with 80, and raises it for numbers that send much.',
    example: '80',
  }),
  whatsappAccessToken: setting({
    env: 'WHATSAPP_ACCESS_TOKEN',
    parse: text,
    about: 'Token of a system user with the right whatsapp_business_messaging.',
    example: 'in COUNTERSIGN_WHATSAPP_ACCESS_TOKEN_FILE: /run/secrets/whatsapp',
    isSecret: true,
  }),
  whatsappAppSecret: setting({
    env: 'WHATSAPP_APP_SECRET',
    parse: text,
    about: 'App secret, by which a webhook call is known to be from Meta.',
    example: 'in COUNTERSIGN_WHATSAPP_APP_SECRET_FILE: /run/secrets/whatsapp-app',
    isSecret: true,
  }),
  whatsappVerifyToken: setting({
    env: 'WHATSAPP_VERIFY_TOKEN',
    parse: text,
    about: 'Word of your choice that Meta repeats when it verifies the webhook address.',
    example: 'a long random word',
    isSecret: true,
  }),
  whatsappTemplate: always({
    env: 'WHATSAPP_TEMPLATE',
    parse: text,
    fallback: 'access_request_v1',
    about: 'Name of the approved message template.',
    example: 'access_request_v1',
  }),
  whatsappAccountTemplate: setting({
    env: 'WHATSAPP_ACCOUNT_TEMPLATE',
    parse: text,
    about:
      'Name of an approved template for news of the account itself, with two variables in its body: what happens, and when. Without it such news does not go by WhatsApp.',
    example: 'account_news_v1',
  }),
  whatsappTemplateLanguage: always({
    env: 'WHATSAPP_TEMPLATE_LANGUAGE',
    parse: text,
    fallback: 'en',
    about: 'Language of the approved message template.',
    example: 'en',
  }),
}
