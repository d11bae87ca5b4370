import { setting } from './setting.ts'
import { days, mailAddress, smtpUrl, text, webhookSecret } from './values.ts'

/** What is kept for how long, and where feedback goes. */
export const keeping = {
  auditRetention: setting({
    env: 'AUDIT_RETENTION',
    parse: days,
    about:
      'How long entries of the audit log are kept, and with them the timelines of requests. Their checkpoints stay. For ever if not given.',
    example: '400d',
  }),
  requestRetention: setting({
    env: 'REQUEST_RETENTION',
    parse: days,
    about:
      'How long requests are kept after they have ended, with all that is known of them: evidence of decisions, messages, deliveries, tokens. Whoever can still use or renew access keeps it. For ever if not given.',
    example: '400d',
  }),
  feedbackWebhook: setting({
    env: 'FEEDBACK_WEBHOOK',
    parse: text,
    about: 'Address that each feedback is POSTed to, signed. The rules for endpoints hold for it.',
    example: 'https://hooks.example.com/countersign',
  }),
  feedbackWebhookSecret: setting({
    env: 'FEEDBACK_WEBHOOK_SECRET',
    parse: webhookSecret,
    about: 'Signs what is POSTed there (Standard Webhooks): whsec_ and at least 24 bytes in base64.',
    example: 'in COUNTERSIGN_FEEDBACK_WEBHOOK_SECRET_FILE: /run/secrets/feedback',
    isSecret: true,
  }),
  feedbackMail: setting({
    env: 'FEEDBACK_MAIL',
    parse: mailAddress,
    about: 'Mail address that each feedback is sent to, by the mail server below.',
    example: 'help@example.com',
  }),
  smtp: setting({
    env: 'SMTP',
    parse: smtpUrl,
    about: 'Mail server: smtp:// (TLS by STARTTLS) or smtps://, with user and password.',
    example: 'smtp://countersign:secret@mail.example.com:587',
    isSecret: true,
  }),
  smtpFrom: setting({
    env: 'SMTP_FROM',
    parse: mailAddress,
    about: 'Sender of mails. The address in FEEDBACK_MAIL if not given.',
    example: 'countersign@example.com',
  }),
}
